/**
 * What a request for instances comes to: of which size, from what, with whose keys, on which networks, what it takes of the quota and
 * asks of a host. Each step is the same for making them (instance-create.ts) and for only looking (instance-plan.ts).
 * Not its job: to take or make anything.
 */
import type { Flavor } from '../../api/flavor.ts'
import type { InstanceCreate } from '../../api/instance-create.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { checkKeys } from '../../model/tag-keys.ts'
import { limits } from '../../model/limits.ts'
import type { QuotaCharge } from '../../model/quota.ts'
import type { Cloud } from '../cloud.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import { bootSource } from '../store/boot-source.ts'
import type { Tx } from '../store/database.ts'
import { flavor } from '../store/flavor.ts'
import { type Boot, extraGib } from './boot-source.ts'
import type { Caller } from './caller.ts'
import { hardwareOf } from './hardware.ts'
import { askedOfNew } from './instance-cpu.ts'
import { checkHints, groupOf } from './placement-around.ts'

export type InstanceRequest = Omit<InstanceCreate, 'name'>
type Networks = NonNullable<InstanceCreate['networks']>

/** What its shape cannot say of it. */
export function checkTexts({ user_data, tags }: InstanceRequest): void {
  checkKeys('tags', tags)
  if (user_data === undefined) return
  const bytes = Buffer.from(user_data, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== user_data.replace(/=+$/, '')) {
    throw new CloudError('invalid', 'user_data is not base64. Encode it first, as in: base64 -w0 FILE.')
  }
  if (bytes.length > limits.user_data_bytes_max) {
    throw new CloudError(
      'invalid',
      `user_data has ${bytes.length} bytes; at most ${limits.user_data_bytes_max} are taken.`,
    )
  }
}

export function namesOf({ name, count = 1 }: InstanceCreate): string[] {
  return count === 1 ? [name] : Array.from({ length: count }, (_, n) => `${name}-${n + 1}`)
}

export async function sizeOf(tx: Tx, { flavor_id }: InstanceRequest): Promise<Flavor> {
  const size = await flavor.find(tx, flavor_id)
  if (!size) throw notFound('flavor', flavor_id)
  return size
}

export async function keysFor(
  tx: Tx,
  caller: Caller,
  asked: InstanceRequest,
): Promise<{ name: string; public_key: string }[]> {
  const found = await bootSource.keys(tx, caller.user_id, asked.key_names)
  const missing = asked.key_names?.find(name => !found.some(key => key.name === name))
  if (missing !== undefined) throw notFound('key pair', missing)
  const given =
    asked.public_keys?.map((public_key, n) => ({ name: `given-${n + 1}`, public_key: public_key.trim() })) ?? []
  const bad = given.find(key => !/^(ssh|ecdsa|sk-)[a-z0-9@.-]* [A-Za-z0-9+/]+={0,2}( [^\r\n]*)?$/.test(key.public_key))
  if (bad) throw new CloudError('invalid', `${bad.name} is not an OpenSSH public key: one line, 'type base64 comment'.`)
  return [...found, ...given]
}

/** Of who names none: the project's own network if there is one, else the one shared with it. */
export async function networksFor(tx: Tx, project_id: string, { networks }: InstanceRequest): Promise<Networks> {
  if (networks) return networks
  const all = await bootSource.networks(tx, project_id)
  const own = all.filter(network => network.own)
  const candidates = own.length > 0 ? own : all
  const [first] = candidates
  if (first && candidates.length === 1) return [{ network_id: first.id }]
  const names = candidates.map(network => network.name).join(', ')
  throw new CloudError(
    'invalid',
    first
      ? `There is more than one network to choose from (${names}). Name one in networks.`
      : 'The project has no network. Make one with a subnet first: croft network create.',
    { field: 'networks', networks: candidates },
  )
}

/** Where quota counts. */
export const chargedTo = (caller: Caller, project_id: string) => ({
  project_id,
  domain_id: caller.project_domain_id ?? '',
})

/** `root_gib`: of each new root disk. A volume that is there already was charged when it was made. */
export function chargeOf(size: Flavor, root_gib: number, count: number): QuotaCharge {
  return {
    instances: count,
    vcpus: count * size.vcpus,
    memory_mib: count * size.memory_mib,
    storage_gib: count * (extraGib(size) + root_gib),
  }
}

/**
 * Properties of flavor and image bind the choice of host: the flavor's `label:KEY` and `aggregate:KEY`, `cpu_flags` of both, the image's
 * `architecture` and `virtualisation`. Throws not_found for a group that the project has not.
 */
export async function placementAsked(
  cloud: Pick<Cloud, 'settings'>,
  tx: Tx,
  { project_id, asked, size, boot }: { project_id: string; asked: InstanceRequest; size: Flavor; boot: Boot },
): Promise<PlacementAsked> {
  await checkHints(tx, project_id, asked)
  const hardware = await hardwareOf(tx, size, boot)
  const cpu = askedOfNew(cloud, project_id, hardware)
  const cpu_flags = [size.properties.cpu_flags, boot.properties.cpu_flags].flatMap(
    flags => flags?.split(/[\s,]+/) ?? [],
  )
  return {
    vcpus: size.vcpus,
    memory_mib: size.memory_mib,
    disk_gib: extraGib(size) + (boot.volume?.host_id ? 0 : boot.disk_gib),
    zone_id: asked.zone_id ?? null,
    host_id: asked.host_id ?? null,
    project_id,
    arch: boot.properties.architecture ?? null,
    ...(boot.properties.virtualisation && { virtualisation: boot.properties.virtualisation }),
    ...(boot.image_id !== null && { image_id: boot.image_id }),
    ...(asked.group_id !== undefined && { group: await groupOf(tx, project_id, asked.group_id) }),
    ...(asked.different_from && { different_from: asked.different_from }),
    ...(asked.same_as && { same_as: asked.same_as }),
    aggregates: propertiesOf('aggregate:', size),
    ...(boot.volume?.host_id && { volume_host_id: boot.volume.host_id }),
    ...(boot.volume?.pool_id && { volume_pool_id: boot.volume.pool_id }),
    ...(asked.availability === 'high' && { shared_pool: true }),
    cpu_flags: [...cpu_flags.filter(flag => flag !== ''), ...(hardware?.flags_required ?? [])],
    ...(hardware && { hardware }),
    ...(cpu && { cpu }),
    labels: propertiesOf('label:', size),
  }
}

/**
 * Those of the flavor that begin so, by what follows. Not of the image: flavors are the operator's, images anybody's, who would come by them to hosts
 * that are kept for others (docs/placement.md).
 */
function propertiesOf(prefix: string, { properties }: Flavor): Record<string, string> {
  const own = Object.entries(properties).filter(([key]) => key.startsWith(prefix))
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]))
}

/** A name as a host name (RFC 1123): lower case letters, digits and hyphens, at most 63. */
export function hostnameOf(name: string): string {
  const hostname = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '')
  return hostname || 'instance'
}
