/** Subnets: made on networks of one's own. The CIDR never changes; what DHCP tells can. */
import type { BodyOf, QueryOf } from '../../api/route.ts'
import type { Subnet, subnetRoutes } from '../../api/subnet.ts'
import { formatCidr, parseCidr } from '../../lib/ip.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { SubnetId } from '../../model/ids.ts'
import { type Cloud, type Makes, makeId } from '../cloud.ts'
import { address } from '../store/address.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { network, type NetworkRow } from '../store/network.ts'
import type { Page } from '../store/page.ts'
import { port } from '../store/port.ts'
import { subnet, type SubnetRow, toSubnet } from '../store/subnet.ts'
import { type Caller, checkVersion, visibleProject } from './caller.ts'
import { change } from './change.ts'
import { checkMayChange, hostsReached, mayRead, networksChanged, portsInWords } from './network-change.ts'
import { planSubnet, subnetCidr, type SubnetPlan } from './subnet-rules.ts'

export function listSubnets(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof subnetRoutes.list>,
): Promise<Page<Subnet>> {
  return subnet.list(cloud.database.db, visibleProject(caller, 'network.read', query.all_projects), query)
}

export async function getSubnet(cloud: Cloud, caller: Caller, id: string): Promise<Subnet> {
  const found = await subnet.find(cloud.database.db, id)
  if (!found || !mayRead(caller, found)) throw notFound('subnet', id)
  const { shared: _, ...row } = found
  return toSubnet(row)
}

type SubnetAsked = BodyOf<typeof subnetRoutes.create>

export function createSubnet(cloud: Cloud, caller: Caller, asked: SubnetAsked): Promise<Subnet> {
  return change(cloud, caller, tx => makeSubnet(tx, cloud, caller, asked))
}

/** Within a transaction that makes more than the subnet. */
export async function makeSubnet(tx: Tx, cloud: Makes, caller: Caller, asked: SubnetAsked): Promise<Subnet> {
  const range = subnetCidr(asked.cidr)
  const plan = planSubnet(range, asked, null)
  const { network_id } = asked
  const on = await network.lock(tx, network_id)
  checkMayChange(caller, 'network.manage', 'network', on, network_id)
  const made = {
    ...plan,
    id: makeId<SubnetId>(cloud),
    network_id,
    project_id: on.project_id,
    name: asked.name,
    cidr: formatCidr(range),
    dhcp: asked.dhcp ?? on.kind === 'overlay',
    next_address: plan.pool_start,
  }
  if (made.dhcp && on.kind === 'external') throw noDhcpOutside()
  const other = await subnet.overlapping(tx, network_id, made.cidr)
  if (other) throw overlap(made.cidr, other)
  await onConstraint(subnet.insert(tx, made), { subnet_overlap: () => overlap(made.cidr, null) })
  if (made.dhcp) await giveMetadataAddress(tx, made)
  // The network is what hosts are told of: its metadata port has one more address.
  await network.update(tx, network_id, {})
  await networksChanged(tx, caller, [{ noun: 'subnet', kind: 'created', id: made.id, project_id: made.project_id }])
  if (made.dhcp) await hostsReached(tx, { network_id })
  return await read(tx, made.id)
}

function noDhcpOutside(): CloudError {
  return new CloudError('invalid', 'Croft gives no addresses by DHCP on external networks: leave dhcp out.')
}

function overlap(cidr: string, other: { name: string; cidr: string } | null): CloudError {
  const what = other ? `the subnet '${other.name}' (${other.cidr})` : 'another subnet'
  return new CloudError('overlap', `${cidr} overlaps ${what} of the same network. Choose another range.`, {
    cidr,
    other,
  })
}

async function read(tx: Tx, id: string): Promise<Subnet> {
  const row = await subnet.lock(tx, id)
  if (!row) throw new Error(`subnet ${id}, just written, is not there`)
  return toSubnet(row)
}

async function giveMetadataAddress(tx: Tx, on: { id: string; network_id: string }): Promise<void> {
  const metadata = await port.metadataOf(tx, on.network_id)
  if (!metadata) return
  const pools = await address.lock(tx, [on.network_id])
  await address.allocate(tx, pools, [{ port_id: metadata, network_id: on.network_id, subnet_id: on.id }])
}

export function updateSubnet(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof subnetRoutes.update>,
): Promise<Subnet> {
  return change(cloud, caller, async tx => {
    const { row, on } = await lockBoth(tx, caller, id)
    const range = parseCidr(row.cidr)
    if (!range) throw new Error(`subnet ${id} has the CIDR '${row.cidr}', which is none`)
    const plan = planSubnet(range, asked, toSubnet(row))
    if (plan.gateway !== row.gateway) await checkGateway(tx, row, plan.gateway)
    const dhcp = asked.dhcp ?? row.dhcp
    if (dhcp && on.kind === 'external') throw noDhcpOutside()
    await subnet.update(tx, id, { ...plan, dhcp, ...(asked.name !== undefined && { name: asked.name }) })
    if (dhcp && !row.dhcp) await giveMetadataAddress(tx, row)
    if (!dhcp && row.dhcp) await subnet.freeMetadata(tx, id)
    await network.update(tx, row.network_id, {})
    await networksChanged(tx, caller, [{ noun: 'subnet', kind: 'changed', id, project_id: row.project_id }])
    if (told(plan, dhcp) !== told(toSubnet(row), row.dhcp)) await hostsReached(tx, { network_id: row.network_id })
    return await read(tx, id)
  })
}

/** What hosts and guests are told of a subnet. */
function told({ gateway, dns, host_routes }: SubnetPlan, dhcp: boolean): string {
  return JSON.stringify([gateway, dns, host_routes, dhcp])
}

/** The network first, then the subnet, as everyone locks them. */
async function lockBoth(tx: Tx, caller: Caller, id: string): Promise<{ row: SubnetRow; on: NetworkRow }> {
  const found = await subnet.find(tx, id)
  checkMayChange(caller, 'network.manage', 'subnet', found, id)
  const on = await network.lock(tx, found.network_id)
  const row = await subnet.lock(tx, id)
  if (!row || !on) throw notFound('subnet', id)
  checkVersion(caller, row.version)
  return { row, on }
}

async function checkGateway(tx: Tx, row: SubnetRow, gateway: string | null): Promise<void> {
  const kinds = await subnet.addressKinds(tx, row.id)
  if (kinds.has('router')) {
    throw new CloudError(
      'in_use',
      `A router has the gateway address ${row.gateway} of '${row.name}'. Remove its interface first.`,
    )
  }
  if (gateway !== null && (await subnet.isTaken(tx, row.network_id, gateway))) {
    throw new CloudError('conflict', `The address ${gateway} is a port's already, so it cannot be the gateway.`)
  }
}

export function deleteSubnet(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const { row } = await lockBoth(tx, caller, id)
    const kinds = await subnet.addressKinds(tx, id)
    const users = portsInWords(kinds)
    if (users !== '') {
      throw new CloudError(
        'in_use',
        `The subnet '${row.name}' has addresses in use: ${users}. Delete or detach these first.`,
        {
          ports: Object.fromEntries(kinds),
        },
      )
    }
    await subnet.remove(tx, id)
    await network.update(tx, row.network_id, {})
    await networksChanged(tx, caller, [{ noun: 'subnet', kind: 'deleted', id, project_id: row.project_id }])
    if (row.dhcp) await hostsReached(tx, { network_id: row.network_id })
    return null
  })
}
