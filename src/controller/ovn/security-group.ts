/**
 * Security groups as OpenStack means them: stateful, nothing passes unless a rule of one of the port's groups allows it;
 * ARP, neighbour discovery, DHCP and metadata always do. Each group is a port group with an ACL a rule; one more port
 * group holds every port with port security and drops the rest (ovn-nb(5), Port_Group, ACL). OVN itself keeps the
 * addresses of a port group's ports as the address sets NAME_ip4 and NAME_ip6, which rules with a remote group use.
 * Not its job: anti-spoofing (port_security in switch.ts).
 */
import { parseCidr } from '../../lib/ip.ts'
import { protocolNumber } from '../../model/ip-protocols.ts'
import type { Context, Port } from './context.ts'
import { metadataAddress } from './dhcp.ts'
import type { TopologyRule, TopologySecurityGroup } from './topology.ts'

/** The port group of all ports with port security. */
export const guardedGroup = 'croft_guarded'
/** ovn-sb(5) wants [A-Za-z_.][A-Za-z_.0-9]* where a match names a port group. */
export const groupName = (groupId: string): string => `croft_sg_${groupId.replaceAll('-', '_')}`

/** Metadata by IPv6, as OpenStack and cloud-init have it. */
const metadataAddress6 = 'fe80::a9fe:a9fe'

const dropPriority = 1001
const allowPriority = 1002
const refusePriority = 1003

export function planSecurityGroups(context: Context): void {
  const guarded = [...context.ports.values()].filter(port => port.kind === 'instance' && port.port_security)
  if (guarded.length === 0) return
  planGuard(context, guarded)
  const members = membersByGroup(context, guarded)
  for (const group of usedGroups(context, members)) {
    const acls = group.rules.map(rule => planRule(context, group, rule)).filter(id => id !== undefined)
    context.rows.add('Port_Group', group.id, 'security-group', {
      name: groupName(group.id),
      ports: members.get(group.id) ?? [],
      acls,
    })
  }
}

function membersByGroup(context: Context, guarded: readonly Port[]): Map<string, string[]> {
  const members = new Map<string, string[]>()
  for (const port of guarded) {
    for (const id of new Set(port.security_group_ids)) {
      if (!context.security_groups.has(id)) context.problems.push(`port ${port.id}: no security group ${id}`)
      else {
        const there = members.get(id)
        if (there) there.push(port.id)
        else members.set(id, [port.id])
      }
    }
  }
  return members
}

/** Groups with ports, and those whose addresses their rules name: a match on a port group that is not there is an error. */
function usedGroups(context: Context, members: ReadonlyMap<string, unknown>): TopologySecurityGroup[] {
  const used = new Set(members.keys())
  // Following rules of groups that are only named is needless for traffic, but their rows have rules as well.
  for (const id of used)
    for (const { remote_group_id } of context.security_groups.get(id)?.rules ?? [])
      if (remote_group_id !== null && context.security_groups.has(remote_group_id)) used.add(remote_group_id)
  return [...context.security_groups.values()].filter(group => used.has(group.id))
}

