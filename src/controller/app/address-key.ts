/** Whom an address stands for, where guesses and requests are counted. */
import { isIPv6 } from 'node:net'
import { parseAddress } from '../../lib/ip.ts'

/** Of IPv6, whoever has the /64 (RFC 4291, section 2.5.1), since all of it is theirs to send from. */
export function addressKey(address: string): string {
  const parsed = isIPv6(address) ? parseAddress(address) : null
  return parsed?.family === 6 ? `${(parsed.value >> 64n).toString(16)}::/64` : address.replace(/^::ffff:/i, '')
}
