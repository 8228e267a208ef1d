/**
 * DHCP answered by OVN on each host: one DHCP_Options row a subnet (ovn-nb(5), DHCP_Options).
 * Not its job: which port uses which row (switch.ts), router advertisements (router.ts).
 */
import type { Context, Subnet } from './context.ts'
import { macFrom } from './context.ts'

export const metadataAddress = '169.254.169.254'

export function planDhcp(context: Context): void {
  for (const subnet of context.subnets.values()) {
    if (!subnet.dhcp) continue
    const options = subnet.range.family === 4 ? options4(context, subnet) : options6(context, subnet)
    if (options) context.rows.add('DHCP_Options', subnet.id, 'subnet', { cidr: subnet.cidr, options })
  }
}

function options4(context: Context, subnet: Subnet): Record<string, string> | undefined {
  const { dhcp_lease_s, domain_name } = context.options
  const metadata = metadataIn(context, subnet)
  // Guests renew with this address: one that is always in the subnet. OVN answers for it whoever owns it.
  const server = subnet.gateway ?? metadata
  if (server === undefined) {
    context.problems.push(
      `subnet ${subnet.id} has neither gateway nor metadata port: DHCP has no address to answer from`,
    )
    return undefined
  }
  const routes = routes4(subnet, metadata)
  return {
    server_id: server,
    server_mac: macFrom(subnet.id),
    lease_time: String(dhcp_lease_s),
    mtu: String(context.networks.get(subnet.network_id)?.mtu ?? 1500),
    ...(subnet.gateway === null ? {} : { router: subnet.gateway }),
    ...(subnet.dns.length === 0 ? {} : { dns_server: list(subnet.dns) }),
    ...(domain_name === '' ? {} : { domain_name: `"${domain_name}"` }),
    ...(routes.length === 0 ? {} : { classless_static_route: list(routes) }),
  }
}

/** Who gets classless routes ignores the router option (RFC 3442), so that the default route is among them. */
function routes4(subnet: Subnet, metadata: string | undefined): string[] {
  const routes = subnet.host_routes.map(route => `${route.destination},${route.nexthop}`)
  if (metadata !== undefined) routes.unshift(`${metadataAddress}/32,${metadata}`)
  if (routes.length > 0 && subnet.gateway !== null) routes.push(`0.0.0.0/0,${subnet.gateway}`)
  return routes
}

function options6(context: Context, subnet: Subnet): Record<string, string> {
  const { domain_name } = context.options
  return {
    server_id: macFrom(subnet.id),
    ...(subnet.dns.length === 0 ? {} : { dns_server: list(subnet.dns) }),
    ...(domain_name === '' ? {} : { domain_search: `"${domain_name}"` }),
  }
}

function metadataIn(context: Context, subnet: Subnet): string | undefined {
  const port = context.metadata.get(subnet.network_id)
  return port?.addresses.find(address => address.subnet.id === subnet.id)?.address
}

const list = (items: readonly string[]): string => (items.length === 1 ? (items[0] ?? '') : `{${items.join(', ')}}`)
