/**
 * Topologies for tests: one that is small and known, and random ones that hold together (fast-check).
 * Not its job: what becomes of them.
 */
import * as fc from 'fast-check'
import type {
  Topology,
  TopologyFloatingIp,
  TopologyNetwork,
  TopologyPort,
  TopologyRouter,
  TopologyRule,
  TopologySecurityGroup,
  TopologySubnet,
} from '../../src/controller/ovn/topology.ts'

/** The same id for the same words, in a uuid's form. */
export function uuid(kind: number, index: number): string {
  return `00000000-0000-4000-${(0x8000 + kind).toString(16)}-${index.toString(16).padStart(12, '0')}`
}

const mac = (kind: number, index: number) =>
  `52:54:${[kind, index >> 16, index >> 8, index].map(byte => (byte & 0xff).toString(16).padStart(2, '0')).join(':')}`

export const port = (given: Partial<TopologyPort> & Pick<TopologyPort, 'id' | 'network_id' | 'mac'>): TopologyPort => ({
  kind: 'instance',
  addresses: [],
  allowed_address_pairs: [],
  port_security: true,
  security_group_ids: [],
  admin_up: true,
  host: null,
  ...given,
})

export const rule = (given: Partial<TopologyRule> & Pick<TopologyRule, 'id' | 'direction'>): TopologyRule => ({
  ethertype: 'ipv4',
  protocol: null,
  port_min: null,
  port_max: null,
  remote_cidr: null,
  remote_group_id: null,
  ...given,
})

/** Everything out, and in from itself: OpenStack's default group. */
export function defaultGroup(id: string, firstRule: number): TopologySecurityGroup {
  const families = ['ipv4', 'ipv6'] as const
  return {
    id,
    rules: families.flatMap((ethertype, i) => [
      rule({ id: uuid(9, firstRule + 2 * i), direction: 'egress', ethertype }),
      rule({ id: uuid(9, firstRule + 2 * i + 1), direction: 'ingress', ethertype, remote_group_id: id }),
    ]),
  }
}

interface Shape {
  networks: { overlay: boolean; ipv6: boolean; dhcp: boolean; metadata: boolean; mtu: number; ports: PortShape[] }[]
  groups: { remote: number; protocol: 'tcp' | 'udp' | 'icmp' | null; low: number; high: number }[][]
  routers: {
    gateway: boolean
    snat: boolean
    distributed: boolean
    chassis: number
    networks: number[]
    floating: number
  }[]
}
interface PortShape {
  secure: boolean
  groups: number[]
  host: number
  up: boolean
  pairs: number
}

const portShape: fc.Arbitrary<PortShape> = fc.record({
  secure: fc.boolean(),
  groups: fc.uniqueArray(fc.nat(4), { maxLength: 3 }),
  host: fc.nat(3),
  up: fc.boolean(),
  pairs: fc.nat(2),
})
const shape: fc.Arbitrary<Shape> = fc.record({
  networks: fc.array(
    fc.record({
      overlay: fc.boolean(),
      ipv6: fc.boolean(),
      dhcp: fc.boolean(),
      metadata: fc.boolean(),
      mtu: fc.constantFrom(1442, 1500, 8900),
      ports: fc.array(portShape, { maxLength: 5 }),
    }),
    { maxLength: 4 },
  ),
  groups: fc.array(
    fc.array(
      fc.record({
        remote: fc.nat(7),
        protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const, null),
        low: fc.nat(3),
        high: fc.integer({ min: 4, max: 9 }),
      }),
      { maxLength: 4 },
    ),
    { maxLength: 4 },
  ),
  routers: fc.array(
    fc.record({
      gateway: fc.boolean(),
      snat: fc.boolean(),
      distributed: fc.boolean(),
      chassis: fc.nat(3),
      networks: fc.uniqueArray(fc.nat(3), { maxLength: 3 }),
      floating: fc.nat(3),
    }),
    { maxLength: 2 },
  ),
})

/** Ids repeat between samples, so that two of them share some objects and differ in others. */
export const anyTopology: fc.Arbitrary<Topology> = shape.map(build)

function build(shape: Shape): Topology {
  const networks = [externalNetwork, ...shape.networks.map((each, i) => network(i, each.overlay, each.mtu))]
  const subnets = [externalSubnet, ...shape.networks.flatMap((each, i) => subnetsOf(i, each))]
  const groups = shape.groups.map((rules, i) => group(i, rules, shape.groups.length))
  const ports = shape.networks.flatMap((each, i) => [
    ...(each.metadata ? [metadataPort(i, each.ipv6)] : []),
    ...each.ports.map((p, j) => instancePort(i, j, p, each.ipv6, groups.length)),
  ])
  const routers: TopologyRouter[] = []
  const floating_ips: TopologyFloatingIp[] = []
  for (const [r, each] of shape.routers.entries()) {
    const inside = each.networks.filter(n => n < shape.networks.length)
    for (const n of inside) ports.push(routerPort(r, n, shape.networks[n]?.ipv6 ?? false))
    if (each.gateway) ports.push(gatewayPort(r))
    const chassis = Array.from({ length: each.chassis }, (_, i) => `host-${i}`)
    routers.push({
      id: uuid(5, r),
      interfaces: inside.map(n => uuid(3, 1000 * r + n)),
      gateway: each.gateway ? { port_id: uuid(3, 9000 + r), snat: each.snat, chassis } : null,
      routes: r === 0 ? [{ destination: '172.16.0.0/16', nexthop: '10.0.0.200' }] : [],
    })
    const guests = ports.filter(p => p.kind === 'instance' && inside.some(n => p.network_id === uuid(1, n)))
    for (const [f, guest] of guests.slice(0, each.gateway ? each.floating : 0).entries())
      floating_ips.push({
        id: uuid(6, 100 * r + f),
        address: `192.0.2.${100 + 20 * r + f}`,
        router_id: uuid(5, r),
        port_id: guest.id,
        fixed_address: guest.addresses[0]?.address ?? '',
        distributed: each.distributed,
      })
  }
  return { networks, subnets, ports, routers, floating_ips, security_groups: groups }
}

