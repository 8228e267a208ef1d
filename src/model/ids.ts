/**
 * Identifiers. Every record has a UUID version 7 (RFC 9562), so that ids sort by the time of their making and an
 * index on them grows at one end. Each noun has its own branded type: a HostId where an InstanceId belongs does not compile.
 */
declare const brand: unique symbol
export type Id<Noun extends string> = string & { readonly [brand]: Noun }

export type DomainId = Id<'domain'>
export type ProjectId = Id<'project'>
export type UserId = Id<'user'>
export type RoleId = Id<'role'>
export type ApiKeyId = Id<'api-key'>
export type RegionId = Id<'region'>
export type AggregateId = Id<'aggregate'>
export type HostInvitationId = Id<'host-invitation'>
export type HostRegistrationId = Id<'host-registration'>
export type ZoneId = Id<'zone'>
export type ClusterId = Id<'cluster'>
export type HostId = Id<'host'>
export type FlavorId = Id<'flavor'>
export type KeyPairId = Id<'key-pair'>
export type ImageId = Id<'image'>
export type ImageKeyId = Id<'image-key'>
export type NetworkId = Id<'network'>
export type SubnetId = Id<'subnet'>
export type PortId = Id<'port'>
export type RouterId = Id<'router'>
export type FloatingIpId = Id<'floating-ip'>
export type SecurityGroupId = Id<'security-group'>
export type SecurityGroupRuleId = Id<'security-group-rule'>
export type VolumeId = Id<'volume'>
export type InstanceId = Id<'instance'>
export type MigrationId = Id<'migration'>
export type InstanceGroupId = Id<'instance-group'>
export type OperationId = Id<'operation'>
export type HaRestartId = Id<'ha-restart'>
export type PciAliasId = Id<'pci-alias'>
export type PlacementId = Id<'placement'>

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function isUuid(text: string): boolean {
  return uuidForm.test(text)
}

/** Where time and randomness come from; a simulation gives its own. */
export interface IdSource {
  now_ms(): number
  randomBytes(count: number): Uint8Array
}

/** A new UUID version 7: 48 bits of milliseconds, then 74 random bits (RFC 9562, section 5.7). */
export function newId<T extends Id<string>>(source: IdSource): T {
  const bytes = new Uint8Array(16)
  const now_ms = source.now_ms()
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now_ms / 2 ** (8 * (5 - i))) % 256
  bytes.set(source.randomBytes(10), 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as T
}
