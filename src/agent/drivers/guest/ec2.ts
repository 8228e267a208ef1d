/**
 * What a guest reads of itself in EC2's layout, for config drive and metadata service alike. Pure. Format: Amazon EC2's user
 * guide, "Instance metadata categories"; as far as guests outside Amazon use it.
 */
import ipaddr from 'ipaddr.js'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import { namedDisks } from '../disk-names.ts'

export const ec2Versions = [
  '1.0',
  '2007-01-19',
  '2008-02-01',
  '2009-04-04',
  '2018-09-24',
  '2021-07-15',
  'latest',
] as const

/** A folder is a Map, a file its text. */
export type Ec2Tree = Map<string, string | Ec2Tree>

/** EC2's form of an id: 'i-' and 17 hex digits, cut from the end of the UUID, where it is random. */
export function ec2Id(prefix: string, id: string): string {
  return `${prefix}-${id.replaceAll('-', '').slice(-17)}`
}

export function ec2MetaData(instance: WantedInstance): Ec2Tree {
  const { metadata } = instance
  const ipv4 = instance.ports.flatMap(port => port.addresses).find(({ address }) => ipaddr.IPv4.isValid(address))
  const floating = metadata.floating_addresses.find(address => ipaddr.IPv4.isValid(address)) ?? ''
  const local = ipv4?.address ?? ''
  const hostname = metadata.hostname
  const tree: Ec2Tree = new Map<string, string | Ec2Tree>([
    ['ami-id', metadata.image],
    ['ami-launch-index', '0'],
    ['ami-manifest-path', '(unknown)'],
    ['block-device-mapping', blockDevices(instance)],
    ['hostname', hostname],
    ['instance-action', 'none'],
    ['instance-id', ec2Id('i', instance.id)],
    ['instance-type', metadata.flavor],
    ['local-hostname', hostname],
    ['local-ipv4', local],
    ['mac', instance.ports[0]?.mac ?? ''],
    ['network', new Map([['interfaces', new Map([['macs', macs(instance)]])]])],
    ['placement', new Map([['availability-zone', metadata.zone]])],
    ['public-hostname', hostname],
    ['public-ipv4', floating],
    ['reservation-id', ec2Id('r', instance.id)],
    ['security-groups', metadata.security_groups.join('\n')],
  ])
  if (metadata.public_keys.length > 0) {
    tree.set(
      'public-keys',
      new Map(
        metadata.public_keys.map((key, n) => [String(n), new Map([['openssh-key', `${key.public_key.trim()}\n`]])]),
      ),
    )
  }
  return tree
}

/** EC2's names for what a guest mounts by itself: cloud-init goes by 'ephemeral0' and 'swap'. */
function blockDevices({ disks }: WantedInstance): Ec2Tree {
  const named = namedDisks(disks)
  const device = (role: string) => named.find(({ disk }) => disk.role === role)?.name
  const [root = 'vda', ephemeral, swap] = [device('root'), device('ephemeral'), device('swap')]
  return new Map([
    ['ami', root],
    ...(ephemeral ? [['ephemeral0', `/dev/${ephemeral}`] as const] : []),
    ['root', `/dev/${root}`],
    ...(swap ? [['swap', `/dev/${swap}`] as const] : []),
  ])
}

function macs(instance: WantedInstance): Ec2Tree {
  return new Map(
    instance.ports.map(port => [
      port.mac,
      new Map([
        ['interface-id', ec2Id('eni', port.port_id)],
        ['local-ipv4s', port.addresses.map(({ address }) => address).join('\n')],
        ['mac', port.mac],
      ]),
    ]),
  )
}

/**
 * The answer to a path below meta-data/: a file's text, or a folder's names, one a line, folders with a slash. Keys are listed
 * as `0=name`, as EC2 does. Null: there is no such thing.
 */
export function readEc2(tree: Ec2Tree, path: readonly string[], keyNames: readonly string[]): string | null {
  let at: string | Ec2Tree | undefined = tree
  for (const name of path) {
    if (!(at instanceof Map)) return null
    at = at.get(name)
  }
  if (at === undefined) return null
  if (typeof at === 'string') return at
  if (path.length === 1 && path[0] === 'public-keys') return keyNames.map((name, n) => `${n}=${name}`).join('\n')
  return [...at].map(([name, value]) => (value instanceof Map ? `${name}/` : name)).join('\n')
}

/** The whole of it as one object, for the config drive. */
export function ec2Json(tree: Ec2Tree): Record<string, unknown> {
  return Object.fromEntries([...tree].map(([name, value]) => [name, value instanceof Map ? ec2Json(value) : value]))
}
