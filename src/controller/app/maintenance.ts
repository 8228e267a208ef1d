/** Maintenance of hosts: its begin, its end, and each step of emptying one. What takes the steps is reconcilers/maintenance.ts. */
import type { Maintenance, maintenanceRoutes } from '../../api/maintenance.ts'
import type { Operation } from '../../api/operation.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { isPast } from '../../model/host-state.ts'
import type { OperationId } from '../../model/ids.ts'
import { isMoving } from '../../model/migration.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { channels, type Db, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { instance } from '../store/instance.ts'
import { again_s_max, type Drained, maintenance } from '../store/maintenance.ts'
import { migration } from '../store/migration.ts'
import { operation } from '../store/operation.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { type Limits, waitsForHosts } from './maintenance-limits.ts'
import { beginMove } from './migration.ts'
import { askCancel } from './migration-steps.ts'
import { NoCapacity } from './placement-told.ts'

export function listMaintenances(
  cloud: Cloud,
  query: QueryOf<typeof maintenanceRoutes.list>,
): Promise<Page<Maintenance>> {
  return maintenance.list(cloud.database.db, query)
}

export async function getMaintenance(cloud: Cloud, host_id: string): Promise<Maintenance> {
  const found = await maintenance.find(cloud.database.db, host_id)
  if (found) return found
  throw await notInMaintenance(cloud.database.db, host_id)
}

async function notInMaintenance(db: Db, host_id: string): Promise<CloudError> {
  const there = await host.find(db, host_id)
  if (!there) return notFound('host', host_id)
  const { name } = there
  return new CloudError(
    'not_found',
    `The host ${name} is not in maintenance. Begin it: croft host maintenance start ${name}.`,
  )
}

export function startMaintenance(
  cloud: Cloud,
  caller: Caller,
  host_id: string,
  { reason = '' }: BodyOf<typeof maintenanceRoutes.start>,
): Promise<{ maintenance: Maintenance; operation: Operation }> {
  return change(cloud, caller, async tx => {
    // Whole: what is being placed on it has come to its end, or is refused.
    const found = await host.lockWhole(tx, host_id)
    if (!found) throw notFound('host', host_id)
    if ((await maintenance.among(tx, [host_id])).size > 0) {
      throw new CloudError(
        'conflict',
        `The host ${found.name} is in maintenance already: croft host maintenance show ${found.name}.`,
      )
    }
    const operation_id = makeId<OperationId>(cloud)
    await maintenance.insert(tx, { host_id, ...by(caller), reason, operation_id })
    const made = { id: operation_id, project_id: null, ...by(caller), kind: 'host.maintenance', noun: 'host' }
    await operation.start(
      tx,
      [{ ...made, resource_id: host_id, targets: [] }],
      [hostChanged(host_id, { maintenance: 'begun', ...(reason !== '' && { reason }) }, by(caller))],
    )
    await host.touch(tx, host_id)
    await wake(tx)
    const [begun] = await operation.byIds(tx, [operation_id])
    const shown = await maintenance.find(tx, host_id)
    if (!begun || !shown) throw new Error('what was just made is not there')
    return { maintenance: shown, operation: begun }
  })
}

/** The loop looks; gateways of routers go elsewhere, or may come back. */
async function wake(tx: Tx): Promise<void> {
  await event.notify(tx, channels.work, 'maintenance')
  await event.notify(tx, channels.network, '')
}

/** A host may take more than before: what found no room is tried at once. */
export async function roomCame(tx: Tx): Promise<void> {
  if (await maintenance.lookAgain(tx)) await event.notify(tx, channels.work, 'maintenance')
}

type Told = {
  maintenance: 'begun' | 'obstructed' | 'drained' | 'refilled' | 'ended'
  reason?: string
}

function hostChanged(resource_id: string, detail: Told, who: { user_id?: string; request_id?: string } = {}) {
  return { noun: 'host', kind: 'changed', resource_id, project_id: null, ...who, detail }
}

export function endMaintenance(
  cloud: Cloud,
  caller: Caller,
  host_id: string,
  { cancel_migrations = false }: QueryOf<typeof maintenanceRoutes.end>,
): Promise<null> {
  return change(cloud, caller, async tx => {
    const found = await maintenance.find(tx, host_id)
    if (!found) throw await notInMaintenance(tx, host_id)
    // Before instances: the order in which every transaction takes its locks.
    await host.touch(tx, host_id)
    const moving = (await migration.openOfHost(tx, host_id)).filter(
      one => one.source_host_id === host_id && one.cause === 'maintenance' && isMoving(one.phase),
    )
    if (cancel_migrations && moving.length > 0) {
      const ids = moving.map(one => one.instance_id)
      await instance.lockAll(tx, ids)
      for (const row of await migration.lockOpen(tx, ids)) {
        const why = `the maintenance of its host was ended by ${caller.user_name}`
        if (row.source_host_id === host_id && row.cause === 'maintenance') await askCancel(tx, row, 'cancelled', why)
      }
    }
    await maintenance.remove(tx, host_id)
    if (found.operation_id) await operation.end(tx, found.operation_id, 'cancelled', `ended by ${caller.user_name}`)
    await event.record(tx, [hostChanged(host_id, { maintenance: 'ended' }, by(caller))])
    await wake(tx)
    await roomCame(tx)
    return null
  })
}

