/** The ports of instances: they come and go with these, many in a few statements. */
import { CloudError, notFound } from '../../model/errors.ts'
import type { PortId } from '../../model/ids.ts'
import { limits } from '../../model/limits.ts'
import type { NicModel } from '../../model/nic.ts'
import { type Makes, makeId } from '../cloud.ts'
import { address, type Allocation, type Wish } from '../store/address.ts'
import { atOnce, channels, type Tx } from '../store/database.ts'
import { event, type NewEvent } from '../store/event.ts'
import { instancePorts } from '../store/instance-ports.ts'
import { network } from '../store/network.ts'
import { type NewPort, port } from '../store/port.ts'
import { by, type Caller } from './caller.ts'
import { insertPorts } from './new-ports.ts'
import { checkSecurityGroups, ensureDefaultSecurityGroup } from './security-group.ts'

/** One NIC of an instance: a new port on a network, or a port made before. */
export interface PortRequest {
  network_id?: string | undefined
  port_id?: string | undefined
  fixed_addresses?: readonly string[] | undefined
  /** Ids; without them the project's default group. */
  security_groups?: readonly string[] | undefined
}

export interface PreparedPort {
  port_id: string
  network_id: string
  addresses: string[]
}

export interface PortsAsked {
  project_id: string
  /** Who asks, for all or for each instance. */
  caller: Caller
  callers?: ReadonlyMap<string, Caller>
  /** Their rows are there already; each gets every one of `requests`. */
  instance_ids: readonly string[]
  requests: readonly PortRequest[]
  /** What checkPorts said of them, in this transaction; throws what that threw. */
  checked?: () => CheckedPorts
  /** virtio unless said otherwise. */
  nic_model?: NicModel | undefined
}

/**
 * Makes the ports of up to 1,000 instances with MACs, addresses and security groups. Call it late in the transaction: the
 * networks' subnets stay locked until its end. The events are for the caller to record together with its own.
 * Throws invalid, not_found, in_use, conflict (a fixed address is taken), no_address.
 */
export async function preparePorts(
  tx: Tx,
  cloud: Makes,
  asked: PortsAsked,
): Promise<{ ports: Map<string, PreparedPort[]>; events: NewEvent[] }> {
  checkRequests(asked.requests, asked.instance_ids.length)
  const adopted = await adoptPorts(tx, asked)
  const network_ids = networksOf(asked.requests)
  const made: (NewPort & { instance_id: string })[] = []
  let allocations: Allocation[] = []
  if (network_ids.length > 0) {
    const { default_group_id } = asked.checked?.() ?? (await checkPorts(tx, asked.project_id, asked.requests))
    const needsDefault = asked.requests.some(request => request.network_id && !request.security_groups)
    const fallback = needsDefault
      ? [default_group_id ?? (await ensureDefaultSecurityGroup(tx, cloud, asked.project_id))]
      : []
    const wishes: Wish[] = []
    for (const instance_id of asked.instance_ids) {
      for (const [position, { network_id, fixed_addresses, security_groups }] of asked.requests.entries()) {
        if (!network_id) continue
        const id = makeId<PortId>(cloud)
        const security_group_ids = security_groups ?? fallback
        const { project_id, nic_model: model } = asked
        const own = { id, network_id, project_id, instance_id, position, security_group_ids, ...(model && { model }) }
        made.push({ ...own, mac: '', kind: 'instance' })
        wishes.push({ port_id: id, network_id, fixed: fixed_addresses })
      }
    }
    const [, pools] = await atOnce(
      tx,
      part => insertPorts(part, cloud, made),
      part => address.lock(part, network_ids),
    )
    allocations = await address.allocate(tx, pools, wishes)
  }
  return { ports: gather(asked, made, allocations, adopted), events: eventsOf(asked, made, adopted) }
}

/** Whether `count` instances could have NICs on these networks now: throws what preparePorts would. Makes and locks nothing. */
export async function tryPorts(
  tx: Tx,
  project_id: string,
  requests: readonly PortRequest[],
  count: number,
): Promise<void> {
  checkRequests(requests, count)
  await checkPorts(tx, project_id, requests)
  const wishes = Array.from({ length: count }, (_, n) =>
    requests.map(({ network_id = '', fixed_addresses }, position) => ({
      port_id: `${n} ${position}`,
      network_id,
      fixed: fixed_addresses,
    })),
  )
  await address.tryOut(tx, networksOf(requests), wishes.flat())
}

function networksOf(requests: readonly PortRequest[]): string[] {
  return [...new Set(requests.flatMap(request => request.network_id ?? []))]
}

interface CheckedPorts {
  default_group_id: string | null
}

/** The networks and security groups that are named. Throws not_found, and invalid for a network that no instance is on. */
export async function checkPorts(tx: Tx, project_id: string, requests: readonly PortRequest[]): Promise<CheckedPorts> {
  const checked = await checkNetworks(tx, project_id, networksOf(requests))
  const groups = [...new Set(requests.flatMap(request => request.security_groups ?? []))]
  await checkSecurityGroups(tx, project_id, groups)
  return checked
}

