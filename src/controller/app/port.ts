/** Ports: where an instance or router meets a network. Those of instances come and go in instance-ports.ts. */
import type { Port, portRoutes } from '../../api/port.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { formatAddress, formatCidr, parseAddress } from '../../lib/ip.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { PortId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { address } from '../store/address.ts'
import type { Tx } from '../store/database.ts'
import { floatingIp } from '../store/floating-ip.ts'
import { network, type NetworkRow } from '../store/network.ts'
import type { Page } from '../store/page.ts'
import { type NewPort, type PortRow, port } from '../store/port.ts'
import { type Caller, checkVersion, projectOf, visibleProject } from './caller.ts'
import { change } from './change.ts'
import { type Changed, checkMayChange, instancesReached, mayRead, networksChanged } from './network-change.ts'
import { insertPorts } from './new-ports.ts'
import { checkSecurityGroups, ensureDefaultSecurityGroup } from './security-group.ts'
import { readCidr } from './subnet-rules.ts'

export function listPorts(cloud: Cloud, caller: Caller, query: QueryOf<typeof portRoutes.list>): Promise<Page<Port>> {
  return port.list(cloud.database.db, visibleProject(caller, 'network.read', query.all_projects), query)
}

export async function getPort(cloud: Cloud, caller: Caller, id: string): Promise<Port> {
  const found = await port.find(cloud.database.db, id)
  if (!found || !mayRead(caller, found)) throw notFound('port', id)
  return found
}

/** Makes a free port: it waits for an instance, and is free again when that is gone. */
export function createPort(cloud: Cloud, caller: Caller, asked: BodyOf<typeof portRoutes.create>): Promise<Port> {
  const project_id = projectOf(caller)
  const { network_id, port_security = true } = asked
  const pairs = readPairs(asked.allowed_address_pairs)
  const mac = asked.mac ? readMac(asked.mac) : ''
  if (!port_security && asked.security_groups?.length) throw groupsNeedSecurity()
  return change(cloud, caller, async tx => {
    const [on] = await network.usable(tx, project_id, [network_id])
    if (!on) throw notFound('network', network_id)
    if (on.kind === 'external') {
      throw new CloudError(
        'invalid',
        `The network '${on.name}' is external: it takes routers and floating addresses, no ports.`,
      )
    }
    if (!port_security || pairs.length > 0) checkOwnNetwork(caller, on)
    const named = asked.security_groups ?? null
    if (named) await checkSecurityGroups(tx, project_id, named)
    const fallback = port_security ? [await ensureDefaultSecurityGroup(tx, cloud, project_id)] : []
    const made: NewPort = {
      id: makeId<PortId>(cloud),
      network_id,
      project_id,
      name: asked.name ?? '',
      mac,
      kind: 'free',
      port_security,
      allowed_address_pairs: pairs,
      kept: true,
      security_group_ids: named ?? fallback,
    }
    await insertPorts(tx, cloud, [made])
    const pools = await address.lock(tx, [network_id])
    await address.allocate(tx, pools, [{ port_id: made.id, network_id, fixed: asked.fixed_addresses }])
    await networksChanged(tx, caller, [{ noun: 'port', kind: 'created', id: made.id, project_id }])
    return await read(tx, made.id)
  })
}

/** On others' networks a port may not pretend to be another machine. */
function checkOwnNetwork(caller: Caller, on: NetworkRow): void {
  if (on.project_id === caller.project_id) return
  throw new CloudError(
    'forbidden',
    `The network '${on.name}' belongs to another project: ports on it keep port security, without allowed address pairs.`,
  )
}

function groupsNeedSecurity(): CloudError {
  return new CloudError('invalid', 'Without port_security no security group applies: give security_groups as [] too.')
}

function readMac(text: string): string {
  const mac = text.toLowerCase()
  // The lowest bit of the first byte marks a group of machines, which none can be.
  if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 || mac === '00:00:00:00:00:00') {
    throw new CloudError('invalid', `${text} is not the MAC of one machine. Choose another, such as fa:16:3e:00:00:01.`)
  }
  return mac
}

function readPairs(pairs: Port['allowed_address_pairs'] | undefined): Port['allowed_address_pairs'] {
  return (pairs ?? []).map(pair => {
    const plain = parseAddress(pair.address)
    const canonical = plain ? formatAddress(plain.family, plain.value) : formatCidr(readCidr(pair.address))
    return { address: canonical, ...(pair.mac !== undefined && { mac: readMac(pair.mac) }) }
  })
}

async function read(tx: Tx, id: string): Promise<Port> {
  const found = await port.find(tx, id)
  if (!found) throw new Error(`port ${id}, just written, is not there`)
  return found
}

export function updatePort(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof portRoutes.update>,
): Promise<Port> {
  const pairs = asked.allowed_address_pairs ? readPairs(asked.allowed_address_pairs) : undefined
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    if (row.kind !== 'free' && row.kind !== 'instance') throw notTheirs(row)
    const port_security = asked.port_security ?? row.port_security
    if (pairs?.length || (!port_security && row.port_security)) {
      const [on] = await network.usable(tx, row.project_id, [row.network_id])
      if (on) checkOwnNetwork(caller, on)
    }
    const groups = asked.security_groups ?? (await port.groupsOf(tx, id))
    if (!port_security && groups.length > 0) throw groupsNeedSecurity()
    if (asked.security_groups) {
      await checkSecurityGroups(tx, row.project_id, groups)
      await port.setGroups(tx, id, groups)
    }
    const { name, admin_up } = asked
    await port.update(tx, id, {
      port_security,
      ...(name !== undefined && { name }),
      ...(admin_up !== undefined && { admin_up }),
      ...(pairs && { allowed_address_pairs: pairs }),
    })
    await networksChanged(tx, caller, [{ noun: 'port', kind: 'changed', id, project_id: row.project_id }])
    if (row.instance_id && asked.security_groups)
      await instancesReached(tx, caller, { instance_ids: [row.instance_id] })
    return await read(tx, id)
  })
}

async function lockOwn(tx: Tx, caller: Caller, id: string): Promise<PortRow> {
  const row = await port.lock(tx, id)
  checkMayChange(caller, 'network.manage', 'port', row, id)
  checkVersion(caller, row.version)
  return row
}

const owners: Record<Exclude<PortRow['kind'], 'free'>, string> = {
  instance: 'It belongs to an instance, and goes with it',
  router: "It is a router's interface. Change the router",
  gateway: "It is a router's gateway. Change the router",
  floating: 'It holds a floating address. Change that',
  metadata: "It is the network's metadata service, and goes with the network",
}

function notTheirs(row: PortRow): CloudError {
  const owner = row.kind === 'free' ? 'It is free' : owners[row.kind]
  return new CloudError('in_use', `The port ${row.id} cannot be changed by itself. ${owner}.`, { kind: row.kind })
}

export function deletePort(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    if (row.kind !== 'free') throw notTheirs(row)
    const let_go = await floatingIp.letGo(tx, { port_id: id })
    await port.remove(tx, id)
    await networksChanged(tx, caller, [
      ...let_go.map(
        (one): Changed => ({ noun: 'floating-ip', kind: 'changed', id: one.id, project_id: one.project_id }),
      ),
      { noun: 'port', kind: 'deleted', id, project_id: row.project_id },
    ])
    return null
  })
}
