/**
 * All logical networks as one consistent snapshot, in a fixed number of queries however much there is. What is made of
 * it is ovn/'s.
 */
import { sql } from 'kysely'
import type {
  AddressPair,
  Topology,
  TopologyFloatingIp,
  TopologyPort,
  TopologyRouter,
  TopologySecurityGroup,
  TopologySubnet,
} from '../ovn/topology.ts'
import type { Db, Tx } from './database.ts'
import { type GatewayHost, gatewayHost } from './gateway-host.ts'

/** How many hosts may carry a router's gateway: OVN moves it between them within seconds of one's death (BFD). */
const gatewayChassisMax = 3

export function loadTopology(db: Db): Promise<Topology> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async tx => ({
      networks: await tx
        .selectFrom('network')
        .select(['id', 'kind', 'mtu', 'physical_network', 'vlan'])
        .orderBy('id')
        .execute(),
      subnets: await subnets(tx),
      ports: await ports(tx),
      routers: await routers(tx),
      floating_ips: await floatingIps(tx),
      security_groups: await securityGroups(tx),
    }))
}

async function subnets(tx: Tx): Promise<TopologySubnet[]> {
  const rows = await tx
    .selectFrom('subnet')
    .select(['id', 'network_id', 'cidr', 'gateway', 'dns', 'host_routes', 'dhcp'])
    .orderBy('id')
    .execute()
  return rows.map(row => {
    const routes = row.host_routes as { destination: string; next_hop: string }[]
    return { ...row, host_routes: routes.map(({ destination, next_hop }) => ({ destination, nexthop: next_hop })) }
  })
}

/** Free ports and those that only hold a floating address carry no traffic: they are not in it. */
async function ports(tx: Tx): Promise<TopologyPort[]> {
  const rows = await tx
    .selectFrom('port')
    .leftJoin('instance', 'instance.id', 'port.instance_id')
    .leftJoin('migration as m', join =>
      join.onRef('m.instance_id', '=', 'instance.id').on('m.phase', '=', 'sending').on('m.kind', '=', 'live'),
    )
    .select([
      'port.id',
      'port.network_id',
      'port.kind',
      'port.allowed_address_pairs',
      'port.port_security',
      'port.admin_up',
    ])
    .select([sql<string>`port.mac::text`.as('mac'), 'instance.host_id', 'instance.hostname', 'm.target_host_id'])
    .where('port.kind', 'in', ['instance', 'router', 'gateway', 'metadata'])
    .orderBy('port.id')
    .execute()
  const { rows: held } = await sql<{ port_id: string; subnet_id: string; address: string }>`
    select port_id, subnet_id, host(address) as address from port_address order by port_id, family(address), address`.execute(
    tx,
  )
  const addresses = Map.groupBy(held, each => each.port_id)
  const groups = Map.groupBy(
    await tx.selectFrom('port_security_group').selectAll().orderBy('port_id').orderBy('security_group_id').execute(),
    each => each.port_id,
  )
  return rows.map(row => ({
    id: row.id,
    network_id: row.network_id,
    kind: row.kind === 'gateway' ? 'router' : (row.kind as TopologyPort['kind']),
    mac: row.mac,
    addresses: (addresses.get(row.id) ?? []).map(({ subnet_id, address }) => ({ subnet_id, address })),
    allowed_address_pairs: pairs(row.allowed_address_pairs),
    port_security: row.port_security,
    security_group_ids: (groups.get(row.id) ?? []).map(each => each.security_group_id),
    admin_up: row.admin_up,
    // Hosts are named in OVN by their ids (the agent sets system-id), so no other host can take the port.
    host: row.host_id,
    // While its memory goes over, both may have the port; it works on the new one from the guest's first RARP on.
    target_host: row.target_host_id,
    hostname: row.hostname,
  }))
}

function pairs(stored: unknown): AddressPair[] {
  return (stored as { address: string; mac?: string }[]).map(({ address, mac }) => ({ address, mac: mac ?? null }))
}

async function routers(tx: Tx): Promise<TopologyRouter[]> {
  const rows = await tx
    .selectFrom('router')
    .leftJoin('port', join => join.onRef('port.router_id', '=', 'router.id').on('port.kind', '=', 'gateway'))
    .select(['router.id', 'router.snat', 'port.id as gateway_port_id'])
    .orderBy('router.id')
    .execute()
  const interfaces = Map.groupBy(
    await tx.selectFrom('router_interface').select(['router_id', 'port_id']).orderBy('port_id').execute(),
    each => each.router_id,
  )
  const hosts = await gatewayHost.list(tx)
  return rows.map(({ id, snat, gateway_port_id }) => ({
    id,
    interfaces: (interfaces.get(id) ?? []).map(each => each.port_id),
    gateway: gateway_port_id === null ? null : { port_id: gateway_port_id, snat, chassis: chassisOf(id, hosts) },
    routes: [],
  }))
}

/** A few hosts for each router, the same ones each time, spread over all by rendezvous hashing. */
export function chassisOf(router_id: string, hosts: readonly GatewayHost[]): string[] {
  const seen = hosts.filter(host => host.seen)
  return (seen.length > 0 ? seen : hosts)
    .map(({ id }) => ({ id, weight: fnv1a(`${router_id} ${id}`) }))
    .sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))
    .slice(0, gatewayChassisMax)
    .map(({ id }) => id)
}

/** FNV-1a, 32 bits, with a final mix: cheap, and good enough to spread. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}

async function floatingIps(tx: Tx): Promise<TopologyFloatingIp[]> {
  const { rows } = await sql<Omit<TopologyFloatingIp, 'distributed'>>`
    select f.id, host(f.address) as address, f.router_id, f.port_id, host(f.fixed_address) as fixed_address
    from floating_ip f join port p on p.id = f.port_id and p.kind = 'instance'
    where f.router_id is not null and f.fixed_address is not null order by f.id`.execute(tx)
  return rows.map(row => ({ ...row, distributed: false }))
}

async function securityGroups(tx: Tx): Promise<TopologySecurityGroup[]> {
  const groups = await tx.selectFrom('security_group').select('id').orderBy('id').execute()
  const rules = await tx
    .selectFrom('security_group_rule')
    .select(['id', 'security_group_id', 'direction', 'ethertype', 'protocol', 'port_min', 'port_max'])
    .select(['remote_cidr', 'remote_group_id'])
    .orderBy('id')
    .execute()
  const byGroup = Map.groupBy(rules, rule => rule.security_group_id)
  return groups.map(({ id }) => ({
    id,
    rules: byGroup.get(id) ?? [],
  }))
}
