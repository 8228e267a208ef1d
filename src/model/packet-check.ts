/**
 * Would this packet pass? What a port's security groups say of one new connection, and why: pure, and the same as what
 * src/controller/ovn/security-group.ts makes of the rules. Groups are stateful: what answers a connection that was let through passes
 * without a rule. Not its job: whether there is a way at all (routers, floating addresses), nor what the guest's own firewall says.
 */
import ipaddr from 'ipaddr.js'
import { icmpProtocols, portProtocols } from './ip-protocols.ts'

export interface CheckedRule {
  id: string
  direction: 'ingress' | 'egress'
  ethertype: 'ipv4' | 'ipv6'
  /** Canonical; null: any. */
  protocol: string | null
  /** For ICMP the type, and port_max the code. */
  port_min: number | null
  port_max: number | null
  remote_cidr: string | null
  remote_group_id: string | null
}

export interface Packet {
  direction: 'ingress' | 'egress'
  /** Canonical (ip-protocols.ts). */
  protocol: string
  /** To which; of tcp, udp and sctp always there. */
  port?: number | undefined
  source_port?: number | undefined
  icmp_type?: number | undefined
  icmp_code?: number | undefined
  /** Where it comes from, or goes to: the other end than the port. */
  remote_address: string
}

export interface GuardedPort<R extends CheckedRule> {
  admin_up: boolean
  port_security: boolean
  /** Of all its groups. */
  rules: readonly R[]
}

export const packetReasons = [
  'port_down',
  'no_port_security',
  'dhcp_server',
  'always_allowed',
  'rule',
  'no_groups',
  'no_rule',
] as const
export type PacketReason = (typeof packetReasons)[number]

export const ruleDifferences = ['direction', 'ethertype', 'protocol', 'port', 'remote'] as const
export type RuleDifference = (typeof ruleDifferences)[number]

export interface PacketVerdict<R extends CheckedRule> {
  allowed: boolean
  because: PacketReason
  /** The first that lets it through. */
  rule: R | null
  /** Of a packet that no rule allows: those that come nearest, and in what they differ. */
  closest: { rule: R; differs_in: RuleDifference[] }[]
}

const closest_max = 3

/** Null when the text is no plain address. */
export function ethertypeOf(address: string): 'ipv4' | 'ipv6' | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return 'ipv4'
  if (!ipaddr.IPv6.isValid(address) || address.includes('%')) return null
  return ipaddr.IPv6.parse(address).isIPv4MappedAddress() ? null : 'ipv6'
}

/** `remote_groups`: those of the groups that rules name which the remote address is in. The packet's address must be one. */
export function checkPacket<R extends CheckedRule>(
  port: GuardedPort<R>,
  packet: Packet,
  remote_groups: ReadonlySet<string>,
): PacketVerdict<R> {
  const plain = (allowed: boolean, because: PacketReason): PacketVerdict<R> => ({
    allowed,
    because,
    rule: null,
    closest: [],
  })
  if (!port.admin_up) return plain(false, 'port_down')
  if (!port.port_security) return plain(true, 'no_port_security')
  if (servesDhcp(packet)) return plain(false, 'dhcp_server')
  if (isAlwaysAllowed(packet)) return plain(true, 'always_allowed')
  const looked = port.rules.map(rule => ({ rule, differs_in: differencesOf(rule, packet, remote_groups) }))
  const fitting = looked.find(one => one.differs_in.length === 0)
  if (fitting) return { allowed: true, because: 'rule', rule: fitting.rule, closest: [] }
  if (looked.length === 0) return plain(false, 'no_groups')
  // A rule for the other direction is no near miss: it answers another question.
  const near = looked.filter(one => !one.differs_in.includes('direction'))
  const closest = near.toSorted((one, other) => one.differs_in.length - other.differs_in.length).slice(0, closest_max)
  return { allowed: false, because: 'no_rule', rule: null, closest }
}

/** In what a rule differs from a packet; nothing when it lets it through. */
export function differencesOf(rule: CheckedRule, packet: Packet, remote_groups: ReadonlySet<string>): RuleDifference[] {
  const differs: RuleDifference[] = []
  if (rule.direction !== packet.direction) differs.push('direction')
  if (rule.ethertype !== ethertypeOf(packet.remote_address)) differs.push('ethertype')
  if (!sameProtocol(rule.protocol, packet.protocol)) differs.push('protocol')
  else if (!portsFit(rule, packet)) differs.push('port')
  if (!remoteFits(rule, packet.remote_address, remote_groups)) differs.push('remote')
  return differs
}

/** ICMP is one protocol to people, and a rule's ethertype says of which IP. */
function sameProtocol(rule: string | null, packet: string): boolean {
  return rule === null || rule === packet || (icmpProtocols.has(rule) && icmpProtocols.has(packet))
}

function portsFit({ protocol, port_min, port_max }: CheckedRule, packet: Packet): boolean {
  if (protocol === null) return true
  if (icmpProtocols.has(protocol))
    return (port_min ?? packet.icmp_type) === packet.icmp_type && (port_max ?? packet.icmp_code) === packet.icmp_code
  if (!portProtocols.has(protocol)) return true
  const [first, last] = [port_min ?? 0, port_max ?? 65_535]
  // Port 0 is what OVN sees where a rule has all ports.
  const port = packet.port ?? 0
  return (first <= 1 && last === 65_535) || (first <= port && port <= last)
}

function remoteFits(rule: CheckedRule, address: string, remote_groups: ReadonlySet<string>): boolean {
  if (rule.remote_group_id !== null) return remote_groups.has(rule.remote_group_id)
  if (rule.remote_cidr === null) return true
  const range = ipaddr.parseCIDR(rule.remote_cidr)
  const remote = ipaddr.parse(address)
  return range[0].kind() === remote.kind() && remote.match(range)
}

/** Nobody's guest hands out addresses: no rule allows it. */
function servesDhcp({ direction, protocol, port, source_port, remote_address }: Packet): boolean {
  if (direction !== 'egress' || protocol !== 'udp') return false
  return ethertypeOf(remote_address) === 'ipv4'
    ? source_port === 67 && port === 68
    : source_port === 547 && port === 546
}

/** What instances need to be there at all: DHCP, metadata, neighbour discovery and multicast listeners (RFC 4861, 2710, 3810). */
function isAlwaysAllowed(packet: Packet): boolean {
  const { direction, protocol, port, source_port, icmp_type, icmp_code, remote_address } = packet
  const v4 = ethertypeOf(remote_address) === 'ipv4'
  if (protocol === 'udp') {
    const [client, server] = v4 ? [68, 67] : [546, 547]
    return direction === 'egress'
      ? source_port === client && port === server
      : source_port === server && port === client
  }
  if (protocol === 'tcp' && direction === 'egress' && port === 80)
    return ipaddr.parse(remote_address).toString() === (v4 ? '169.254.169.254' : 'fe80::a9fe:a9fe')
  const discovers = icmp_type !== undefined && [130, 131, 132, 133, 134, 135, 136, 143].includes(icmp_type)
  return !v4 && icmpProtocols.has(protocol) && discovers && icmp_code === 0
}
