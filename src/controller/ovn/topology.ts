/**
 * What Croft wants of the logical network, as one plain snapshot: the input of the plan. References are by id; what
 * refers to something that is not in the snapshot is left out of the plan and named in its problems.
 * Not its job: where this comes from (the database), what OVN makes of it (plan.ts).
 */

/** `overlay` is Geneve between hosts; `external` is a physical network, tagged with `vlan` or untagged. */
export interface TopologyNetwork {
  readonly id: string
  readonly kind: 'overlay' | 'external'
  /** Bytes of an IP packet; told to guests by DHCP and router advertisements. */
  readonly mtu: number
  /** Of an external network: the name in hosts' ovn-bridge-mappings. */
  readonly physical_network: string | null
  readonly vlan: number | null
}

export interface HostRoute {
  /** CIDR. */
  readonly destination: string
  readonly nexthop: string
}

export interface TopologySubnet {
  readonly id: string
  readonly network_id: string
  /** IPv4 or IPv6. */
  readonly cidr: string
  readonly gateway: string | null
  readonly dns: readonly string[]
  readonly host_routes: readonly HostRoute[]
  /** IPv4: DHCP. IPv6: DHCPv6 with the ports' own addresses. */
  readonly dhcp: boolean
}

export interface AddressPair {
  /** An address or a CIDR. */
  readonly address: string
  /** Null: the port's own. */
  readonly mac: string | null
}

/**
 * A port: name of the logical switch port and `iface-id` on the host are its id.
 * instance: a guest's NIC. router: a router's interface or gateway. metadata: the network's localport, one at most.
 */
export interface TopologyPort {
  readonly id: string
  readonly network_id: string
  readonly kind: 'instance' | 'router' | 'metadata'
  readonly mac: string
  readonly addresses: readonly { readonly subnet_id: string; readonly address: string }[]
  readonly allowed_address_pairs: readonly AddressPair[]
  /** Off: neither addresses nor security groups are enforced. */
  readonly port_security: boolean
  readonly security_group_ids: readonly string[]
  readonly admin_up: boolean
  /** The chassis (OVS system-id or hostname) that may bind it; null: whichever has the interface. */
  readonly host: string | null
  /** While a live migration runs: where to. The port works there from the guest's first RARP. */
  readonly target_host?: string | null
  /** Given by DHCP and answered by DNS within the network. */
  readonly hostname?: string | null
}

export interface RouterGateway {
  /** A port of kind router on an external network; its addresses are the router's outside. */
  readonly port_id: string
  /** Guests without floating IP reach outside by the gateway port's IPv4 address. */
  readonly snat: boolean
  /** Chassis (OVS system-ids) that may carry the gateway, the preferred first. None: there is no way out yet. */
  readonly chassis: readonly string[]
}

export interface TopologyRouter {
  readonly id: string
  /** Ports of kind router. */
  readonly interfaces: readonly string[]
  readonly gateway: RouterGateway | null
  readonly routes: readonly HostRoute[]
}

export interface TopologyFloatingIp {
  readonly id: string
  readonly address: string
  readonly router_id: string
  readonly port_id: string
  /** One of the port's addresses. */
  readonly fixed_address: string
  /** True: the guest's own host answers; its external bridge must reach outside. False: the gateway's host does. */
  readonly distributed: boolean
}

export interface TopologyRule {
  readonly id: string
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'ipv4' | 'ipv6'
  /** Canonical (model/ip-protocols.ts); null: any. */
  readonly protocol: string | null
  /** tcp, udp, sctp: first port; icmp: type. Null: any. */
  readonly port_min: number | null
  /** tcp, udp, sctp: last port; icmp: code. Null: any. */
  readonly port_max: number | null
  readonly remote_cidr: string | null
  readonly remote_group_id: string | null
}

export interface TopologySecurityGroup {
  readonly id: string
  readonly rules: readonly TopologyRule[]
}

export interface Topology {
  readonly networks: readonly TopologyNetwork[]
  readonly subnets: readonly TopologySubnet[]
  readonly ports: readonly TopologyPort[]
  readonly routers: readonly TopologyRouter[]
  readonly floating_ips: readonly TopologyFloatingIp[]
  readonly security_groups: readonly TopologySecurityGroup[]
}

export const emptyTopology: Topology = {
  networks: [],
  subnets: [],
  ports: [],
  routers: [],
  floating_ips: [],
  security_groups: [],
}
