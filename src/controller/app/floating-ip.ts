/** Floating addresses: taken from an external network, and put in front of an instance's own address by its router. */
import type { FloatingIp, floatingIpRoutes } from '../../api/floating-ip.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { FloatingIpId, PortId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { address } from '../store/address.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { type FloatingIpRow, floatingIp, type Place, type Target } from '../store/floating-ip.ts'
import { network, type NetworkRow } from '../store/network.ts'
import type { Page } from '../store/page.ts'
import { port } from '../store/port.ts'
import { projectQuota } from '../store/project-quota.ts'
import { router } from '../store/router.ts'
import { type Caller, checkVersion, projectOf, visibleProject } from './caller.ts'
import { change } from './change.ts'
import { checkMayChange, instancesReached, mayRead, networksChanged } from './network-change.ts'
import { insertPorts } from './new-ports.ts'
import { readAddress } from './subnet-rules.ts'

type Asked = BodyOf<typeof floatingIpRoutes.update>

export function listFloatingIps(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof floatingIpRoutes.list>,
): Promise<Page<FloatingIp>> {
  if (query.address !== undefined) readAddress(query.address, 'address')
  return floatingIp.list(cloud.database.db, visibleProject(caller, 'network.read', query.all_projects), query)
}

export async function getFloatingIp(cloud: Cloud, caller: Caller, id: string): Promise<FloatingIp> {
  const found = await floatingIp.find(cloud.database.db, id)
  if (!found || !mayRead(caller, found)) throw notFound('floating address', id)
  return found
}

export function createFloatingIp(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof floatingIpRoutes.create>,
): Promise<FloatingIp> {
  checkTarget(asked)
  if (asked.address !== undefined && readAddress(asked.address, 'floating address').family !== 4) {
    throw new CloudError(
      'invalid',
      'Floating addresses are IPv4: instances have IPv6 addresses that need no translation.',
    )
  }
  return change(cloud, caller, async tx => {
    const project_id = projectOf(caller)
    const outside = await externalNetwork(tx, project_id, asked.network_id)
    await projectQuota.charge(tx, project_id, { floating_ips: 1 })
    const address_port_id = makeId<PortId>(cloud)
    const network_id = outside.id
    await insertPorts(tx, cloud, [{ id: address_port_id, network_id, project_id, mac: '', kind: 'floating' }])
    const pools = await address.lock(tx, [network_id])
    const fixed = asked.address === undefined ? undefined : [asked.address]
    const [given] = await address.allocate(tx, pools, [{ port_id: address_port_id, network_id, family: 4, fixed }])
    if (!given)
      throw new CloudError('no_address', `The network '${outside.name}' has no IPv4 subnet to take an address from.`)
    const id = makeId<FloatingIpId>(cloud)
    const description = asked.description ?? ''
    await floatingIp.insert(tx, { id, project_id, network_id, address_port_id, address: given.address, description })
    if (asked.port_id !== undefined || asked.instance_id !== undefined) {
      await point(tx, caller, { id, project_id, network_id, port_id: null }, asked)
    }
    return await done(tx, caller, 'created', { id, project_id })
  })
}

function checkTarget(asked: Asked): void {
  if (asked.port_id && asked.instance_id) throw new CloudError('invalid', 'Name a port or an instance, not both.')
  if (asked.fixed_address !== undefined) {
    readAddress(asked.fixed_address, 'fixed address')
    if (!asked.port_id && !asked.instance_id)
      throw new CloudError('invalid', 'fixed_address needs port_id or instance_id.')
  }
}

async function externalNetwork(tx: Tx, project_id: string, id: string | undefined): Promise<NetworkRow> {
  if (id !== undefined) {
    const [named] = await network.usable(tx, project_id, [id])
    if (!named) throw notFound('network', id)
    if (named.kind === 'external') return named
    throw new CloudError(
      'invalid',
      `The network '${named.name}' is not external: floating addresses come from external networks.`,
    )
  }
  const [only, another] = await network.external(tx, project_id)
  if (!only)
    throw new CloudError('not_found', 'There is no external network that the project may use, so no floating address.')
  if (another)
    throw new CloudError(
      'invalid',
      'There are several external networks. Say with network_id which to take the address from.',
    )
  return only
}