const externalNetwork: TopologyNetwork = {
  id: uuid(1, 999),
  kind: 'external',
  mtu: 1500,
  physical_network: 'public',
  vlan: null,
}
const externalSubnet: TopologySubnet = {
  id: uuid(2, 999),
  network_id: externalNetwork.id,
  cidr: '192.0.2.0/24',
  gateway: '192.0.2.1',
  dns: [],
  host_routes: [],
  dhcp: false,
}

const network = (i: number, overlay: boolean, mtu: number): TopologyNetwork => ({
  id: uuid(1, i),
  kind: overlay ? 'overlay' : 'external',
  mtu,
  physical_network: overlay ? null : 'data',
  vlan: overlay ? null : 100 + i,
})

function subnetsOf(i: number, { ipv6, dhcp }: { ipv6: boolean; dhcp: boolean }): TopologySubnet[] {
  const common = { network_id: uuid(1, i), dhcp }
  const routes = i === 1 ? [{ destination: '10.99.0.0/16', nexthop: '10.0.1.9' }] : []
  const v4 = {
    id: uuid(2, 2 * i),
    cidr: `10.0.${i}.0/24`,
    gateway: `10.0.${i}.1`,
    dns: ['9.9.9.9', '1.1.1.1'],
    host_routes: routes,
  }
  const v6 = {
    id: uuid(2, 2 * i + 1),
    cidr: `fd00:${i}::/64`,
    gateway: `fd00:${i}::1`,
    dns: ['2620:fe::fe'],
    host_routes: [],
  }
  return [{ ...v4, ...common }, ...(ipv6 ? [{ ...v6, ...common }] : [])]
}

const addresses = (n: number, host: number, ipv6: boolean) => [
  { subnet_id: uuid(2, 2 * n), address: `10.0.${n}.${host}` },
  ...(ipv6 ? [{ subnet_id: uuid(2, 2 * n + 1), address: `fd00:${n}::${host.toString(16)}` }] : []),
]

function instancePort(n: number, j: number, shape: PortShape, ipv6: boolean, groups: number): TopologyPort {
  return port({
    id: uuid(3, 100_000 + 1000 * n + j),
    network_id: uuid(1, n),
    mac: mac(1, 1000 * n + j),
    addresses: addresses(n, 10 + j, ipv6),
    port_security: shape.secure,
    security_group_ids: shape.groups.filter(g => g < groups).map(g => uuid(4, g)),
    admin_up: shape.up,
    host: shape.host === 0 ? null : `host-${shape.host}`,
    hostname: `vm-${n}-${j}`,
    allowed_address_pairs: [
      { address: `10.0.${n}.240`, mac: null },
      { address: '10.77.0.0/16', mac: mac(2, j) },
    ].slice(0, shape.pairs),
  })
}

const metadataPort = (n: number, ipv6: boolean): TopologyPort =>
  port({
    id: uuid(3, 8000 + n),
    kind: 'metadata',
    network_id: uuid(1, n),
    mac: mac(3, n),
    addresses: addresses(n, 2, ipv6),
  })

const routerPort = (r: number, n: number, ipv6: boolean): TopologyPort =>
  port({
    id: uuid(3, 1000 * r + n),
    kind: 'router',
    network_id: uuid(1, n),
    mac: mac(4, 1000 * r + n),
    addresses: addresses(n, r + 1, ipv6),
  })

const gatewayPort = (r: number): TopologyPort =>
  port({
    id: uuid(3, 9000 + r),
    kind: 'router',
    network_id: externalNetwork.id,
    mac: mac(5, r),
    addresses: [{ subnet_id: externalSubnet.id, address: `192.0.2.${10 + r}` }],
  })

function group(i: number, rules: Shape['groups'][number], count: number): TopologySecurityGroup {
  const base = defaultGroup(uuid(4, i), 1000 * i)
  const more = rules.map(({ remote, protocol, low, high }, j) =>
    rule({
      id: uuid(9, 1000 * i + 100 + j),
      direction: j % 2 === 0 ? 'ingress' : 'egress',
      protocol,
      port_min: protocol === null ? null : low,
      port_max: protocol === null ? null : high,
      remote_group_id: remote < count ? uuid(4, remote) : null,
      remote_cidr: remote === 7 ? '198.51.100.0/24' : null,
    }),
  )
  return { id: base.id, rules: [...base.rules, ...more] }
}
