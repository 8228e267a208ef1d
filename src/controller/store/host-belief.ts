/**
 * What of a host's words about itself is believed: pure. Hosts are not trusted; what one says is checked against what was confirmed, when it
 * was registered or by an operator since. The whole table: docs/design/0014-what-hosts-say.md.
 */
import { isOfMachine, isSameAddress, parseAddressAndPort } from '../../lib/ip.ts'

export interface KnownAddresses {
  /** Where other hosts reach it: as it was registered. */
  readonly tunnel_address: string | null
  /** Where its link comes from, as the controller sees it. */
  readonly link_address: string | null
}

/** For what is said to an operator. */
export interface NamedAddresses extends KnownAddresses {
  readonly name: string
}

/**
 * The address at which others reach a host that now says `said`. The first that it says is its own from then on; another one only if its
 * link comes from there. Anything else waits for an operator.
 */
export function tunnelAddressOf(known: KnownAddresses, said: string): string | null {
  const { tunnel_address, link_address } = known
  if (!isOfMachine(said)) return tunnel_address
  const is_known = tunnel_address !== null && isOfMachine(tunnel_address)
  return !is_known || (link_address !== null && isSameAddress(said, link_address)) ? said : tunnel_address
}

/** What an operator types who gave it that address; nothing where it can be no machine's. */
const confirmation = (name: string, address: string) =>
  isOfMachine(address)
    ? ` If it was given that address on purpose: croft host update ${name} --tunnel-address ${address}`
    : ''

/** Why another host is not sent to where this one says that it listens; null: it may be. */
export function peerFault(known: NamedAddresses, said: string | null): string | null {
  const at = said === null ? null : parseAddressAndPort(said)
  if (!at) return 'the new host did not say where it listens'
  const own = [known.tunnel_address, known.link_address].flatMap(one => one ?? [])
  if (isOfMachine(at.host) && own.some(one => isSameAddress(one, at.host))) return null
  return (
    `the new host says that it listens at ${at.host}, which is not known to be its own (known: ${own.join(', ') || 'none'}).` +
    confirmation(known.name, at.host)
  )
}

/** What a host says of itself that is not believed, as sentences. */
export function disbelieved(
  known: NamedAddresses & { readonly pool_id: string | null },
  said: { readonly tunnel_address?: string; readonly pool_id?: string },
): string[] {
  const { name, tunnel_address, pool_id } = known
  const found: string[] = []
  if (tunnel_address !== null && said.tunnel_address && !isSameAddress(said.tunnel_address, tunnel_address)) {
    found.push(
      `It says that other hosts reach it at ${said.tunnel_address}; it was registered at ${tunnel_address}, which is used.` +
        confirmation(name, said.tunnel_address),
    )
  }
  if (said.pool_id !== undefined && said.pool_id !== pool_id) {
    found.push(
      `It names the pool ${said.pool_id}, which other hosts have, and does not know what lies in its directory (croft-pool-secret): ` +
        'it counts as a host that shares no pool. Update its agent, and see that the pool is mounted there.',
    )
  }
  return found
}