async function done(
  tx: Tx,
  caller: Caller,
  kind: 'created' | 'changed',
  row: { id: string; project_id: string },
): Promise<FloatingIp> {
  await networksChanged(tx, caller, [{ noun: 'floating-ip', kind, id: row.id, project_id: row.project_id }])
  const found = await floatingIp.find(tx, row.id)
  if (!found) throw new Error(`floating address ${row.id}, just written, is not there`)
  return found
}

type Pointed = Pick<FloatingIpRow, 'id' | 'project_id' | 'network_id' | 'port_id'>

/** Puts the floating address in front of what is asked, or of nothing; guests on both sides learn of it by metadata. */
async function point(tx: Tx, caller: Caller, row: Pointed, asked: Asked): Promise<void> {
  const place = asked.port_id || asked.instance_id ? await placeFor(tx, row, asked) : null
  const target: Target = {
    port_id: place?.port_id ?? null,
    fixed_address: place?.address ?? null,
    router_id: place?.router_id ?? null,
  }
  await onConstraint(floatingIp.update(tx, row.id, target), {
    floating_ip_port_once: () =>
      new CloudError('conflict', `The address ${place?.address} has a floating address already. Let that go first.`),
    floating_ip_port_id_fkey: () => notFound('port', place?.port_id ?? ''),
  })
  const before = row.port_id === null ? null : await port.find(tx, row.port_id)
  const instance_ids = [before?.instance_id, place?.instance_id].filter(id => id != null)
  if (instance_ids.length > 0) await instancesReached(tx, caller, { instance_ids })
}

/** The address to be put in front of, with a router that leads from the floating address's network to it. */
async function placeFor(tx: Tx, row: Pointed, asked: Asked): Promise<Place> {
  const named = asked.port_id ? { port_id: asked.port_id } : { instance_id: asked.instance_id ?? '' }
  const places = await floatingIp.places(tx, row.project_id, named)
  const [first] = places
  if (!first) {
    const what = asked.port_id ? `port ${asked.port_id}` : `instance ${asked.instance_id}`
    throw new CloudError('not_found', `There is no ${what} of the project with an IPv4 address.`)
  }
  const fitting =
    asked.fixed_address === undefined ? places : places.filter(each => each.address === asked.fixed_address)
  const [wanted] = fitting
  if (!wanted) {
    const has = places.map(each => each.address).join(', ')
    throw new CloudError('invalid', `The address ${asked.fixed_address} is none of its addresses: ${has}.`)
  }
  const reached = fitting.find(each => each.router_id !== null && each.external_network_id === row.network_id)
  if (!reached || reached.router_id === null) throw await unreached(tx, row, wanted)
  // Nobody may take the router away before this transaction has ended.
  const held = await router.share(tx, reached.router_id)
  if (held?.external_network_id !== row.network_id) throw await unreached(tx, row, wanted)
  return reached
}

async function unreached(tx: Tx, row: Pointed, place: Place): Promise<CloudError> {
  const outside = await network.find(tx, row.network_id)
  const name = outside?.name ?? row.network_id
  const why =
    place.router_id === null
      ? `the subnet '${place.subnet}' has no router. Add it to a router with a gateway on '${name}'`
      : `the router '${place.router}' of the subnet '${place.subnet}' has no gateway on '${name}'. Set it as its external network`
  return new CloudError('conflict', `${place.address} cannot be reached from the network '${name}': ${why}.`, {
    subnet_id: place.subnet_id,
    router_id: place.router_id,
    external_network_id: row.network_id,
  })
}

export function updateFloatingIp(cloud: Cloud, caller: Caller, id: string, asked: Asked): Promise<FloatingIp> {
  checkTarget(asked)
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    if (asked.port_id !== undefined || asked.instance_id !== undefined) await point(tx, caller, row, asked)
    if (asked.description !== undefined) await floatingIp.update(tx, id, { description: asked.description })
    return await done(tx, caller, 'changed', row)
  })
}

async function lockOwn(tx: Tx, caller: Caller, id: string): Promise<FloatingIpRow> {
  const row = await floatingIp.lock(tx, id)
  checkMayChange(caller, 'floating-ip.manage', 'floating address', row, id)
  checkVersion(caller, row.version)
  return row
}

export function deleteFloatingIp(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    if (row.port_id !== null) await point(tx, caller, row, { port_id: null })
    await projectQuota.release(tx, row.project_id, { floating_ips: 1 })
    await floatingIp.remove(tx, row)
    await networksChanged(tx, caller, [{ noun: 'floating-ip', kind: 'deleted', id, project_id: row.project_id }])
    return null
  })
}
