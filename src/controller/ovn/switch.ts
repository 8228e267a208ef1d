/**
 * Networks as logical switches: their ports, the way into a physical network, names for guests (ovn-nb(5),
 * Logical_Switch, Logical_Switch_Port, DNS).
 * Not its job: what a router has on its own side (router.ts), security groups (security-group.ts).
 */
import type { RowInput } from '../../lib/ovsdb/index.ts'
import type { Context, Port } from './context.ts'
import { metadataAddress } from './dhcp.ts'
import type { RouterPort } from './router.ts'
import type { Northbound } from './schema.ts'
import type { TopologyNetwork } from './topology.ts'

type PortColumns = RowInput<Northbound, 'Logical_Switch_Port'>

/** The name of the logical router port that belongs to a port of kind router. */
export const routerPortName = (portId: string): string => `lrp-${portId}`

/** `routerPorts` are those that a router really has: the others would make OVN complain. */
export function planSwitches(context: Context, routerPorts: ReadonlyMap<string, RouterPort>): void {
  for (const network of context.networks.values()) {
    const ports: string[] = []
    if (network.kind === 'external' && network.physical_network !== null) ports.push(planLocalnet(context, network))
    for (const port of context.portsOf.get(network.id) ?? []) {
      const columns = portColumns(context, port, routerPorts)
      if (!columns) continue
      context.rows.add('Logical_Switch_Port', port.id, port.kind, columns)
      ports.push(port.id)
    }
    const dns_records = planNames(context, network) ? [network.id] : []
    context.rows.add('Logical_Switch', network.id, 'network', { name: `network-${network.id}`, ports, dns_records })
  }
}

/** One only: OVN refuses a second localnet port on a switch. */
function planLocalnet(context: Context, network: TopologyNetwork): string {
  const id = `localnet-${network.id}`
  context.rows.add('Logical_Switch_Port', id, 'localnet', {
    ...base(id),
    type: 'localnet',
    addresses: ['unknown'],
    options: { network_name: network.physical_network ?? '' },
    tag: network.vlan ?? undefined,
  })
  return id
}

const base = (name: string): PortColumns => ({
  name,
  type: '',
  addresses: [],
  port_security: [],
  options: {},
  tag: undefined,
  enabled: undefined,
  dhcpv4_options: undefined,
  dhcpv6_options: undefined,
})

function portColumns(
  context: Context,
  port: Port,
  routerPorts: ReadonlyMap<string, RouterPort>,
): PortColumns | undefined {
  if (port.kind === 'instance') return instanceColumns(context, port)
  if (port.kind === 'metadata') {
    if (context.metadata.get(port.network_id) !== port) return undefined
    const addresses = [[port.mac, metadataAddress, ...port.addresses.map(each => each.address)].join(' ')]
    return { ...base(port.id), type: 'localport', addresses, enabled: port.admin_up }
  }
  const role = routerPorts.get(port.id)?.role
  if (!role) {
    context.problems.push(`port ${port.id} is of kind router, but no router has it`)
    return undefined
  }
  // The gateway's host announces the router's addresses outside when it takes over.
  const announce = role === 'gateway' ? { 'nat-addresses': 'router' } : undefined
  const options = { 'router-port': routerPortName(port.id), ...announce }
  return { ...base(port.id), type: 'router', addresses: ['router'], options, enabled: port.admin_up }
}

function instanceColumns(context: Context, port: Port): PortColumns {
  const own = [port.mac, ...port.addresses.map(each => each.address)].join(' ')
  const hosts = [port.host, port.target_host].filter(host => typeof host === 'string')
  return {
    ...base(port.id),
    // 'unknown': frames to addresses that nobody is known to have go here as well.
    addresses: port.port_security && !usesOtherMac(port) ? [own] : [own, 'unknown'],
    port_security: port.port_security ? allowed(port) : [],
    enabled: port.admin_up,
    dhcpv4_options: dhcpRow(context, port, 4),
    dhcpv6_options: dhcpRow(context, port, 6),
    options: {
      ...(hosts.length === 0 ? {} : { 'requested-chassis': hosts.join(',') }),
      ...(hosts.length === 2 ? { 'activation-strategy': 'rarp' } : {}),
      ...(port.hostname ? { hostname: `"${port.hostname}"` } : {}),
    },
  }
}

const usesOtherMac = (port: Port): boolean =>
  port.allowed_address_pairs.some(({ mac }) => mac !== null && mac !== port.mac)

/** One entry a MAC address, with all that may be used with it. */
function allowed(port: Port): string[] {
  const byMac = new Map([[port.mac, port.addresses.map(each => each.address)]])
  for (const { mac, address } of port.allowed_address_pairs) {
    const entry = byMac.get(mac ?? port.mac)
    if (entry) entry.push(address)
    else if (mac !== null) byMac.set(mac, [address])
  }
  return [...byMac].map(([mac, addresses]) => [mac, ...new Set(addresses)].join(' '))
}

function dhcpRow(context: Context, port: Port, family: 4 | 6): string | undefined {
  const subnet = port.addresses.find(each => each.family === family)?.subnet
  return subnet && context.rows.has('DHCP_Options', subnet.id) ? subnet.id : undefined
}

/** Names of guests, answered within their network. False when there are none. */
function planNames(context: Context, network: TopologyNetwork): boolean {
  const { domain_name } = context.options
  if (domain_name === '') return false
  const names = new Map<string, string[]>()
  for (const port of context.portsOf.get(network.id) ?? []) {
    if (port.kind !== 'instance' || !port.hostname || port.addresses.length === 0) continue
    // OVN compares names in lower case.
    const name = `${port.hostname}.${domain_name}`.toLowerCase()
    const addresses = port.addresses.map(each => each.address)
    const there = names.get(name)
    if (there) there.push(...addresses)
    else names.set(name, addresses)
  }
  if (names.size === 0) return false
  const records = Object.fromEntries([...names].map(([name, addresses]) => [name, addresses.join(' ')]))
  context.rows.add('DNS', network.id, 'network', { records })
  return true
}
