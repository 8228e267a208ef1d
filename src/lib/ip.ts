/**
 * Internet addresses as numbers: reading, writing (RFC 5952) and the arithmetic of ranges. IPv4-mapped IPv6 addresses
 * and zone ids are refused: nothing here means one machine by two spellings.
 */
import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

export type Family = 4 | 6

export interface Address {
  family: Family
  value: bigint
}

/** A network: all addresses from `first` to `last`. */
export interface Cidr {
  family: Family
  first: bigint
  last: bigint
  prefix_length: number
}

const widths = { 4: 32, 6: 128 } as const

/**
 * Whether a machine on a network can be reached there by others: no loopback, link-local, multicast, broadcast or unspecified address
 * (RFC 6890), and none where clouds serve metadata, which are link-local (169.254.169.254) or fd00:ec2::254.
 */
export function isOfMachine(text: string): boolean {
  const address = parseAddress(text)
  return address !== null && !notOfMachines.some(cidr => contains(cidr, address))
}

/** Null when the text is not one plain address. */
export function parseAddress(text: string): Address | null {
  if (isIPv4(text)) return { family: 4, value: toNumber(ipaddr.IPv4.parse(text).toByteArray()) }
  if (!isIPv6(text) || text.includes('%')) return null
  const parsed = ipaddr.IPv6.parse(text)
  return parsed.isIPv4MappedAddress() ? null : { family: 6, value: toNumber(parsed.toByteArray()) }
}

/** `address:port`, in IPv6 `[address]:port`; null when it is not that. */
export function parseAddressAndPort(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  return parseAddress(host) && port >= 1 && port <= 65_535 ? { host, port } : null
}

/** Whether two texts are the same address; what is none is the same as nothing. */
export function isSameAddress(one: string, other: string): boolean {
  const [a, b] = [parseAddress(one), parseAddress(other)]
  return a !== null && b !== null && a.family === b.family && a.value === b.value
}

function toNumber(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

/** The one canonical spelling (RFC 5952 for IPv6). */
export function formatAddress(family: Family, value: bigint): string {
  const bytes = Array.from({ length: widths[family] / 8 }, (_, i) =>
    Number((value >> BigInt(widths[family] - 8 * (i + 1))) & 0xffn),
  )
  return family === 4 ? bytes.join('.') : new ipaddr.IPv6(bytes).toRFC5952String()
}

/** Reads `address/length`; `host_bits` says that the address was not the network's own. Null when it is not a CIDR. */
export function parseCidr(text: string): (Cidr & { host_bits: boolean }) | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const address = match?.[1] ? parseAddress(match[1]) : null
  if (!address) return null
  const prefix_length = Number(match?.[2])
  const width = widths[address.family]
  if (prefix_length > width) return null
  const rest = (1n << BigInt(width - prefix_length)) - 1n
  const first = address.value & ~rest
  return { family: address.family, first, last: first | rest, prefix_length, host_bits: first !== address.value }
}

/**
 * The addresses that begin with the text: the first three numbers of an IPv4 address (`10.0.3`, with or without a dot behind), or three to
 * seven groups of an IPv6 address (`2001:db8:7`, with or without colons behind). Null when it is neither.
 */
export function parseBeginning(text: string): Cidr | null {
  const four = /^(\d{1,3}(?:\.\d{1,3}){2})\.?$/.exec(text)?.[1]
  if (four) return parseCidr(`${four}.0/24`)
  const six = /^([0-9a-f]{1,4}(?::[0-9a-f]{1,4}){2,6}):{0,2}$/i.exec(text)?.[1]
  if (!six) return null
  const groups = six.split(':').length
  return parseCidr(`${six}${groups === 7 ? ':0' : '::'}/${16 * groups}`)
}

export function formatCidr(cidr: Pick<Cidr, 'family' | 'first' | 'prefix_length'>): string {
  return `${formatAddress(cidr.family, cidr.first)}/${cidr.prefix_length}`
}

export function contains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && cidr.first <= address.value && address.value <= cidr.last
}

/**
 * Whether a machine may have this address in the network: not the network's own nor, in IPv4, its broadcast address
 * (RFC 1122); in IPv6 not the subnet-router anycast address (RFC 4291, 2.6.1). Networks of one or two addresses have neither (RFC 3021, 6164).
 */
export function isHostAddress(cidr: Cidr, value: bigint): boolean {
  if (cidr.last - cidr.first < 2n) return true
  return value !== cidr.first && !(cidr.family === 4 && value === cidr.last)
}

const notOfMachines = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ...['::/127', 'fe80::/10', 'ff00::/8', 'fd00:ec2::254/128'],
].flatMap(text => parseCidr(text) ?? [])
