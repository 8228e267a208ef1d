/** Routers: their interfaces on subnets, and the gateway by which they reach outside. */
import type { BodyOf, QueryOf } from '../../api/route.ts'
import type { Router, routerRoutes } from '../../api/router.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { PortId, RouterId } from '../../model/ids.ts'
import { type Cloud, type Makes, makeId } from '../cloud.ts'
import { address } from '../store/address.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { floatingIp } from '../store/floating-ip.ts'
import { network } from '../store/network.ts'
import type { Page } from '../store/page.ts'
import { projectQuota } from '../store/project-quota.ts'
import { type RouterRow, router } from '../store/router.ts'
import { subnet } from '../store/subnet.ts'
import { type Caller, checkVersion, projectOf, visibleProject } from './caller.ts'
import { change } from './change.ts'
import { checkMayChange, mayRead, networksChanged } from './network-change.ts'
import { insertPorts } from './new-ports.ts'

export function listRouters(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof routerRoutes.list>,
): Promise<Page<Router>> {
  return router.list(cloud.database.db, visibleProject(caller, 'network.read', query.all_projects), query)
}

export async function getRouter(cloud: Cloud, caller: Caller, id: string): Promise<Router> {
  const found = await router.find(cloud.database.db, id)
  if (!found || !mayRead(caller, found)) throw notFound('router', id)
  return found
}

type RouterAsked = BodyOf<typeof routerRoutes.create>

export function createRouter(cloud: Cloud, caller: Caller, asked: RouterAsked): Promise<Router> {
  return change(cloud, caller, tx => makeRouter(tx, cloud, caller, asked))
}

/** Within a transaction that makes more than the router. */
export async function makeRouter(tx: Tx, cloud: Makes, caller: Caller, asked: RouterAsked): Promise<Router> {
  const { name, snat = true, external_network_id, external_address } = asked
  if (external_address !== undefined && external_network_id === undefined) throw addressWithoutNetwork()
  const made = { id: makeId<RouterId>(cloud), project_id: projectOf(caller), name, snat }
  await projectQuota.charge(tx, made.project_id, { routers: 1 })
  await router.insert(tx, made)
  const row = await router.lock(tx, made.id)
  if (row && external_network_id) await setGateway(tx, cloud, row, external_network_id, external_address)
  return await done(tx, caller, 'created', made)
}

function addressWithoutNetwork(): CloudError {
  return new CloudError(
    'invalid',
    'external_address needs external_network_id: say on which network the router shall have it.',
  )
}

async function done(
  tx: Tx,
  caller: Caller,
  kind: 'created' | 'changed',
  row: { id: string; project_id: string },
): Promise<Router> {
  await networksChanged(tx, caller, [{ noun: 'router', kind, id: row.id, project_id: row.project_id }])
  const found = await router.find(tx, row.id)
  if (!found) throw new Error(`router ${row.id}, just written, is not there`)
  return found
}

async function setGateway(
  tx: Tx,
  cloud: Makes,
  row: RouterRow,
  network_id: string,
  fixed: string | undefined,
): Promise<void> {
  const [outside] = await network.usable(tx, row.project_id, [network_id])
  if (!outside) throw notFound('network', network_id)
  if (outside.kind !== 'external') {
    throw new CloudError(
      'invalid',
      `The network '${outside.name}' is not external. A router's gateway is on an external network.`,
    )
  }
  const other = await router.overlappingNetwork(tx, row.id, network_id)
  if (other) {
    throw new CloudError(
      'overlap',
      `The subnet '${other.name}' (${other.cidr}) of '${outside.name}' overlaps a network that the router joins.`,
    )
  }
  const port_id = makeId<PortId>(cloud)
  const { id: router_id, project_id } = row
  await insertPorts(tx, cloud, [{ id: port_id, network_id, project_id, mac: '', kind: 'gateway', router_id }])
  const pools = await address.lock(tx, [network_id])
  const given = await address.allocate(tx, pools, [
    { port_id, network_id, fixed: fixed === undefined ? undefined : [fixed] },
  ])
  if (given.length === 0) {
    throw new CloudError(
      'conflict',
      `The network '${outside.name}' has no subnet, so the router would have no address there. Add one.`,
    )
  }
  await router.update(tx, row.id, { external_network_id: network_id })
}

export function updateRouter(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof routerRoutes.update>,
): Promise<Router> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    const { name, snat, external_network_id, external_address } = asked
    await router.update(tx, id, { ...(name !== undefined && { name }), ...(snat !== undefined && { snat }) })
    const moves = external_network_id !== undefined && external_network_id !== row.external_network_id
    if (moves || external_address !== undefined) {
      const network_id = external_network_id === undefined ? row.external_network_id : external_network_id
      if (network_id === null && external_address !== undefined) throw addressWithoutNetwork()
      if (moves) await checkNoFloating(tx, row, 'Its gateway stays')
      await router.removeGateway(tx, id)
      await router.update(tx, id, { external_network_id: null })
      if (network_id !== null) await setGateway(tx, cloud, row, network_id, external_address)
    }
    return await done(tx, caller, 'changed', row)
  })
}

