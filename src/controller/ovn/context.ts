/**
 * The snapshot with its references followed, for the parts of the plan. What does not hold together is left out here,
 * once, and said in `problems`; the rest of the network is planned as if it were not there.
 * Not its job: rows.
 */
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { type Cidr, parseCidr } from '../../lib/ip.ts'
import type { DesiredRows } from './rows.ts'
import type {
  Topology,
  TopologyNetwork,
  TopologyPort,
  TopologyRouter,
  TopologySecurityGroup,
  TopologySubnet,
} from './topology.ts'

export interface PlanOptions {
  /** How long a guest may keep an address without asking again. Default 43,200. */
  readonly dhcp_lease_s?: number
  /** Given to guests by DHCP, and the zone of their names within a network; empty: neither. Default 'croft.internal'. */
  readonly domain_name?: string
}

export interface Subnet extends TopologySubnet {
  readonly range: Cidr
}
export interface PortAddress {
  readonly address: string
  readonly family: 4 | 6
  readonly subnet: Subnet
}
export interface Port extends Omit<TopologyPort, 'addresses'> {
  readonly network: TopologyNetwork
  readonly addresses: readonly PortAddress[]
}

export interface Context {
  readonly options: Required<PlanOptions>
  readonly rows: DesiredRows
  readonly networks: ReadonlyMap<string, TopologyNetwork>
  readonly subnets: ReadonlyMap<string, Subnet>
  readonly ports: ReadonlyMap<string, Port>
  readonly portsOf: ReadonlyMap<string, readonly Port[]>
  /** The network's localport. */
  readonly metadata: ReadonlyMap<string, Port>
  readonly routers: readonly TopologyRouter[]
  readonly security_groups: ReadonlyMap<string, TopologySecurityGroup>
  readonly problems: string[]
}

export function makeContext(topology: Topology, options: PlanOptions, rows: DesiredRows): Context {
  const problems: string[] = []
  const networks = new Map<string, TopologyNetwork>()
  for (const network of topology.networks) {
    networks.set(network.id, network)
    if (network.kind === 'external' && network.physical_network === null)
      problems.push(`network ${network.id} is external but names no physical network: it reaches nothing`)
  }
  const subnets = followSubnets(topology, networks, problems)
  const ports = followPorts(topology, networks, subnets, problems)
  const portsOf = Map.groupBy(ports.values(), port => port.network_id)
  const metadata = new Map<string, Port>()
  for (const port of ports.values()) {
    if (port.kind !== 'metadata') continue
    if (metadata.has(port.network_id))
      problems.push(`network ${port.network_id} has a second metadata port, ${port.id}`)
    else metadata.set(port.network_id, port)
  }
  return {
    options: { dhcp_lease_s: options.dhcp_lease_s ?? 43_200, domain_name: options.domain_name ?? 'croft.internal' },
    rows,
    networks,
    subnets,
    ports,
    portsOf,
    metadata,
    routers: topology.routers,
    security_groups: new Map(topology.security_groups.map(group => [group.id, group])),
    problems,
  }
}

function followSubnets(
  topology: Topology,
  networks: ReadonlyMap<string, TopologyNetwork>,
  problems: string[],
): Map<string, Subnet> {
  const subnets = new Map<string, Subnet>()
  for (const subnet of topology.subnets) {
    const range = parseCidr(subnet.cidr)
    if (!networks.has(subnet.network_id)) problems.push(`subnet ${subnet.id}: no network ${subnet.network_id}`)
    else if (!range) problems.push(`subnet ${subnet.id}: ${subnet.cidr} is not a CIDR`)
    else subnets.set(subnet.id, { ...subnet, range })
  }
  return subnets
}

function followPorts(
  topology: Topology,
  networks: ReadonlyMap<string, TopologyNetwork>,
  subnets: ReadonlyMap<string, Subnet>,
  problems: string[],
): Map<string, Port> {
  const ports = new Map<string, Port>()
  for (const port of topology.ports) {
    const network = networks.get(port.network_id)
    if (!network) {
      problems.push(`port ${port.id}: no network ${port.network_id}`)
      continue
    }
    const addresses: PortAddress[] = []
    for (const { subnet_id, address } of port.addresses) {
      const subnet = subnets.get(subnet_id)
      const family = isIP(address)
      if (!subnet || subnet.network_id !== network.id)
        problems.push(`port ${port.id}: network ${network.id} has no subnet ${subnet_id}`)
      else if (family !== 4 && family !== 6) problems.push(`port ${port.id}: ${address} is not an address`)
      else addresses.push({ address, family, subnet })
    }
    ports.set(port.id, { ...port, network, addresses })
  }
  return ports
}

/** A locally administered address that is always the same for this id (IEEE 802, first octet x2, x6, xA or xE). */
export function macFrom(id: string): string {
  const hash = createHash('sha256').update(id).digest('hex')
  return `0a:${(hash.slice(0, 10).match(/../g) ?? []).join(':')}`
}

/** `10.0.0.1/24` of an address within its subnet. */
export const withPrefix = ({ address, subnet }: PortAddress): string => `${address}/${subnet.range.prefix_length}`