/** A try that failed is made again after this time, and each further one after twice as long. */
const again_s = 30
/** What is in the way now, such as a guest that is just starting, is looked at again. */
const look_again_s = 15
/** What only waits its turn is looked at with every pass: one begins as another ends. */
const at_once_s = 0

export function backOff_s(failed: number): number {
  return Math.min(again_s_max, again_s * 2 ** Math.max(0, failed - 1))
}

/** What one step of emptying a host has come to. */
export type DrainStep = 'begun' | 'obstructed' | 'gone'

/** Begins to move one instance from a host in maintenance, or notes why that cannot be done. In the caller's transaction, which holds the maintenance. */
export async function moveAway(
  cloud: Cloud,
  tx: Tx,
  row: Drained,
  instance_id: string,
  { full, busy }: Limits,
): Promise<DrainStep> {
  const found = await instance.lock(tx, instance_id)
  if (!found || found.host_id !== row.host_id || found.migration_id !== null) return 'gone'
  const failed = await maintenance.failures(tx, row, instance_id)
  const wait_s = await restOf(tx, failed)
  const obstruct = (reason: string, again_s: number) => obstructed(tx, row, instance_id, { reason, again_s })
  if (wait_s > 0) return await obstruct(`Its last try failed: ${failed[0]?.reason ?? 'no reason was given'}`, wait_s)
  if (full !== null) return await obstruct(full, at_once_s)
  const options = { kind: undefined, host_id: undefined, options: {}, cause: 'maintenance', who: row, busy }
  // Elsewhere first; where it failed before, when there is nowhere else.
  const tried = [...new Set(failed.map(one => one.target_host_id))]
  for (const avoided of tried.length > 0 ? [tried, []] : [[]]) {
    try {
      await beginMove(cloud, tx, found, { ...options, not_host_ids: avoided })
      await maintenance.clear(tx, row.host_id, instance_id)
      return 'begun'
    } catch (error) {
      if (!(error instanceof CloudError)) throw error
      if (waitsOnly(error)) return await obstruct(waitsForHosts, at_once_s)
      if (error.code === 'no_capacity' && avoided.length > 0) continue
      return await obstruct(shortOf(error.message), error.code === 'no_capacity' ? again_s : look_again_s)
    }
  }
  return 'gone'
}

/** Whether a host refuses it for nothing but the migrations that it has now. */
const waitsOnly = (error: CloudError) =>
  error instanceof NoCapacity && (error.placement.decision.refusals['busy'] ?? 0) > 0

/** Notes that a step failed for a reason that is Croft's own. In a transaction of its own: what the step did is rolled back. */
export async function noteFailure(tx: Tx, row: Drained, instance_id: string): Promise<void> {
  const reason = "Croft failed at moving it; the controller's log says why."
  await obstructed(tx, row, instance_id, { reason, again_s })
}

async function obstructed(
  tx: Tx,
  { host_id }: Drained,
  instance_id: string,
  why: { reason: string; again_s: number },
): Promise<'obstructed'> {
  const is_news = await maintenance.obstruct(tx, host_id, instance_id, why)
  if (is_news) {
    await event.record(tx, [hostChanged(host_id, { maintenance: 'obstructed', reason: why.reason })])
    await operation.tellMaintenance(tx, host_id)
  }
  return 'obstructed'
}

/** Without the way to the whole decision, which is not kept for each try. */
const shortOf = (message: string) => message.replace(/ The whole decision: .*$/, '')

/** How long it rests after what failed last, seconds. */
async function restOf(tx: Tx, failed: readonly { given_up_at: Date }[]): Promise<number> {
  return failed.length === 0 ? 0 : restAt_s(failed, (await maintenance.now(tx)).getTime())
}

export function restAt_s(failed: readonly { given_up_at: Date }[], now_ms: number): number {
  const [last] = failed
  if (!last) return 0
  const [failed_ms, rest_s] = [last.given_up_at.getTime(), backOff_s(failed.length)]
  return isPast(failed_ms, 1000 * rest_s, now_ms) ? 0 : Math.ceil(rest_s - (now_ms - failed_ms) / 1000)
}

/** Notes that a host is empty, or not any more (an instance that was lost has come to light). */
export async function noteDrained(tx: Tx, row: Drained): Promise<void> {
  await maintenance.clearGone(tx, row.host_id)
  const empty = await maintenance.isEmpty(tx, row.host_id)
  if (empty === (row.drained_at !== null)) return
  await maintenance.setDrained(tx, row.host_id, empty)
  if (empty && row.operation_id !== null) await operation.end(tx, row.operation_id, 'succeeded', null)
  await event.record(tx, [hostChanged(row.host_id, { maintenance: empty ? 'drained' : 'refilled' })])
}
