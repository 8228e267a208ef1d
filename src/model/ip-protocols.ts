/** IP protocols as security group rules name them (IANA's protocol numbers; the names are those that OpenStack takes). */
const numbers = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  egp: 8,
  udp: 17,
  dccp: 33,
  'ipv6-encap': 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  ospf: 89,
  vrrp: 112,
  pgm: 113,
  sctp: 132,
  udplite: 136,
} as const
export type ProtocolName = keyof typeof numbers

const names = new Map<number, string>(Object.entries(numbers).map(([name, number]) => [number, name]))
const aliases: Readonly<Record<string, ProtocolName>> = { 'ipv6-icmp': 'icmpv6' }

/** One spelling for each protocol: its name, or its number where it has none here. Null when it is no protocol. */
export function canonicalProtocol(text: string): string | null {
  const lower = text.toLowerCase()
  if (Object.hasOwn(numbers, lower)) return lower
  if (Object.hasOwn(aliases, lower)) return aliases[lower] ?? null
  if (!/^\d{1,3}$/.test(lower) || Number(lower) > 255) return null
  return names.get(Number(lower)) ?? String(Number(lower))
}

/** The number of a canonical protocol. */
export function protocolNumber(canonical: string): number {
  return Object.hasOwn(numbers, canonical) ? numbers[canonical as ProtocolName] : Number(canonical)
}

/** Those whose rules may name ports. */
export const portProtocols: ReadonlySet<string> = new Set<ProtocolName>(['tcp', 'udp', 'sctp'])
export const icmpProtocols: ReadonlySet<string> = new Set<ProtocolName>(['icmp', 'icmpv6'])
export const protocolNames = Object.keys(numbers)
