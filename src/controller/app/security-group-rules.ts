/** What makes a security group's rule sane, as in OpenStack: pure, from what was asked to what is stored. */
import type { RuleAsked } from '../../api/security-group.ts'
import { type Cidr, formatCidr } from '../../lib/ip.ts'
import { CloudError } from '../../model/errors.ts'
import { canonicalProtocol, icmpProtocols, portProtocols, protocolNames } from '../../model/ip-protocols.ts'
import type { NewRule } from '../store/security-group.ts'
import { readCidr } from './subnet-rules.ts'

function invalid(sentence: string): CloudError {
  return new CloudError('invalid', sentence)
}

function invalidPorts(sentence: string): CloudError {
  return new CloudError('invalid', sentence, { field: 'port_min' })
}

/** Fills in what follows from the rest, and refuses what contradicts itself. */
export function planRule(asked: RuleAsked): Omit<NewRule, 'id'> {
  if (asked.remote_cidr !== undefined && asked.remote_group_id !== undefined) {
    throw invalid('A rule has remote_cidr or remote_group_id, not both. Add two rules.')
  }
  const cidr = asked.remote_cidr === undefined ? null : readCidr(asked.remote_cidr)
  const named = protocolOf(asked.protocol)
  const ethertype = ethertypeOf(asked, cidr, named)
  // OpenStack takes 'icmp' for IPv6 too, and means ICMPv6.
  const protocol = named === 'icmp' && ethertype === 'ipv6' ? 'icmpv6' : named
  if (protocol === 'icmpv6' && ethertype === 'ipv4')
    throw invalid('ICMPv6 is a protocol of IPv6: use icmp, or ethertype ipv6.')
  return {
    direction: asked.direction,
    ethertype,
    protocol,
    ...portsOf(asked, protocol),
    remote_cidr: cidr ? formatCidr(cidr) : null,
    remote_group_id: asked.remote_group_id ?? null,
    description: asked.description ?? '',
  }
}

function protocolOf(asked: string | number | undefined): string | null {
  if (asked === undefined || asked === 'any') return null
  const protocol = canonicalProtocol(String(asked))
  if (protocol === null) {
    throw invalid(
      `'${asked}' is no protocol. Give a number from 0 to 255, 'any', or one of: ${protocolNames.join(', ')}.`,
    )
  }
  return protocol
}

function ethertypeOf(asked: RuleAsked, cidr: Cidr | null, protocol: string | null): 'ipv4' | 'ipv6' {
  if (!cidr) return asked.ethertype ?? (protocol?.includes('v6') ? 'ipv6' : 'ipv4')
  const fits = cidr.family === 4 ? 'ipv4' : 'ipv6'
  if (asked.ethertype !== undefined && asked.ethertype !== fits) {
    throw invalid(
      `${asked.remote_cidr} is ${fits === 'ipv4' ? 'IPv4' : 'IPv6'}, so the ethertype is ${fits}, not ${asked.ethertype}.`,
    )
  }
  return fits
}

function portsOf(asked: RuleAsked, protocol: string | null): { port_min: number | null; port_max: number | null } {
  const { port_min, port_max } = asked
  if (port_min === undefined && port_max === undefined) return { port_min: null, port_max: null }
  if (protocol !== null && icmpProtocols.has(protocol)) {
    if (port_min === undefined) throw invalidPorts('An ICMP code (port_max) needs its type (port_min).')
    if (port_min > 255 || (port_max ?? 0) > 255)
      throw invalidPorts('ICMP types (port_min) and codes (port_max) are 0 to 255.')
    return { port_min, port_max: port_max ?? null }
  }
  if (protocol === null || !portProtocols.has(protocol)) {
    throw invalidPorts(`Only tcp, udp and sctp have ports; the protocol here is ${protocol ?? 'any'}.`)
  }
  const first = port_min ?? port_max ?? 0
  const last = port_max ?? first
  if (first < 1) throw invalidPorts('Ports are 1 to 65535.')
  if (first > last) throw invalidPorts(`port_min (${first}) is more than port_max (${last}).`)
  return { port_min: first, port_max: last }
}
