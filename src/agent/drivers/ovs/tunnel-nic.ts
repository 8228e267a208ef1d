/**
 * User-space Open vSwitch sends tunnels only through a bridge of its own: the tunnel address has to live on a netdev bridge
 * that owns the NIC. This moves a NIC named by the operator, with its addresses and routes, into such a bridge; it is never
 * done unasked, and the kernel's datapath needs none of it. Connections through the NIC live on.
 *
 * Not kept over a reboot by itself: the system's own network set-up brings the NIC up as it always did, and the agent
 * moves it again when it starts.
 */
import { finishChecksums, ipBatch, type Link, type Route, readLinks, readRoutes } from '../../../lib/linuxnet/ip.ts'
import { deleteTable, replaceTable } from '../../../lib/linuxnet/nft.ts'
import { Failure } from '../../ports.ts'
import type { Vswitch } from './vswitch.ts'

export type TunnelNic = { readonly nic: string; readonly bridge: string }

const table = { family: 'netdev', name: 'croft' } as const

export async function ensureTunnelNic(vswitch: Vswitch, { nic, bridge }: TunnelNic): Promise<void> {
  const link = await linkOf(nic)
  if (!link) throw new Failure(`The tunnel NIC ${nic} does not exist on this host; name one that "ip link" shows`)
  // Frames cross AF_PACKET, which carries no mark "checksum still to be done".
  await finishChecksums(nic)
  const other_config = { hwaddr: link.mac }
  await vswitch.ensureBridge({ name: bridge, datapath: 'netdev', fail_mode: 'standalone', other_config, mtu: link.mtu })
  await vswitch.ensurePort({ bridge, name: nic })
  const device = await linkOf(bridge)
  if (!device) throw new Failure(`Bridge ${bridge} has no device in the kernel; is ovs-vswitchd running?`)
  if (!device.up) await ipBatch([`link set ${bridge} up`])
  await move(link, bridge)
  await finishChecksums(bridge)
  // The kernel still sees what arrives at the NIC and would answer a second time. OVS took its copy before this hook.
  const chain = {
    name: 'ingress',
    type: 'filter',
    hook: 'ingress',
    dev: nic,
    prio: 0,
    policy: 'drop',
    rules: [],
  } as const
  await replaceTable(table.family, table.name, [chain])
}

/** Gives the NIC its addresses and routes back and takes the bridge away. */
export async function removeTunnelNic(vswitch: Vswitch, { nic, bridge }: TunnelNic): Promise<void> {
  await deleteTable(table.family, table.name)
  const device = await linkOf(bridge)
  if (device) await move(device, nic)
  await vswitch.removeBridge(bridge)
}

async function linkOf(name: string): Promise<Link | undefined> {
  return (await readLinks()).find(link => link.name === name)
}

/** All IPv4 addresses of `from`, and the routes that go with them, now on `to`: one batch, so hardly a packet is lost. */
async function move(from: Link, to: string): Promise<void> {
  const addresses = from.addresses.filter(({ family }) => family === 'inet')
  if (addresses.length === 0) return
  const routes = await readRoutes(from.name)
  await ipBatch([
    ...addresses.map(a => `address delete ${a.address}/${a.prefix_length} dev ${from.name}`),
    ...addresses.map(a => `address add ${a.address}/${a.prefix_length} dev ${to}`),
    // The kernel makes the directly connected ones itself.
    ...routes.filter(({ protocol }) => protocol !== 'kernel').map(route => `route replace ${words(route)} dev ${to}`),
  ])
}

function words(route: Route): string {
  const { dst, gateway, scope, prefsrc, metric, protocol } = route
  const parts = [dst, gateway && `via ${gateway}`, scope && `scope ${scope}`, prefsrc && `src ${prefsrc}`]
  return [...parts, metric !== undefined && `metric ${metric}`, protocol && `proto ${protocol}`]
    .filter(Boolean)
    .join(' ')
}
