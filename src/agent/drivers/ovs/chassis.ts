/**
 * Makes the host a chassis of OVN: bridges, tunnel end, and the settings from which ovn-controller(8) learns where the
 * southbound database is and what this host is called.
 * Not its job: starting Open vSwitch and ovn-controller.
 */
import { ensureTunnelNic } from './tunnel-nic.ts'
import type { Datapath, Vswitch } from './vswitch.ts'

export type ChassisSettings = {
  /** The chassis' name in the southbound database. Never changes on a host. */
  readonly system_id: string
  /** Of a new chassis; one that is called otherwise stays so. */
  readonly hostname: string
  readonly tunnel_address: string
  /** `unix:PATH`, `tcp:HOST:PORT`, `ssl:HOST:PORT`, several joined by commas. */
  readonly southbound: string
  /** For `ssl:`: paths of PEM files that ovn-controller can read. */
  readonly southbound_tls?: { readonly key: string; readonly cert: string; readonly ca: string }
  /** Physical network → bridge. Bridges that do not exist yet are made, empty. */
  readonly physical_networks: Readonly<Record<string, string>>
  readonly datapath: Datapath
  /** A NIC to move into a bridge for the sake of tunnels; see tunnel-nic.ts. */
  readonly tunnel_nic?: string
  /**
   * true: ovn-controller keeps all of the southbound database, which is quicker on a few hosts; false: only what concerns
   * this host, which is what many hosts need. Default false.
   */
  readonly monitor_all?: boolean
}

export const integration_bridge = 'br-int'
export const tunnel_bridge = 'br-phy'

export async function ensureChassis(vswitch: Vswitch, settings: ChassisSettings): Promise<void> {
  const { datapath, physical_networks, southbound_tls, tunnel_nic } = settings
  if (tunnel_nic !== undefined && datapath === 'netdev')
    await ensureTunnelNic(vswitch, { nic: tunnel_nic, bridge: tunnel_bridge })
  await vswitch.ensureBridge({
    name: integration_bridge,
    datapath,
    fail_mode: 'secure',
    other_config: { 'disable-in-band': 'true' },
  })
  for (const bridge of new Set(Object.values(physical_networks)))
    await vswitch.ensureBridge({ name: bridge, datapath, fail_mode: 'standalone' })
  if (southbound_tls && settings.southbound.includes('ssl:')) await vswitch.setTls(southbound_tls)
  // A host may not write its chassis' host name anew (RBAC): its ovn-controller would try to for ever, and write nothing else.
  const hostname = vswitch.settings.external_ids.get('hostname') ?? settings.hostname
  await vswitch.set(externalIds({ ...settings, hostname }))
}

/** What `ensureChassis` sets, for taking it back. */
export const chassisKeys = [
  'system-id',
  'hostname',
  'ovn-remote',
  'ovn-encap-type',
  'ovn-encap-ip',
  'ovn-bridge',
  'ovn-bridge-datapath-type',
  'ovn-bridge-mappings',
  'ovn-openflow-probe-interval',
  'ovn-monitor-all',
] as const

function externalIds(settings: ChassisSettings): Record<(typeof chassisKeys)[number], string | undefined> {
  const mappings = Object.entries(settings.physical_networks).map(([network, bridge]) => `${network}:${bridge}`)
  return {
    'system-id': settings.system_id,
    hostname: settings.hostname,
    'ovn-remote': settings.southbound,
    'ovn-encap-type': 'geneve',
    'ovn-encap-ip': settings.tunnel_address,
    'ovn-bridge': integration_bridge,
    'ovn-bridge-datapath-type': settings.datapath,
    'ovn-bridge-mappings': mappings.length > 0 ? mappings.sort().join(',') : undefined,
    // Both ends are on this machine: a probe would only cut the connection when it is busy.
    'ovn-openflow-probe-interval': '0',
    'ovn-monitor-all': String(settings.monitor_all ?? false),
  }
}
