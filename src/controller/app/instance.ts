/** What users do with instances: each is a short transaction that writes what is wanted. Hosts do the rest. */
import type { Instance, instanceRoutes, Placement } from '../../api/instance.ts'
import type { Operation } from '../../api/operation.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { OperationId } from '../../model/ids.ts'
import { type InstanceMove, instanceMoves, mayMove } from '../../model/instance.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { heldBack } from '../store/held.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { operation } from '../store/operation.ts'
import type { Page } from '../store/page.ts'
import { placement } from '../store/placement.ts'
import { quota } from '../store/quota.ts'
import { volume } from '../store/volume.ts'
import { by, type Caller, checkVersion, mayOnSystem, visibleProject } from './caller.ts'
import { change } from './change.ts'

export interface Acted {
  instance: Instance
  operation: Operation
}

export function listInstances(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof instanceRoutes.list>,
): Promise<Page<Instance>> {
  const project_id = visibleProject(caller, 'instance.read', query.all_projects)
  return instance.list(cloud.database.db, { ...query, project_id })
}

export async function getInstance(cloud: Cloud, caller: Caller, id: string): Promise<Instance> {
  const found = await instance.find(cloud.database.db, id)
  if (!found || !maySee(caller, found)) throw notFound('instance', id)
  return found
}

/** Those of the ids that still are; for answers about instances that this caller has just made. */
export function instancesById(cloud: Cloud, ids: readonly string[]): Promise<Instance[]> {
  return instance.byIds(cloud.database.db, ids)
}

export async function explainInstance(cloud: Cloud, caller: Caller, id: string): Promise<Placement> {
  await getInstance(cloud, caller, id)
  const found = await placement.ofInstance(cloud.database.db, id)
  if (!found) throw notFound('placement of instance', id)
  return found
}

function maySee(caller: Caller, found: { project_id: string }): boolean {
  return found.project_id === caller.project_id || mayOnSystem(caller, 'instance.read')
}

export function updateInstance(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof instanceRoutes.update>,
): Promise<Instance> {
  return change(cloud, caller, async tx => {
    const row = await lockVisible(tx, caller, id)
    checkVersion(caller, row.version)
    await instance.describe(tx, id, asked)
    await tellAll(tx, caller, row)
    return await shown(tx, id)
  })
}

export function startInstance(cloud: Cloud, caller: Caller, id: string): Promise<Acted> {
  return act(cloud, caller, id, 'start', tx => instance.want(tx, id, { wanted_power: 'running' }))
}

export function stopInstance(cloud: Cloud, caller: Caller, id: string): Promise<Acted> {
  return act(cloud, caller, id, 'stop', tx => instance.want(tx, id, { wanted_power: 'stopped' }))
}

export function rebootInstance(cloud: Cloud, caller: Caller, id: string, hard: boolean): Promise<Acted> {
  return act(cloud, caller, id, 'reboot', tx =>
    instance.want(tx, id, { wanted_power: 'running', reboot: hard ? 'hard' : 'soft' }),
  )
}

/**
 * Deletes: the instance is stopped and gives up its vCPUs, memory and their quota; disks and addresses are kept until the
 * time for recovery is over. With `purge`, or a recovery time of zero, all goes at once. Volumes to be kept then stay.
 */
export function deleteInstance(
  cloud: Cloud,
  caller: Caller,
  id: string,
  { purge = false, keep_root }: QueryOf<typeof instanceRoutes.delete>,
): Promise<Acted> {
  return change(cloud, caller, async tx => {
    const row = await lockVisible(tx, caller, id)
    const again = row.deleted_at !== null && purge && !row.purging
    if (!again) checkMove(row, 'delete')
    checkVersion(caller, row.version)
    if (keep_root !== undefined) await keepRoot(tx, caller, id, keep_root)
    const minutes = purge ? 0 : cloud.settings.get('instance.recovery_minutes')
    const now_ms = cloud.clock.now_ms()
    if (row.deleted_at === null) await quota.release(tx, await ownerOf(tx, row), computeOf(row))
    const generation = await instance.want(tx, id, {
      wanted_power: 'stopped',
      deleted_at: row.deleted_at ?? new Date(now_ms),
      purge_at: new Date(now_ms + minutes * 60_000),
      purging: minutes === 0,
    })
    return await acted(tx, cloud, caller, row, 'delete', generation)
  })
}

