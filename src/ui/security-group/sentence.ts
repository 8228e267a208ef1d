/** A rule as one says it: "TCP port 22 (SSH) from anywhere (IPv4)". */
import type { RuleAsked, SecurityGroupRule } from '../../api/security-group.ts'
import { words } from './text.ts'

export interface Preset {
  id: string
  title: string
  protocol?: string
  port?: number
}

/** What is allowed most often. Titles are names, the same in every language, but for those of the catalogue. */
export const presets: readonly Preset[] = [
  { id: 'ssh', title: 'SSH', protocol: 'tcp', port: 22 },
  { id: 'http', title: 'HTTP', protocol: 'tcp', port: 80 },
  { id: 'https', title: 'HTTPS', protocol: 'tcp', port: 443 },
  { id: 'ping', title: '', protocol: 'icmp' },
  { id: 'dns', title: 'DNS', protocol: 'udp', port: 53 },
  { id: 'rdp', title: 'RDP', protocol: 'tcp', port: 3389 },
  { id: 'postgresql', title: 'PostgreSQL', protocol: 'tcp', port: 5432 },
  { id: 'mysql', title: 'MySQL', protocol: 'tcp', port: 3306 },
  { id: 'any', title: '' },
]

export const presetTitle = ({ id, title }: Preset): string => title || (words.maybe(`preset.${id}`) ?? id)

/** Ports that are attacked as soon as they are open to all. */
export const delicatePorts: readonly number[] = [22, 3389, 5432, 3306]

type Sayable = Pick<
  SecurityGroupRule,
  'direction' | 'ethertype' | 'protocol' | 'port_min' | 'port_max' | 'remote_cidr' | 'remote_group_id'
>

/** `groupName`: of the remote group, where there is one. */
export function sentenceOfRule(rule: Sayable, groupName: (id: string) => string): string {
  return words(`sentence.${rule.direction}`, { traffic: trafficOf(rule), remote: remoteOf(rule, groupName) })
}

export function trafficOf({ protocol, port_min, port_max, ethertype }: Sayable): string {
  if (protocol === null) return words('traffic.any')
  const name = protocol === 'icmpv6' ? 'ICMPv6' : protocol.toUpperCase()
  if (protocol === 'icmp' || protocol === 'icmpv6') {
    if (port_min === null) return words('traffic.all', { protocol: name })
    if (port_max !== null && port_max !== 0)
      return words('traffic.code', { protocol: name, type: String(port_min), code: String(port_max) })
    return port_min === (ethertype === 'ipv4' ? 8 : 128)
      ? words('traffic.ping', { protocol: name })
      : words('traffic.type', { protocol: name, type: String(port_min) })
  }
  if (port_min === null) return words('traffic.all', { protocol: name })
  if (port_max !== null && port_max !== port_min)
    return words('traffic.ports', { protocol: name, first: String(port_min), last: String(port_max) })
  const known = presets.find(one => one.protocol === protocol && one.port === port_min)
  const plain = words('traffic.port', { protocol: name, port: String(port_min) })
  return known ? `${plain} (${presetTitle(known)})` : plain
}

const familyOf = (ethertype: Sayable['ethertype']) => (ethertype === 'ipv4' ? 'IPv4' : 'IPv6')

export function remoteOf(rule: Sayable, groupName: (id: string) => string): string {
  const family = familyOf(rule.ethertype)
  if (rule.remote_group_id !== null)
    return `${words('remote.group', { group: groupName(rule.remote_group_id) })} ${words('remote.family', { family })}`
  if (rule.remote_cidr === null || rule.remote_cidr.endsWith('/0')) return words('remote.anywhere', { family })
  return rule.remote_cidr
}

/** As it would be stored, to be said before it is. */
export function sayable(asked: RuleAsked): Sayable {
  const ethertype = asked.ethertype ?? (asked.remote_cidr?.includes(':') ? 'ipv6' : 'ipv4')
  const named = asked.protocol === undefined ? null : String(asked.protocol).toLowerCase()
  return {
    direction: asked.direction,
    ethertype,
    protocol: named === 'icmp' && ethertype === 'ipv6' ? 'icmpv6' : named,
    port_min: asked.port_min ?? null,
    port_max: asked.port_max ?? null,
    remote_cidr: asked.remote_cidr ?? null,
    remote_group_id: asked.remote_group_id ?? null,
  }
}