/** What holds for every guarded port whatever its groups say. */
function planGuard(context: Context, guarded: readonly Port[]): void {
  const from = `inport == @${guardedGroup}`
  const to = `outport == @${guardedGroup}`
  const acls = [
    ['drop-out', 'from-lport', dropPriority, `${from} && ip`, 'drop'],
    ['drop-in', 'to-lport', dropPriority, `${to} && ip`, 'drop'],
    ['dhcp4-ask', 'from-lport', allowPriority, `${from} && ip4 && udp.src == 68 && udp.dst == 67`, 'allow'],
    ['dhcp6-ask', 'from-lport', allowPriority, `${from} && ip6 && udp.src == 546 && udp.dst == 547`, 'allow'],
    // Answers of a DHCP server on a physical network; a guest cannot be that server.
    ['dhcp4-answer', 'to-lport', allowPriority, `${to} && ip4 && udp.src == 67 && udp.dst == 68`, 'allow'],
    ['dhcp6-answer', 'to-lport', allowPriority, `${to} && ip6 && udp.src == 547 && udp.dst == 546`, 'allow'],
    ['dhcp4-serve', 'from-lport', refusePriority, `${from} && ip4 && udp.src == 67 && udp.dst == 68`, 'drop'],
    ['dhcp6-serve', 'from-lport', refusePriority, `${from} && ip6 && udp.src == 547 && udp.dst == 546`, 'drop'],
    [
      'metadata4',
      'from-lport',
      allowPriority,
      `${from} && ip4.dst == ${metadataAddress} && tcp.dst == 80`,
      'allow-related',
    ],
    [
      'metadata6',
      'from-lport',
      allowPriority,
      `${from} && ip6.dst == ${metadataAddress6} && tcp.dst == 80`,
      'allow-related',
    ],
  ] as const
  for (const [id, direction, priority, match, action] of acls)
    context.rows.add('ACL', id, 'guard', { direction, priority, match, action })
  context.rows.add('Port_Group', guardedGroup, 'guard', {
    name: guardedGroup,
    ports: guarded.map(port => port.id),
    acls: acls.map(([id]) => id),
  })
}

function planRule(context: Context, group: TopologySecurityGroup, rule: TopologyRule): string | undefined {
  const match = ruleMatch(context, group.id, rule)
  if (match === undefined) {
    context.problems.push(`security group rule ${rule.id} of ${group.id} can match nothing: it is left out`)
    return undefined
  }
  context.rows.add('ACL', rule.id, 'security-group-rule', {
    direction: rule.direction === 'ingress' ? 'to-lport' : 'from-lport',
    priority: allowPriority,
    match,
    action: 'allow-related',
  })
  return rule.id
}

/** The rule in OVN's expression language (ovn-sb(5), Logical_Flow match); undefined when nothing could match. */
export function ruleMatch(context: Context, groupId: string, rule: TopologyRule): string | undefined {
  const ingress = rule.direction === 'ingress'
  const ip = rule.ethertype === 'ipv4' ? 'ip4' : 'ip6'
  const remote = remoteMatch(context, rule, `${ip}.${ingress ? 'src' : 'dst'}`)
  const protocol = protocolMatch(rule)
  if (remote === undefined || protocol === undefined) return undefined
  return [`${ingress ? 'outport' : 'inport'} == @${groupName(groupId)}`, ip, ...remote, ...protocol].join(' && ')
}

function remoteMatch(context: Context, rule: TopologyRule, field: string): string[] | undefined {
  if (rule.remote_group_id !== null) {
    if (!context.security_groups.has(rule.remote_group_id)) return undefined
    return [`${field} == $${groupName(rule.remote_group_id)}_${rule.ethertype === 'ipv4' ? 'ip4' : 'ip6'}`]
  }
  if (rule.remote_cidr === null) return []
  const cidr = parseCidr(rule.remote_cidr)
  if (!cidr || cidr.family !== (rule.ethertype === 'ipv4' ? 4 : 6)) return undefined
  return cidr.prefix_length === 0 ? [] : [`${field} == ${rule.remote_cidr}`]
}

function protocolMatch({ protocol, ethertype, port_min, port_max }: TopologyRule): string[] | undefined {
  switch (protocol) {
    case null:
      return []
    case 'tcp':
    case 'udp':
    case 'sctp': {
      const [first, last] = [port_min ?? 0, port_max ?? 65_535]
      if (first === last) return [protocol, `${protocol}.dst == ${first}`]
      if (first <= 1 && last === 65_535) return [protocol]
      return [protocol, `${protocol}.dst >= ${first}`, `${protocol}.dst <= ${last}`]
    }
    case 'icmp':
    case 'icmpv6': {
      if (protocol === 'icmpv6' && ethertype === 'ipv4') return undefined
      const icmp = ethertype === 'ipv4' ? 'icmp4' : 'icmp6'
      const type = port_min === null ? [] : [`${icmp}.type == ${port_min}`]
      const code = port_max === null ? [] : [`${icmp}.code == ${port_max}`]
      return [icmp, ...type, ...code]
    }
    default:
      return [`ip.proto == ${protocolNumber(protocol)}`]
  }
}
