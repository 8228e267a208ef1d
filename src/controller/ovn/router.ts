/**
 * Routers: their ports, routes, source NAT and floating addresses (ovn-nb(5), Logical_Router, Logical_Router_Port,
 * Gateway_Chassis, NAT). Routing between a router's networks happens on each host; its gateway lives on one chassis at a
 * time and moves to the next when that fails.
 * Not its job: the switch's side of the ports (switch.ts).
 */
import type { Context, Port } from './context.ts'
import { macFrom, withPrefix } from './context.ts'
import { routerPortName } from './switch.ts'
import type { TopologyFloatingIp, TopologyRouter } from './topology.ts'

export interface RouterPort {
  readonly router_id: string
  readonly role: 'interface' | 'gateway'
}

/** Which ports routers really have. A port named twice belongs where it was named first. */
export function routerPorts(context: Context): Map<string, RouterPort> {
  const owners = new Map<string, RouterPort>()
  for (const { id, interfaces, gateway } of context.routers) {
    const named = [
      ...(gateway ? [{ port: gateway.port_id, role: 'gateway' as const }] : []),
      ...interfaces.map(port => ({ port, role: 'interface' as const })),
    ]
    for (const { port, role } of named) {
      if (!usable(context, port))
        context.problems.push(`router ${id}: port ${port} does not exist, is not of kind router or has no address`)
      else if (owners.has(port)) context.problems.push(`router ${id}: port ${port} is named twice`)
      else owners.set(port, { router_id: id, role })
    }
  }
  return owners
}

export function planRouters(
  context: Context,
  owners: ReadonlyMap<string, RouterPort>,
  floatingIps: readonly TopologyFloatingIp[],
): void {
  const known = new Set(context.routers.map(router => router.id))
  for (const { id, router_id } of floatingIps)
    if (!known.has(router_id)) context.problems.push(`floating IP ${id}: no router ${router_id}`)
  const byRouter = Map.groupBy(floatingIps, each => each.router_id)
  const portsOf = Map.groupBy(owners.keys(), id => owners.get(id)?.router_id ?? '')
  for (const router of context.routers) {
    const ports = (portsOf.get(router.id) ?? []).map(id => context.ports.get(id)).filter(port => port !== undefined)
    const gateway = ports.find(port => owners.get(port.id)?.role === 'gateway')
    const interfaces = ports.filter(port => port !== gateway)
    planRouter(context, router, { gateway, interfaces }, byRouter.get(router.id) ?? [])
  }
}

/** OVN takes no router port without an address. */
function usable(context: Context, portId: string): Port | undefined {
  const port = context.ports.get(portId)
  return port?.kind === 'router' && port.addresses.length > 0 ? port : undefined
}

interface RouterPorts {
  readonly gateway: Port | undefined
  readonly interfaces: readonly Port[]
}

function planRouter(
  context: Context,
  router: TopologyRouter,
  { gateway, interfaces }: RouterPorts,
  floatingIps: readonly TopologyFloatingIp[],
): void {
  for (const port of interfaces) planInterface(context, port, gateway)
  if (gateway) planGateway(context, gateway, router.gateway?.chassis ?? [], interfaces)
  context.rows.add('Logical_Router', router.id, 'router', {
    name: `router-${router.id}`,
    // Guests' gratuitous ARP is no news to a router that OVN tells every address; learning it costs all chassis.
    options: { always_learn_from_arp_request: 'false', dynamic_neigh_routers: 'true' },
    ports: [...interfaces, ...(gateway ? [gateway] : [])].map(port => port.id),
    static_routes: planRoutes(context, router, gateway),
    nat: [...planSnat(context, router, interfaces, gateway), ...planFloatingIps(context, gateway, floatingIps)],
  })
}

function planInterface(context: Context, port: Port, gateway: Port | undefined): void {
  const { network } = port
  const dhcp6 = port.addresses.find(each => each.family === 6)?.subnet.dhcp
  context.rows.add('Logical_Router_Port', port.id, 'router-port', {
    name: routerPortName(port.id),
    mac: port.mac,
    networks: port.addresses.map(withPrefix),
    gateway_chassis: [],
    ipv6_ra_configs:
      dhcp6 === undefined
        ? {}
        : { address_mode: dhcp6 ? 'dhcpv6_stateful' : 'slaac', mtu: String(network.mtu), send_periodic: 'true' },
    // Frames from a physical network go through the gateway's host, whose switch port alone may show the router's MAC.
    options: gateway && network.kind === 'external' ? { 'reside-on-redirect-chassis': 'true' } : {},
  })
}