function checkRequests(requests: readonly PortRequest[], count: number): void {
  if (requests.length > limits.ports_per_instance_max) {
    throw new CloudError(
      'invalid',
      `An instance has at most ${limits.ports_per_instance_max} ports; ${requests.length} were asked for.`,
    )
  }
  for (const { network_id, port_id, fixed_addresses, security_groups } of requests) {
    if ((network_id === undefined) === (port_id === undefined)) {
      throw new CloudError('invalid', 'Name either a network or a port for each NIC, and not both.')
    }
    if (port_id !== undefined && (fixed_addresses || security_groups)) {
      throw new CloudError(
        'invalid',
        `The port ${port_id} has its addresses and security groups already: change the port itself.`,
      )
    }
    if (count > 1 && (port_id !== undefined || fixed_addresses?.length)) {
      throw new CloudError(
        'invalid',
        'A port or a fixed address can be had by one instance only, and several were asked for.',
      )
    }
  }
  const ports = requests.flatMap(request => request.port_id ?? [])
  if (new Set(ports).size < ports.length) throw new CloudError('invalid', 'The same port is named twice.')
}

async function checkNetworks(tx: Tx, project_id: string, network_ids: readonly string[]): Promise<CheckedPorts> {
  const rows = await network.usableWithGroup(tx, project_id, network_ids)
  const visible = new Map(rows.map(each => [each.id, each]))
  for (const id of network_ids) {
    const found = visible.get(id)
    if (!found) throw notFound('network', id)
    if (found.kind === 'external') {
      throw new CloudError(
        'invalid',
        `The network '${found.name}' is external: instances reach it through a router and a floating address. Choose an overlay network.`,
      )
    }
  }
  return { default_group_id: rows[0]?.default_group_id ?? null }
}

/** Takes the named free ports for the one instance that is asked for. */
async function adoptPorts(tx: Tx, asked: PortsAsked): Promise<Map<string, PreparedPort>> {
  const ids = asked.requests.flatMap(request => request.port_id ?? [])
  const adopted = new Map<string, PreparedPort>()
  const [instance_id] = asked.instance_ids
  if (ids.length === 0 || instance_id === undefined) return adopted
  const found = new Map((await instancePorts.lockFree(tx, asked.project_id, ids)).map(each => [each.id, each]))
  const addresses = await port.addresses(tx, ids)
  for (const [position, { port_id }] of asked.requests.entries()) {
    if (port_id === undefined) continue
    const there = found.get(port_id)
    if (!there) throw notFound('port', port_id)
    if (there.kind !== 'free') {
      throw new CloudError(
        'in_use',
        `The port ${port_id} belongs to the instance ${there.instance_id}. Choose a free port.`,
      )
    }
    await instancePorts.attach(tx, port_id, instance_id, position, asked.nic_model ?? 'virtio')
    adopted.set(port_id, { port_id, network_id: there.network_id, addresses: addresses.get(port_id) ?? [] })
  }
  await event.notify(tx, channels.network, '')
  return adopted
}

function gather(
  asked: PortsAsked,
  made: readonly (NewPort & { instance_id: string })[],
  allocations: readonly Allocation[],
  adopted: ReadonlyMap<string, PreparedPort>,
): Map<string, PreparedPort[]> {
  const addresses = Map.groupBy(allocations, each => each.port_id)
  const mine = Map.groupBy(made, each => each.instance_id)
  const gathered = new Map<string, PreparedPort[]>()
  for (const instance_id of asked.instance_ids) {
    const fresh = (mine.get(instance_id) ?? []).values()
    const ports = asked.requests.flatMap(({ port_id }) => {
      if (port_id !== undefined) return adopted.get(port_id) ?? []
      const next = fresh.next().value
      if (!next) return []
      const had = (addresses.get(next.id) ?? []).map(each => each.address)
      return { port_id: next.id, network_id: next.network_id, addresses: had }
    })
    gathered.set(instance_id, ports)
  }
  return gathered
}

function eventsOf(
  asked: PortsAsked,
  made: readonly (NewPort & { instance_id: string })[],
  adopted: ReadonlyMap<string, PreparedPort>,
): NewEvent[] {
  const { project_id, caller, callers } = asked
  const common = { noun: 'port', project_id, ...by(caller) }
  return [
    ...made.map(({ id, instance_id }) => ({
      ...common,
      ...by(callers?.get(instance_id) ?? caller),
      kind: 'created',
      resource_id: id,
    })),
    ...[...adopted.keys()].map(id => ({ ...common, kind: 'changed', resource_id: id })),
  ]
}

/**
 * Frees what the instances' ports hold, before their rows are deleted. Floating addresses stay allocated; ports that a
 * user made before are free again. Returns the events, for the caller to record; `caller` is null for Croft's own work.
 */
export async function releasePorts(
  tx: Tx,
  instance_ids: readonly string[],
  caller: Caller | null,
): Promise<NewEvent[]> {
  if (instance_ids.length === 0) return []
  const who = caller ? by(caller) : {}
  const released = await instancePorts.release(tx, instance_ids)
  return released.map(({ id, ...what }) => ({ ...what, resource_id: id, ...who }))
}
