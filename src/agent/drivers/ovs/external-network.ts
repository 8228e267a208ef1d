/**
 * The way outside on a host that has no network of its own for floating addresses: the external bridge gets the gateway's
 * address, the kernel forwards, and what leaves through another device leaves under the host's own address. Floating
 * addresses are then reached from the host itself and from whoever routes their network to it.
 *
 * Everything here can be done twice and taken back. Of nftables only the table `inet croft` is ever written.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { contains, formatCidr, parseAddress, parseCidr } from '../../../lib/ip.ts'
import { finishChecksums, ipBatch, readLinks } from '../../../lib/linuxnet/ip.ts'
import { type BaseChain, type ChainSeen, deleteTable, replaceTable } from '../../../lib/linuxnet/nft.ts'
import { Failure } from '../../ports.ts'
import type { Datapath, Vswitch } from './vswitch.ts'

export type ExternalNetwork = {
  readonly bridge: string
  /** The gateway's address with the network's prefix length, `172.31.240.1/24`. IPv4. */
  readonly gateway: string
  readonly datapath: Datapath
}

const table = { family: 'inet', name: 'croft' } as const
const forwarding_file = '/proc/sys/net/ipv4/ip_forward'
const forwarding_note = 'croft-ip-forward-before'

export async function ensureExternalNetwork(vswitch: Vswitch, wanted: ExternalNetwork): Promise<void> {
  const { bridge, gateway, datapath } = wanted
  const network = parseCidr(gateway)
  if (network?.family !== 4)
    throw new Failure(`The external network's gateway "${gateway}" is not an IPv4 address with prefix length`)
  await refuseOverlap(bridge, gateway)
  await vswitch.ensureBridge({ name: bridge, datapath, fail_mode: 'standalone' })
  await ensureAddress(bridge, gateway)
  if (datapath === 'netdev') await finishChecksums(bridge)
  await replaceTable(table.family, table.name, externalRules(bridge, formatCidr(network)))
  if ((await readFile(forwarding_file, 'utf8')).trim() === '0') {
    await vswitch.note(bridge, forwarding_note, '0')
    await writeFile(forwarding_file, '1')
  }
}

/** Takes back what `ensureExternalNetwork` did; the bridge itself stays. */
export async function removeExternalNetwork(vswitch: Vswitch, bridge: string): Promise<void> {
  await deleteTable(table.family, table.name)
  const link = (await readLinks()).find(({ name }) => name === bridge)
  const addresses = link?.addresses.filter(({ family }) => family === 'inet') ?? []
  await ipBatch(
    addresses.map(({ address, prefix_length }) => `address delete ${address}/${prefix_length} dev ${bridge}`),
  )
  if (vswitch.bridge(bridge)?.external_ids.get(forwarding_note) === '0') {
    await writeFile(forwarding_file, '0')
    await vswitch.note(bridge, forwarding_note, undefined)
  }
}

/** Whether the rules of `ensureExternalNetwork` are still there. */
export function hasExternalRules(chains: readonly ChainSeen[]): boolean {
  return chains.some(({ family, table: of }) => family === table.family && of === table.name)
}

function externalRules(bridge: string, network: string): BaseChain[] {
  const [addr = '', len = ''] = network.split('/')
  const device = (key: 'iifname' | 'oifname', op: '==' | '!=') => ({
    match: { op, left: { meta: { key } }, right: bridge },
  })
  const from_network = {
    match: {
      op: '==',
      left: { payload: { protocol: 'ip', field: 'saddr' } },
      right: { prefix: { addr, len: Number(len) } },
    },
  }
  const accept = { accept: null }
  return [
    {
      name: 'outside',
      type: 'nat',
      hook: 'postrouting',
      prio: 100,
      rules: [[from_network, device('oifname', '!='), { masquerade: null }]],
    },
    {
      name: 'forward',
      type: 'filter',
      hook: 'forward',
      prio: 0,
      policy: 'accept',
      rules: [
        [device('iifname', '=='), accept],
        [device('oifname', '=='), accept],
      ],
    },
  ]
}

async function ensureAddress(bridge: string, gateway: string): Promise<void> {
  const link = (await readLinks()).find(({ name }) => name === bridge)
  if (!link) throw new Failure(`Bridge ${bridge} has no device in the kernel; is ovs-vswitchd running?`)
  const addresses = link.addresses.filter(({ family }) => family === 'inet')
  const stale = addresses.map(a => `${a.address}/${a.prefix_length}`).filter(text => text !== gateway)
  const there = addresses.length > stale.length
  await ipBatch([
    ...(there ? [] : [`address add ${gateway} dev ${bridge}`]),
    ...stale.map(text => `address delete ${text} dev ${bridge}`),
    ...(link.up ? [] : [`link set ${bridge} up`]),
  ])
}

/** A second device in the same network would take the floating addresses' answers, or lose its own. */
async function refuseOverlap(bridge: string, gateway: string): Promise<void> {
  const network = parseCidr(gateway)
  for (const link of await readLinks()) {
    if (link.name === bridge || !network) continue
    for (const { address, prefix_length } of link.addresses) {
      const other = parseCidr(`${address}/${prefix_length}`)
      const [a, b] = [parseAddress(address), parseAddress(gateway.split('/')[0] ?? '')]
      if (other && a && b && (contains(network, a) || contains(other, b)))
        throw new Failure(
          `The external network ${formatCidr(network)} overlaps ${address}/${prefix_length} of ${link.name}. Choose an external network that nothing on this host uses.`,
        )
    }
  }
}
