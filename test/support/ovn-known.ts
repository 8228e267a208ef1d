/**
 * A network small enough to know by heart: two overlay networks and a way outside behind one router, three guests on A (the
 * third without security groups), one on B with a group of rules, a floating address of each kind.
 * Not its job: what OVN makes of it.
 */
import type { Topology } from '../../src/controller/ovn/topology.ts'
import { defaultGroup, port, rule, uuid } from './ovn-topology.ts'

const netB = uuid(1, 2)
export const [netA, outside] = [uuid(1, 1), uuid(1, 3)] as const
const [subA, subB, subOut, subA6] = [uuid(2, 1), uuid(2, 2), uuid(2, 3), uuid(2, 4)] as const
export const [a1, a2, a3, b1] = [uuid(3, 1), uuid(3, 2), uuid(3, 3), uuid(3, 4)] as const
/** Metadata port of A; the router's ports on A, B and outside. */
export const [mdA, rA, rB, rOut] = [uuid(3, 5), uuid(3, 6), uuid(3, 7), uuid(3, 8)] as const
const groupDefault = uuid(4, 1)
export const groupWeb = uuid(4, 2)
export const macOf = (id: string) => `52:54:00:00:00:${id.slice(-2)}`
const common = { network_id: netA, security_group_ids: [groupDefault], host: 'host-1' }
const routed = { kind: 'router', port_security: false } as const

export const knownTopology: Topology = {
  networks: [
    { id: netA, kind: 'overlay', mtu: 1442, physical_network: null, vlan: null },
    { id: netB, kind: 'overlay', mtu: 1442, physical_network: null, vlan: null },
    { id: outside, kind: 'external', mtu: 1500, physical_network: 'public', vlan: 100 },
  ],
  subnets: [
    {
      id: subA,
      network_id: netA,
      cidr: '10.0.0.0/24',
      gateway: '10.0.0.1',
      dns: ['9.9.9.9', '1.1.1.1'],
      host_routes: [{ destination: '10.99.0.0/16', nexthop: '10.0.0.9' }],
      dhcp: true,
    },
    {
      id: subA6,
      network_id: netA,
      cidr: 'fd00::/64',
      gateway: 'fd00::1',
      dns: ['2620:fe::fe'],
      host_routes: [],
      dhcp: true,
    },
    { id: subB, network_id: netB, cidr: '10.0.1.0/24', gateway: '10.0.1.1', dns: [], host_routes: [], dhcp: true },
    {
      id: subOut,
      network_id: outside,
      cidr: '192.0.2.0/24',
      gateway: '192.0.2.1',
      dns: [],
      host_routes: [],
      dhcp: false,
    },
  ],
  ports: [
    port({
      ...common,
      id: a1,
      mac: macOf(a1),
      addresses: [
        { subnet_id: subA, address: '10.0.0.11' },
        { subnet_id: subA6, address: 'fd00::11' },
      ],
      hostname: 'alpha',
      allowed_address_pairs: [{ address: '10.0.0.250', mac: null }],
    }),
    port({
      ...common,
      id: a2,
      mac: macOf(a2),
      addresses: [
        { subnet_id: subA, address: '10.0.0.12' },
        { subnet_id: subA6, address: 'fd00::12' },
      ],
      hostname: 'beta',
    }),
    port({
      ...common,
      id: a3,
      mac: macOf(a3),
      addresses: [{ subnet_id: subA, address: '10.0.0.13' }],
      security_group_ids: [],
    }),
    port({
      ...common,
      id: b1,
      network_id: netB,
      mac: macOf(b1),
      addresses: [{ subnet_id: subB, address: '10.0.1.11' }],
      security_group_ids: [groupWeb],
    }),
    port({
      ...common,
      id: mdA,
      kind: 'metadata',
      host: null,
      mac: macOf(mdA),
      addresses: [{ subnet_id: subA, address: '10.0.0.2' }],
      security_group_ids: [],
    }),
    port({
      ...common,
      ...routed,
      id: rA,
      mac: macOf(rA),
      addresses: [
        { subnet_id: subA, address: '10.0.0.1' },
        { subnet_id: subA6, address: 'fd00::1' },
      ],
    }),
    port({
      ...common,
      ...routed,
      id: rB,
      network_id: netB,
      mac: macOf(rB),
      addresses: [{ subnet_id: subB, address: '10.0.1.1' }],
    }),
    port({
      ...common,
      ...routed,
      id: rOut,
      network_id: outside,
      mac: macOf(rOut),
      addresses: [{ subnet_id: subOut, address: '192.0.2.10' }],
    }),
  ],
  routers: [
    {
      id: uuid(5, 1),
      interfaces: [rA, rB],
      gateway: { port_id: rOut, snat: true, chassis: ['host-1', 'host-2'] },
      routes: [],
    },
  ],
  floating_ips: [
    {
      id: uuid(6, 1),
      address: '192.0.2.51',
      router_id: uuid(5, 1),
      port_id: a1,
      fixed_address: '10.0.0.11',
      distributed: false,
    },
    {
      id: uuid(6, 2),
      address: '192.0.2.52',
      router_id: uuid(5, 1),
      port_id: b1,
      fixed_address: '10.0.1.11',
      distributed: true,
    },
  ],
  security_groups: [
    defaultGroup(groupDefault, 0),
    {
      id: groupWeb,
      rules: [
        rule({
          id: uuid(9, 50),
          direction: 'ingress',
          protocol: 'tcp',
          port_min: 80,
          port_max: 80,
          remote_cidr: '0.0.0.0/0',
        }),
        rule({
          id: uuid(9, 51),
          direction: 'ingress',
          protocol: 'icmp',
          port_min: 8,
          port_max: 0,
          remote_group_id: groupDefault,
        }),
        rule({
          id: uuid(9, 52),
          direction: 'egress',
          protocol: 'tcp',
          port_min: 443,
          port_max: 444,
          remote_cidr: '203.0.113.0/24',
        }),
        rule({ id: uuid(9, 53), direction: 'ingress', protocol: 'vrrp' }),
      ],
    },
  ],
}
