/** Would this packet pass? Finds what src/model/packet-check.ts judges, and says its verdict in a sentence. Changes nothing. */
import type { PacketAnswer, PacketAsked, SecurityGroup, SecurityGroupRule } from '../../api/security-group.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { canonicalProtocol, icmpProtocols, portProtocols, protocolNames } from '../../model/ip-protocols.ts'
import { checkPacket, ethertypeOf, type Packet, type PacketVerdict } from '../../model/packet-check.ts'
import type { Cloud } from '../cloud.ts'
import type { Db } from '../store/database.ts'
import { port as ports } from '../store/port.ts'
import { securityGroup } from '../store/security-group.ts'
import type { Caller } from './caller.ts'
import { mayRead } from './network-change.ts'

type Verdict = PacketVerdict<SecurityGroupRule>

export async function checkPacketOf(cloud: Cloud, caller: Caller, asked: PacketAsked): Promise<PacketAnswer> {
  const packet = packetOf(asked)
  const { db } = cloud.database
  const found = await portOf(db, caller, asked)
  const ids = asked.security_groups ?? found?.security_groups
  if (!ids) {
    throw new CloudError('invalid', 'Say of whom: give port_id, instance_id, or security_groups to try.')
  }
  const groups = await securityGroup.byIds(db, ids)
  const strange = ids.find(id => !groups.some(group => group.id === id && mayRead(caller, group)))
  if (strange !== undefined) throw notFound('security group', strange)
  const rules = groups.flatMap(group => group.rules)
  const named = rules.map(rule => rule.remote_group_id).filter(id => id !== null)
  const remote_groups = await securityGroup.groupsWithAddress(db, named, packet.remote_address)
  // What if it had these groups? Then it would be guarded.
  const port_security = asked.security_groups !== undefined || (found?.port_security ?? true)
  const verdict = checkPacket({ admin_up: found?.admin_up ?? true, port_security, rules }, packet, remote_groups)
  return { ...verdict, detail: sentenceOf(verdict, packet, groups), port_id: found?.id ?? null }
}

function packetOf(asked: PacketAsked): Packet {
  const { direction, destination_port: port, source_port, icmp_code, remote_address } = asked
  const ethertype = ethertypeOf(remote_address)
  if (!ethertype) {
    const why = 'It must be one IPv4 or IPv6 address, such as 192.0.2.7.'
    throw new CloudError('invalid', `The remote address '${remote_address}' is no address. ${why}`)
  }
  const protocol = canonicalProtocol(String(asked.protocol))
  if (protocol === null) {
    const why = `Give a number from 0 to 255, or one of: ${protocolNames.join(', ')}.`
    throw new CloudError('invalid', `'${asked.protocol}' is no protocol. ${why}`)
  }
  if (protocol === 'icmpv6' && ethertype === 'ipv4')
    throw new CloudError('invalid', `ICMPv6 does not go to ${remote_address}, which is IPv4: say icmp.`)
  if (portProtocols.has(protocol) && port === undefined)
    throw new CloudError('invalid', `A packet of ${protocol} goes to a port: give destination_port, such as 22.`)
  if (!icmpProtocols.has(protocol)) return { direction, protocol, port, source_port, remote_address }
  const icmp_type = asked.icmp_type ?? (ethertype === 'ipv4' ? 8 : 128)
  const of = ethertype === 'ipv4' ? 'icmp' : 'icmpv6'
  return { direction, protocol: of, icmp_type, icmp_code: icmp_code ?? 0, remote_address }
}

async function portOf(db: Db, caller: Caller, { port_id, instance_id }: PacketAsked) {
  if (port_id !== undefined && instance_id !== undefined)
    throw new CloudError('invalid', 'Name a port or an instance, not both.')
  if (port_id !== undefined) {
    const found = await ports.find(db, port_id)
    if (!found || !mayRead(caller, found)) throw notFound('port', port_id)
    return found
  }
  if (instance_id === undefined) return null
  const { items } = await ports.list(db, null, { instance_id, limit: 2 })
  const [only, another] = items.filter(one => mayRead(caller, one))
  if (!only) throw notFound('port of the instance', instance_id)
  if (another) throw new CloudError('invalid', 'The instance has several ports. Say with port_id which.')
  return only
}

function sentenceOf(verdict: Verdict, packet: Packet, groups: readonly SecurityGroup[]): string {
  const nameOf = (rule: SecurityGroupRule) => groups.find(group => group.id === rule.security_group_id)?.name ?? ''
  const answers = 'What answers it passes, too: groups are stateful.'
  switch (verdict.because) {
    case 'port_down':
      return 'It does not pass: the port is switched off (admin_up). Switch it on.'
    case 'no_port_security':
      return 'It passes: without port_security no security group applies to the port.'
    case 'dhcp_server':
      return 'It does not pass: an instance never answers DHCP, whatever its groups say.'
    case 'always_allowed':
      return 'It passes whatever the groups say: DHCP, metadata and neighbour discovery always do.'
    case 'no_groups':
      return 'It does not pass: there is no rule at all, and rules only allow. Add a rule, or a group to the port.'
    case 'rule':
      return `It passes, by a rule of the group '${verdict.rule ? nameOf(verdict.rule) : ''}'. ${answers}`
    case 'no_rule': {
      const [near] = verdict.closest
      const ways = packet.direction === 'ingress' ? 'in' : 'out'
      if (!near) return `It does not pass: no rule lets anything ${ways}. Add a rule that allows it.`
      const hint = `The nearest rule, of the group '${nameOf(near.rule)}', differs in ${near.differs_in.join(' and ')}.`
      return `It does not pass: no rule allows it. ${hint} Add a rule that allows it.`
    }
    default:
      return verdict.because satisfies never
  }
}