async function keepRoot(tx: Tx, caller: Caller, id: string, keep: boolean): Promise<void> {
  const changed = await volume.keepRoot(tx, id, keep)
  const { user_id, request_id } = by(caller)
  await event.record(
    tx,
    changed.map(one => ({
      noun: 'volume',
      kind: 'changed',
      resource_id: one.id,
      project_id: one.project_id,
      user_id,
      request_id,
    })),
  )
}

export function recoverInstance(cloud: Cloud, caller: Caller, id: string): Promise<Acted> {
  return change(cloud, caller, async tx => {
    const row = await lockVisible(tx, caller, id)
    checkMove(row, 'recover')
    checkVersion(caller, row.version)
    if (row.purging) {
      throw new CloudError(
        'wrong_state',
        `The instance ${row.name} is being purged, so it cannot be recovered any more.`,
      )
    }
    await quota.charge(tx, await ownerOf(tx, row), computeOf(row))
    if (!row.compute_claimed) await claimAgain(tx, row)
    const generation = await instance.want(tx, id, { deleted_at: null, purge_at: null, compute_claimed: true })
    return await acted(tx, cloud, caller, row, 'recover', generation)
  })
}

/** Its disks are on its host, so it is there or nowhere. */
async function claimAgain(tx: Tx, row: LockedInstance): Promise<void> {
  const { host_id, vcpus, memory_mib } = row
  if (await host.claim(tx, [{ host_id, vcpus, memory_mib, disk_gib: 0 }])) return
  throw new CloudError(
    'no_capacity',
    `The host ${row.host}, which has the disks of ${row.name}, has not ${vcpus} vCPUs and ${memory_mib} MiB free any more, or does not answer. Free some room there and try again.`,
    { host_id },
  )
}

function computeOf(row: LockedInstance) {
  return { instances: 1, vcpus: row.vcpus, memory_mib: row.memory_mib }
}

async function ownerOf(tx: Tx, row: LockedInstance): Promise<{ project_id: string; domain_id: string }> {
  return { project_id: row.project_id, domain_id: await instance.domainOf(tx, row.project_id) }
}

/** The common way of start, stop and reboot. Asking for what is wanted already is no error and changes nothing. */
function act(
  cloud: Cloud,
  caller: Caller,
  id: string,
  move: 'start' | 'stop' | 'reboot',
  wish: (tx: Tx) => Promise<number>,
): Promise<Acted> {
  return change(cloud, caller, async tx => {
    const row = await lockVisible(tx, caller, id)
    checkVersion(caller, row.version)
    const wants = instanceMoves[move].wants
    const there = move !== 'reboot' && row.deleted_at === null && row.wanted_power === wants && row.state !== 'error'
    if (!there) checkMove(row, move)
    return await acted(tx, cloud, caller, row, move, there ? row.generation : await wish(tx))
  })
}

function checkMove(row: LockedInstance, move: InstanceMove): void {
  if (mayMove(move, row.state)) return
  const { why_not, from } = instanceMoves[move]
  throw new CloudError('wrong_state', `The instance ${row.name} is ${row.state}; ${why_not}.`, {
    state: row.state,
    from,
  })
}

async function acted(
  tx: Tx,
  cloud: Cloud,
  caller: Caller,
  row: LockedInstance,
  move: InstanceMove,
  generation: number,
): Promise<Acted> {
  const id = makeId<OperationId>(cloud)
  await operation.start(tx, {
    id,
    project_id: row.project_id,
    ...by(caller),
    kind: `instance.${move}`,
    noun: 'instance',
    resource_id: row.id,
    targets: [{ resource_id: row.id, generation }],
  })
  await operation.endReached(tx, row.id)
  await tellAll(tx, caller, row)
  const started = await operation.find(tx, id)
  if (!started) throw new Error('the operation just made is not there')
  return { instance: await shown(tx, row.id), operation: started }
}

async function tellAll(tx: Tx, caller: Caller, row: LockedInstance): Promise<void> {
  const what = { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id }
  await event.record(tx, [{ ...what, ...by(caller) }])
  await event.wakeHosts(tx, [row.host_id])
}

async function shown(tx: Tx, id: string): Promise<Instance> {
  const found = await instance.find(tx, id)
  if (!found) throw notFound('instance', id)
  return found
}

/** Another project's instance is not there, for who may not see it; one whose host knows more of it is not to be changed. */
async function lockVisible(tx: Tx, caller: Caller, id: string): Promise<LockedInstance> {
  const row = await instance.lock(tx, id)
  if (!row || !maySee(caller, row)) throw notFound('instance', id)
  if (row.held_generation !== null) throw heldBack(row.name)
  return row
}
