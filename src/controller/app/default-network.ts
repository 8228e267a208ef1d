/**
 * The networks of a cloud on one machine, as `croft up` leaves it: `external`, which the host itself is on; `default`, whose
 * guests reach outside through the router `default` and are reached by floating addresses.
 */
import { parseCidr } from '../../lib/ip.ts'
import { permissions } from '../../model/permissions.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { type DefaultParts, defaultNetwork } from '../store/default-network.ts'
import type { Caller } from './caller.ts'
import { change } from './change.ts'
import { makeNetwork } from './network.ts'
import { joinSubnet, makeRouter } from './router.ts'
import { makeSubnet } from './subnet.ts'

export interface DefaultNetworkAsked {
  /** Addresses between the host and its guests' floating addresses, such as 172.24.4.0/24. */
  external_cidr: string
  /** The host's own address on the external bridge, in that CIDR. */
  external_gateway: string
  /** As in the hosts' bridge mappings. */
  physical_network: string
  /** Name servers that DHCP gives the guests of `default`. */
  dns?: readonly string[]
}

export interface DefaultNetwork {
  external_id: string
  network_id: string
  router_id: string
}

/** The first that does not overlap the external network is the range of `default`. */
const ranges = ['10.0.0.0/20', '172.30.0.0/20', '192.168.96.0/20']

/**
 * Makes what is missing of the default networks, found by their names in the project `default`; what is there stays as it
 * is. All or nothing; any number of controllers may do it at once. Throws 'invalid' when the addresses make no sense.
 */
export async function ensureDefaultNetwork(cloud: Cloud, asked: DefaultNetworkAsked): Promise<DefaultNetwork> {
  const owner = await cloud.database.transaction(tx => defaultNetwork.owner(tx))
  if (!owner)
    throw new Error('the project `default` of the domain `default` is not there: nobody owns the default network')
  const caller = ownCaller(cloud, owner)
  const look = await cloud.database.transaction(tx => defaultNetwork.parts(tx, owner.project_id))
  const there = complete(look)
  if (there) return there
  return change(cloud, caller, async tx => {
    await defaultNetwork.lock(tx)
    return await makeMissing(tx, cloud, caller, asked, await defaultNetwork.parts(tx, owner.project_id))
  })
}

function complete(parts: DefaultParts): DefaultNetwork | null {
  const { external_id, external_subnet_id, network_id, subnet_id, router_id, joined } = parts
  if (!external_id || !external_subnet_id || !network_id || !subnet_id || !router_id || !joined) return null
  return { external_id, network_id, router_id }
}

async function makeMissing(
  tx: Tx,
  cloud: Cloud,
  caller: Caller,
  asked: DefaultNetworkAsked,
  parts: DefaultParts,
): Promise<DefaultNetwork> {
  const { physical_network, external_cidr, external_gateway, dns } = asked
  const made = { name: 'external', kind: 'external', shared: true, physical_network } as const
  const external_id = parts.external_id ?? (await makeNetwork(tx, cloud, caller, made)).id
  if (!parts.external_subnet_id) {
    const outside = { name: 'external', network_id: external_id, cidr: external_cidr, gateway: external_gateway }
    await makeSubnet(tx, cloud, caller, outside)
  }
  const network_id = parts.network_id ?? (await makeNetwork(tx, cloud, caller, { name: 'default' })).id
  const inside = { name: 'default', network_id, cidr: freeRange(external_cidr), ...(dns && { dns: [...dns] }) }
  const subnet_id = parts.subnet_id ?? (await makeSubnet(tx, cloud, caller, inside)).id
  const way = { name: 'default', external_network_id: external_id }
  const router_id = parts.router_id ?? (await makeRouter(tx, cloud, caller, way)).id
  if (!parts.joined) await joinSubnet(tx, cloud, caller, router_id, subnet_id)
  return { external_id, network_id, router_id }
}

function freeRange(external_cidr: string): string {
  const outside = parseCidr(external_cidr)
  const free = ranges.find(text => {
    const range = parseCidr(text)
    return (
      !outside || !range || range.family !== outside.family || range.last < outside.first || outside.last < range.first
    )
  })
  return free ?? '10.0.0.0/20'
}

/** Croft itself, in the project `default`: nobody signed in for this. */
function ownCaller(cloud: Cloud, owner: { project_id: string; domain_id: string }): Caller {
  const all = new Set(permissions)
  return {
    user_id: '00000000-0000-0000-0000-000000000000',
    user_name: 'croft',
    user_domain_id: owner.domain_id,
    project_id: owner.project_id,
    project_domain_id: owner.domain_id,
    on_system: all,
    on_domains: new Map(),
    on_project: all,
    on_instances: new Map(),
    request: {
      id: makeId(cloud),
      method: 'POST',
      path: '/',
      action: 'network.ensure-default',
      status: 201,
      address: 'local',
      idempotency_key: null,
      sha256: new Uint8Array(),
      if_match: null,
    },
  }
}
