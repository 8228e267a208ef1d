/**
 * Which addresses a download may go to: those of the public Internet, so that a URL from a stranger does not reach what
 * only this machine can reach (RFC 6890 and IANA's special-purpose registries). Checked when a connection is made and not
 * before, so that a name which changes its answer in between gains nothing.
 */
import { lookup as resolve, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { DownloadError } from './error.ts'

const global_unicast = ipaddr.parseCIDR('2000::/3')

/** False for anything that is not plainly a public unicast address, IPv4 inside IPv6 included. */
export function isPublicAddress(text: string): boolean {
  // A zone (fe80::1%eth0) is only for local addresses.
  if (!ipaddr.isValid(text) || text.includes('%')) return false
  // An IPv4-mapped IPv6 address becomes the IPv4 address it stands for.
  const address = ipaddr.process(text)
  if (address.range() !== 'unicast') return false
  return address.kind() === 'ipv4' || address.match(global_unicast)
}

export function addressRefused(host: string, addresses: readonly string[]): DownloadError {
  const where = addresses.includes(host) ? host : `${host} (${addresses.join(', ')})`
  return new DownloadError(
    'address_refused',
    `${where} is not a public address, and downloads go to public addresses only. ` +
      'Use a public server, upload the file, or have an administrator allow private addresses.',
    { host, addresses },
  )
}

/** As dns.lookup, for a socket to connect by, but answering with public addresses only. */
export const publicLookup: LookupFunction = (host, options, callback) => {
  resolve(host, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, [])
    const usable = found.filter(one => isPublicAddress(one.address))
    const [first] = usable
    if (!first)
      return callback(
        addressRefused(
          host,
          found.map(one => one.address),
        ),
        [],
      )
    return options.all ? callback(null, usable) : answerOne(callback, first)
  })
}

function answerOne(callback: Parameters<LookupFunction>[2], one: LookupAddress): void {
  callback(null, one.address, one.family)
}