async function lockOwn(tx: Tx, caller: Caller, id: string): Promise<RouterRow> {
  const row = await router.lock(tx, id)
  checkMayChange(caller, 'network.manage', 'router', row, id)
  checkVersion(caller, row.version)
  return row
}

async function checkNoFloating(tx: Tx, row: RouterRow, stays: string, subnet_id: string | null = null): Promise<void> {
  const count = await floatingIp.countBy(tx, row.id, subnet_id)
  if (count === 0) return
  throw new CloudError(
    'in_use',
    `${count} floating ${count === 1 ? 'address goes' : 'addresses go'} by the router '${row.name}'. ${stays} until these are let go.`,
    {
      floating_ips: count,
    },
  )
}

export function deleteRouter(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    const interfaces = (await router.find(tx, id))?.interfaces ?? []
    if (interfaces.length > 0) {
      const cidrs = interfaces.map(each => each.cidr).join(', ')
      throw new CloudError('in_use', `The router '${row.name}' joins ${cidrs}. Remove its interfaces first.`, {
        interfaces: interfaces.length,
      })
    }
    await projectQuota.release(tx, row.project_id, { routers: 1 })
    await router.remove(tx, id)
    await networksChanged(tx, caller, [{ noun: 'router', kind: 'deleted', id, project_id: row.project_id }])
    return null
  })
}

export function addInterface(cloud: Cloud, caller: Caller, id: string, subnet_id: string): Promise<Router> {
  return change(cloud, caller, tx => joinSubnet(tx, cloud, caller, id, subnet_id))
}

/** Within a transaction that makes more than the interface. */
export async function joinSubnet(tx: Tx, cloud: Makes, caller: Caller, id: string, subnet_id: string): Promise<Router> {
  const row = await lockOwn(tx, caller, id)
  const joined = await subnet.find(tx, subnet_id)
  // One's own subnets only: a router of another project on a shared network would be its gateway.
  if (!joined || joined.project_id !== row.project_id) throw notFound('subnet', subnet_id)
  const { name, cidr, gateway, network_id } = joined
  if (gateway === null) {
    throw new CloudError(
      'conflict',
      `The subnet '${name}' has no gateway, whose address the router would take. Set one first.`,
    )
  }
  if ((await network.usable(tx, row.project_id, [network_id]))[0]?.kind === 'external') {
    throw new CloudError(
      'invalid',
      `The subnet '${name}' is external: set it as the router's external gateway instead.`,
    )
  }
  const there = await router.ofSubnet(tx, subnet_id)
  if (there) throw hasRouter(name, there)
  const other = await router.overlapping(tx, row, cidr)
  if (other) throw overlap(cidr, other)
  const port_id = makeId<PortId>(cloud)
  const { id: router_id, project_id } = row
  await insertPorts(tx, cloud, [{ id: port_id, network_id, project_id, mac: '', kind: 'router', router_id }])
  const pools = await address.lock(tx, [network_id])
  await address.allocate(tx, pools, [{ port_id, network_id, subnet_id, fixed: [gateway], as_gateway: true }])
  await onConstraint(router.insertInterface(tx, { router_id, subnet_id, port_id, cidr }), {
    router_interface_subnet_id_key: () => hasRouter(name, null),
    router_interface_overlap: () => overlap(cidr, null),
  })
  await router.update(tx, id, {})
  return await done(tx, caller, 'changed', row)
}

function hasRouter(name: string, there: { id: string; name: string } | null): CloudError {
  const which = there ? ` ('${there.name}')` : ''
  return new CloudError(
    'conflict',
    `The subnet '${name}' has a router already${which}. A subnet is joined by one router.`,
  )
}

function overlap(cidr: string, other: { name: string; cidr: string } | null): CloudError {
  const what = other ? `'${other.name}' (${other.cidr})` : 'another network'
  return new CloudError('overlap', `${cidr} overlaps ${what} of the same router, which could not tell them apart.`, {
    cidr,
    other,
  })
}

export function removeInterface(cloud: Cloud, caller: Caller, id: string, subnet_id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    await checkNoFloating(tx, row, 'The interface stays', subnet_id)
    if ((await router.removeInterface(tx, id, subnet_id)) === null) {
      throw new CloudError('not_found', `The router '${row.name}' has no interface on the subnet ${subnet_id}.`)
    }
    await router.update(tx, id, {})
    await networksChanged(tx, caller, [{ noun: 'router', kind: 'changed', id, project_id: row.project_id }])
    return null
  })
}
