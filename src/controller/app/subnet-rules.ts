/** What makes a subnet sane: pure checks and defaults, from what was asked to what is stored. */
import {
  type Address,
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  isHostAddress,
  parseAddress,
  parseCidr,
} from '../../lib/ip.ts'
import { CloudError } from '../../model/errors.ts'

export interface SubnetAsked {
  gateway?: string | null | undefined
  dns?: readonly string[] | undefined
  host_routes?: readonly { destination: string; next_hop: string }[] | undefined
  pool_start?: string | undefined
  pool_end?: string | undefined
}

export interface SubnetPlan {
  gateway: string | null
  dns: string[]
  host_routes: { destination: string; next_hop: string }[]
  pool_start: string
  pool_end: string
}

/** A router, the metadata port and one instance must fit in; larger ones than these are typing errors. */
const prefixes = { 4: { min: 8, max: 29 }, 6: { min: 32, max: 125 } } as const

/** Ranges that no network of machines can be in (RFC 6890), and link-local IPv4, where the metadata service answers. */
const reserved = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/8', 'fe80::/10', 'ff00::/8'].map(
  text => {
    const cidr = parseCidr(text)
    if (!cidr) throw new Error(text)
    return cidr
  },
)

function invalid(sentence: string): CloudError {
  return new CloudError('invalid', sentence)
}

/** Reads a CIDR; one with host bits set is refused with the right one named. */
export function readCidr(text: string): Cidr {
  const cidr = parseCidr(text)
  if (!cidr) throw invalid(`'${text}' is not a CIDR, such as 10.0.0.0/24 or 2001:db8::/64.`)
  if (cidr.host_bits) throw invalid(`'${text}' has host bits set. The network is ${formatCidr(cidr)}.`)
  return cidr
}

export function readAddress(text: string, what: string): Address {
  const address = parseAddress(text)
  if (!address) throw invalid(`The ${what} '${text}' is not an IPv4 or IPv6 address.`)
  return address
}

/** The CIDR of a new subnet. */
export function subnetCidr(text: string): Cidr {
  const cidr = readCidr(text)
  const { min, max } = prefixes[cidr.family]
  if (cidr.prefix_length < min || cidr.prefix_length > max) {
    throw invalid(
      `An IPv${cidr.family} subnet has a prefix length of ${min} to ${max}; ${text} has ${cidr.prefix_length}.`,
    )
  }
  const clash = reserved.find(
    other => other.family === cidr.family && other.first <= cidr.last && cidr.first <= other.last,
  )
  if (clash) throw invalid(`${text} is within ${formatCidr(clash)}, which no network can use. Choose another range.`)
  return cidr
}

/** `asked` over `before` (a change) or over the defaults (a new subnet): first address the gateway, all others the pool. */
export function planSubnet(cidr: Cidr, asked: SubnetAsked, before: SubnetPlan | null): SubnetPlan {
  const write = (value: bigint) => formatAddress(cidr.family, value)
  const lastHost = cidr.family === 4 ? cidr.last - 1n : cidr.last
  const plan: SubnetPlan = before ?? {
    gateway: write(cidr.first + 1n),
    dns: [],
    host_routes: [],
    pool_start: write(cidr.first + 1n),
    pool_end: write(lastHost),
  }
  const pool_start = inside(cidr, asked.pool_start ?? plan.pool_start, 'start of the pool')
  const pool_end = inside(cidr, asked.pool_end ?? plan.pool_end, 'end of the pool')
  if (pool_start > pool_end)
    throw invalid(`The pool ends (${write(pool_end)}) before it begins (${write(pool_start)}).`)
  const gateway = asked.gateway === undefined ? plan.gateway : asked.gateway
  return {
    gateway: gateway === null ? null : write(inside(cidr, gateway, 'gateway')),
    dns: asked.dns ? asked.dns.map(text => canonical(readAddress(text, 'name server'))) : plan.dns,
    host_routes: asked.host_routes ? asked.host_routes.map(route => hostRoute(cidr, route)) : plan.host_routes,
    pool_start: write(pool_start),
    pool_end: write(pool_end),
  }
}

function canonical(address: Address): string {
  return formatAddress(address.family, address.value)
}

function inside(cidr: Cidr, text: string, what: string): bigint {
  const address = readAddress(text, what)
  if (!contains(cidr, address)) throw invalid(`The ${what}, ${text}, is outside ${formatCidr(cidr)}.`)
  if (!isHostAddress(cidr, address.value)) {
    throw invalid(`The ${what}, ${text}, is the network or broadcast address of ${formatCidr(cidr)}.`)
  }
  return address.value
}

function hostRoute(cidr: Cidr, route: { destination: string; next_hop: string }) {
  const destination = readCidr(route.destination)
  const hop = readAddress(route.next_hop, 'next hop')
  if (destination.family !== cidr.family || hop.family !== cidr.family) {
    throw invalid(`The route to ${route.destination} by ${route.next_hop} is not IPv${cidr.family}, as the subnet is.`)
  }
  return { destination: formatCidr(destination), next_hop: canonical(hop) }
}
