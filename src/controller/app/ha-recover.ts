/**
 * One highly available instance of a lost host made to run elsewhere, in one transaction. How it goes, and what it is made sure of before:
 * lost-instance.ts; whether that may be done is model/host-state.ts. What was restarted is followed until it runs (reconcilers/ha-verify.ts).
 */
import { CloudError } from '../../model/errors.ts'
import type { HaRestartId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event, type NewEvent } from '../store/event.ts'
import { haRestart } from '../store/ha-restart.ts'
import { haWaiting } from '../store/ha-waiting.ts'
import type { LockedInstance } from '../store/instance.ts'
import { endMoves, type Gone, leaveLost, lockLost, type LostHost, type LostInstance, whyLost } from './lost-instance.ts'
import { keepNews, RoomTaken } from './placement-told.ts'

/** 'begun': another host is told to run it. 'no_room': none can. 'passed': it is not to be restarted (any more), or not at this moment. */
export type Recovered = 'begun' | 'no_room' | 'passed'

export async function restartElsewhere(cloud: Cloud, from: LostHost, instance_id: string): Promise<Recovered> {
  try {
    return await cloud.database.transaction(tx => restart(cloud, tx, from, instance_id))
  } catch (error) {
    // Others were quicker, and left no reason to be told: it has its turn again soon.
    if (error instanceof RoomTaken) return 'passed'
    if (!(error instanceof CloudError && error.code === 'no_capacity')) throw error
    // What was made ready for it on the way to another host may be all that keeps it from going there, and what was given up of that is undone.
    if (await cloud.database.transaction(tx => endMovesOfLost(tx, from, instance_id))) return 'passed'
    await cloud.database.transaction(tx => noteNoRoom(cloud, tx, from, instance_id, error))
    return 'no_room'
  }
}

/** When it is still to be restarted. */
async function lockDue(tx: Tx, from: LostHost, instance_id: string): Promise<LostInstance | null> {
  const found = await lockLost(tx, from, instance_id)
  return found?.lost && (await haRestart.isDue(tx, instance_id)) ? found : null
}

async function restart(cloud: Cloud, tx: Tx, from: LostHost, instance_id: string): Promise<Recovered> {
  const found = await lockDue(tx, from, instance_id)
  if (!found) return 'passed'
  const gone = await leaveLost(cloud, tx, found, { cause: 'ha', uses_reserve: true })
  if (!gone) return 'passed'
  // Who may not see hosts hears of this, too; the rest is in the restart's own record.
  const detail = { ha: 'restarted', reason: 'its host was lost' }
  const { id: resource_id, project_id } = found.row
  const events = await followRestart(cloud, tx, found, gone, `Restarted on ${gone.to_host}: ${whyLost(found)}`)
  await event.record(
    tx,
    [...gone.events, ...events, { noun: 'instance', kind: 'changed', resource_id, project_id, detail }],
    [gone.to_host_id],
  )
  return 'begun'
}

/** True when there were any. */
async function endMovesOfLost(tx: Tx, from: LostHost, instance_id: string): Promise<boolean> {
  const found = await lockDue(tx, from, instance_id)
  return found !== null && (await endMoves(tx, from, found.row)).ended
}

/** The record by which its restart is followed until it runs; its events are for the caller to record. */
export async function followRestart(
  cloud: Cloud,
  tx: Tx,
  found: LostInstance,
  { to_host_id, to_host, generation }: Gone,
  reason: string,
): Promise<NewEvent[]> {
  const { row, from } = found
  const id = makeId<HaRestartId>(cloud)
  const superseded = await haRestart.supersede(tx, row.id, from.id, `the host ${from.name} was lost, too`)
  superseded.push(...(await haWaiting.endAsGone(tx, row.id, to_host)))
  const verify_s = cloud.settings.get('ha.verify_s')
  const made = { id, ...restartOf(found), to_host_id, to_host, generation, reason, verify_s, outcome: null }
  await haRestart.insert(tx, made)
  return [...superseded.map(one => restartChanged(one, row, 'changed')), restartChanged(id, row, 'created')]
}

const restartChanged = (resource_id: string, { project_id }: Pick<LockedInstance, 'project_id'>, kind: string) => ({
  noun: 'ha-restart',
  kind,
  resource_id,
  project_id,
})

function restartOf({ row, from, lost }: LostInstance) {
  return {
    instance_id: row.id,
    project_id: row.project_id,
    from_host_id: from.id,
    from_host: from.name,
    fenced_by: lost.fenced_by,
    lost_at: new Date(lost.since_ms),
  }
}

/** Told once for each loss; the whole decision is kept then, and again only when it is for other reasons: it is tried again and again. */
async function noteNoRoom(cloud: Cloud, tx: Tx, from: LostHost, instance_id: string, error: CloudError): Promise<void> {
  const found = await lockDue(tx, from, instance_id)
  if (!found) return
  const { row, lost } = found
  const was_told = await haRestart.hasNoRoomSince(tx, row.id, lost.since_ms)
  await keepNews(tx, error, !was_told)
  if (was_told) return
  const id = makeId<HaRestartId>(cloud)
  await haRestart.insert(tx, {
    id,
    ...restartOf(found),
    to_host_id: null,
    to_host: null,
    generation: null,
    reason: `Not restarted yet: ${whyLost(found)}`,
    verify_s: null,
    outcome: 'no_room',
    failure: error.message,
  })
  const detail = { ha: 'no_room', reason: 'its host was lost, and no other one can take it' }
  await event.record(tx, [
    restartChanged(id, row, 'created'),
    { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id, detail },
  ])
}