function planGateway(context: Context, port: Port, chassis: readonly string[], interfaces: readonly Port[]): void {
  const hosts = [...new Set(chassis)]
  const names = hosts.map((host, index) => {
    const id = `${port.id}/${host}`
    const name = `${routerPortName(port.id)}_${host}`
    context.rows.add('Gateway_Chassis', id, 'gateway', { name, chassis_name: host, priority: hosts.length - index })
    return id
  })
  // Guests with a larger MTU than the outside are told so, in place of losing what does not fit (ovn-nb(5), gateway_mtu).
  const tooLarge = interfaces.some(each => each.network.mtu > port.network.mtu)
  context.rows.add('Logical_Router_Port', port.id, 'gateway-port', {
    name: routerPortName(port.id),
    mac: port.mac,
    networks: port.addresses.map(withPrefix),
    gateway_chassis: names,
    ipv6_ra_configs: {},
    options: tooLarge ? { gateway_mtu: String(port.network.mtu) } : {},
  })
}

function planRoutes(context: Context, router: TopologyRouter, gateway: Port | undefined): string[] {
  const ids: string[] = []
  for (const { family, subnet } of gateway?.addresses ?? []) {
    const id = `${router.id}/default/${family}`
    if (subnet.gateway === null || ids.includes(id)) continue
    context.rows.add('Logical_Router_Static_Route', id, 'default-route', {
      ip_prefix: family === 4 ? '0.0.0.0/0' : '::/0',
      nexthop: subnet.gateway,
      output_port: routerPortName(gateway?.id ?? ''),
    })
    ids.push(id)
  }
  for (const { destination, nexthop } of router.routes) {
    const id = `${router.id}/route/${destination}/${nexthop}`
    if (ids.includes(id)) continue
    const columns = { ip_prefix: destination, nexthop, output_port: undefined }
    context.rows.add('Logical_Router_Static_Route', id, 'route', columns)
    ids.push(id)
  }
  return ids
}

/** Behind the gateway's first IPv4 address: every IPv4 subnet of the router's interfaces. IPv6 is routed as it is. */
function planSnat(
  context: Context,
  router: TopologyRouter,
  interfaces: readonly Port[],
  gateway: Port | undefined,
): string[] {
  const external_ip = gateway?.addresses.find(each => each.family === 4)?.address
  if (!router.gateway?.snat || external_ip === undefined) return []
  const inside = interfaces.flatMap(port => port.addresses).filter(each => each.family === 4)
  return [...new Set(inside.map(each => each.subnet.cidr))].map(cidr => {
    const id = `${router.id}/snat/${cidr}`
    const none = { external_mac: undefined, logical_port: undefined }
    context.rows.add('NAT', id, 'snat', { type: 'snat', external_ip, logical_ip: cidr, ...none })
    return id
  })
}

function planFloatingIps(
  context: Context,
  gateway: Port | undefined,
  floatingIps: readonly TopologyFloatingIp[],
): string[] {
  const ids: string[] = []
  for (const floating of floatingIps) {
    const port = context.ports.get(floating.port_id)
    if (!gateway) context.problems.push(`floating IP ${floating.id}: router ${floating.router_id} has no gateway`)
    else if (!port?.addresses.some(each => each.address === floating.fixed_address))
      context.problems.push(
        `floating IP ${floating.id}: port ${floating.port_id} has no address ${floating.fixed_address}`,
      )
    else {
      context.rows.add('NAT', floating.id, 'floating-ip', {
        type: 'dnat_and_snat',
        external_ip: floating.address,
        logical_ip: floating.fixed_address,
        external_mac: floating.distributed ? macFrom(floating.id) : undefined,
        logical_port: floating.distributed ? port.id : undefined,
      })
      ids.push(floating.id)
    }
  }
  return ids
}
