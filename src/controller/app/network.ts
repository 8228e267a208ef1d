/** Networks: a project's own overlays, and external ones, which only those who may publish can make. */
import type { Network, networkRoutes } from '../../api/network.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { NetworkId, PortId } from '../../model/ids.ts'
import { type Cloud, type Makes, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { network } from '../store/network.ts'
import type { Page } from '../store/page.ts'
import { projectQuota } from '../store/project-quota.ts'
import { type Caller, checkVersion, forbidden, mayOnSystem, projectOf, visibleProject } from './caller.ts'
import { change } from './change.ts'
import {
  type Changed,
  checkMayChange,
  hostsReached,
  instancesReached,
  mayRead,
  networksChanged,
  portsInWords,
} from './network-change.ts'
import { insertPorts } from './new-ports.ts'

/** 1,500 minus Geneve's 58 bytes of headers over IPv4. */
const overlayMtu = 1442
const externalMtu = 1500

export function listNetworks(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof networkRoutes.list>,
): Promise<Page<Network>> {
  return network.list(cloud.database.db, visibleProject(caller, 'network.read', query.all_projects), query)
}

export async function getNetwork(cloud: Cloud, caller: Caller, id: string): Promise<Network> {
  const found = await network.find(cloud.database.db, id)
  if (!found || !mayRead(caller, found)) throw notFound('network', id)
  return found
}

type NetworkAsked = BodyOf<typeof networkRoutes.create>

export function createNetwork(cloud: Cloud, caller: Caller, asked: NetworkAsked): Promise<Network> {
  return change(cloud, caller, tx => makeNetwork(tx, cloud, caller, asked))
}

/** Within a transaction that makes more than the network. */
export async function makeNetwork(tx: Tx, cloud: Makes, caller: Caller, asked: NetworkAsked): Promise<Network> {
  const kind = asked.kind ?? 'overlay'
  if ((kind === 'external' || asked.shared) && !mayOnSystem(caller, 'network.publish')) {
    throw forbidden('network.publish', 'on the whole system')
  }
  if (kind === 'external' && !asked.physical_network) {
    throw new CloudError(
      'invalid',
      'An external network needs physical_network: the name that hosts have for where it leads.',
    )
  }
  if (kind === 'overlay' && (asked.physical_network !== undefined || asked.vlan !== undefined)) {
    throw new CloudError('invalid', 'Only external networks have physical_network and vlan; an overlay needs neither.')
  }
  const made = {
    id: makeId<NetworkId>(cloud),
    project_id: projectOf(caller),
    name: asked.name,
    kind,
    shared: asked.shared ?? false,
    mtu: asked.mtu ?? (kind === 'overlay' ? overlayMtu : externalMtu),
    physical_network: asked.physical_network ?? null,
    vlan: asked.vlan ?? null,
  }
  await projectQuota.charge(tx, made.project_id, { networks: 1 })
  await onConstraint(network.insert(tx, made), { network_physical_network_coalesce_idx: () => vlanTaken(asked) })
  if (kind === 'overlay') await addMetadataPort(tx, cloud, made)
  await networksChanged(tx, caller, [{ noun: 'network', kind: 'created', id: made.id, project_id: made.project_id }])
  return await read(tx, made.id)
}

function vlanTaken(asked: { physical_network?: string; vlan?: number }): CloudError {
  const where = asked.vlan === undefined ? 'untagged' : `with VLAN ${asked.vlan}`
  return new CloudError(
    'conflict',
    `There is a network on '${asked.physical_network}' ${where} already. Use that, or another VLAN.`,
  )
}

/** The port on which hosts answer metadata requests of the network's guests. Subnets give it addresses. */
async function addMetadataPort(tx: Tx, cloud: Makes, on: { id: string; project_id: string }): Promise<void> {
  const { id: network_id, project_id } = on
  await insertPorts(tx, cloud, [{ id: makeId<PortId>(cloud), network_id, project_id, mac: '', kind: 'metadata' }])
}

async function read(tx: Tx, id: string): Promise<Network> {
  const found = await network.find(tx, id)
  if (!found) throw new Error(`network ${id}, just written, is not there`)
  return found
}

export function updateNetwork(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof networkRoutes.update>,
): Promise<Network> {
  return change(cloud, caller, async tx => {
    const row = await network.lock(tx, id)
    checkMayChange(caller, 'network.manage', 'network', row, id)
    checkVersion(caller, row.version)
    const { shared } = asked
    if (shared !== undefined && shared !== row.shared) {
      if (!mayOnSystem(caller, 'network.publish')) throw forbidden('network.publish', 'on the whole system')
      if (!shared && (await network.usedByOthers(tx, id, row.project_id))) {
        throw new CloudError(
          'in_use',
          `Other projects have ports on the network '${row.name}'. It stays shared until these are gone.`,
        )
      }
    }
    await network.update(tx, id, asked)
    await networksChanged(tx, caller, [{ noun: 'network', kind: 'changed', id, project_id: row.project_id }])
    // Instances are shown with their networks' names; the MTU is their hosts' business alone.
    if (asked.name !== undefined && asked.name !== row.name) await instancesReached(tx, caller, { network_id: id })
    else if (asked.mtu !== undefined && asked.mtu !== row.mtu) await hostsReached(tx, { network_id: id })
    return await read(tx, id)
  })
}

export function deleteNetwork(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await network.lock(tx, id)
    checkMayChange(caller, 'network.manage', 'network', row, id)
    checkVersion(caller, row.version)
    const kinds = await network.portKinds(tx, id)
    const users = portsInWords(kinds)
    if (users !== '') {
      throw new CloudError('in_use', `The network '${row.name}' has ${users}. Delete or detach these first.`, {
        ports: Object.fromEntries(kinds),
      })
    }
    const { project_id } = row
    await projectQuota.release(tx, project_id, { networks: 1 })
    const subnets = await network.remove(tx, id)
    await networksChanged(tx, caller, [
      ...subnets.map((subnet_id): Changed => ({ noun: 'subnet', kind: 'deleted', id: subnet_id, project_id })),
      { noun: 'network', kind: 'deleted', id, project_id },
    ])
    return null
  })
}
