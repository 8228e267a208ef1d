/**
 * Restarts elsewhere, looked after until each instance is seen to run. One that its new host says it cannot bring up is moved on by a cold
 * move, which that host takes part in, so that it surely does not start it later, and is followed there; so from host to host. One of
 * which nothing is heard stays where it may be starting; one whose new host is lost, too, is that host's.
 */
import { isDatabaseAway } from '../../lib/database-away.ts'
import { CloudError } from '../../model/errors.ts'
import type { HaRestartId } from '../../model/ids.ts'
import { beginMove } from '../app/migration.ts'
import { keepRefusal, RoomTaken } from '../app/placement-told.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { absence } from '../store/absence.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { elsewhere_again_s, haRestart, type OpenRestart } from '../store/ha-restart.ts'
import { instance } from '../store/instance.ts'

/** True while any is under way of which nothing is known yet. */
export async function verifyRestarts(cloud: Cloud): Promise<boolean> {
  const open = await haRestart.open(cloud.database.db)
  for (const one of open) {
    try {
      await settle(cloud, one)
    } catch (error) {
      // One that cannot be settled keeps no other one waiting.
      if (isDatabaseAway(error)) throw error
      const { instance_id } = one
      cloud.log.warn({ err: error, instance_id }, 'a restart elsewhere could not be followed; it is tried again')
    }
  }
  return open.some(one => one.seen === null && one.noted === null)
}

async function settle(cloud: Cloud, one: OpenRestart): Promise<void> {
  switch (one.seen) {
    case 'running':
      return await end(cloud, one, 'running', null)
    case 'given_up':
      return await end(cloud, one, 'given_up', 'something else was wanted of it meanwhile')
    case 'stayed':
      return await end(cloud, one, 'failed', whyOf(one))
    case 'failed':
      return await moveOn(cloud, one)
    case 'late':
      // It may be starting still, or run unheard of: its host is there, or will be found to be lost.
      return await note(cloud, one, one.paused ? isPaused : isLate, 0)
    case null:
      return
    default:
      one.seen satisfies never
  }
}

const taken_again_s = 2

const isLate =
  'it was not seen to run in time; its host goes on trying, and another is tried when it says that it cannot'
const isPaused = 'it is there, but paused'

const whyOf = ({ failure }: OpenRestart) => failure ?? 'its host could not start it'

async function end(
  cloud: Cloud,
  one: OpenRestart,
  outcome: 'running' | 'failed' | 'given_up',
  failure: string | null,
): Promise<void> {
  await cloud.database.transaction(async tx => {
    if (await haRestart.end(tx, one.id, outcome, failure)) await tell(tx, one, outcome)
  })
}

async function note(cloud: Cloud, one: OpenRestart, failure: string, again_s: number): Promise<void> {
  await cloud.database.transaction(async tx => {
    if (await haRestart.note(tx, one.id, failure, again_s)) await tell(tx, one, 'late')
  })
}

async function tell(tx: Tx, one: OpenRestart, ha: string, created: readonly string[] = []): Promise<void> {
  const { instance_id: resource_id, project_id } = one
  await event.record(tx, [
    { noun: 'ha-restart', kind: 'changed', resource_id: one.id, project_id },
    ...created.map(id => ({ noun: 'ha-restart', kind: 'created', resource_id: id, project_id })),
    { noun: 'instance', kind: 'changed', resource_id, project_id, detail: { ha } },
  ])
}

async function moveOn(cloud: Cloud, one: OpenRestart): Promise<void> {
  try {
    await cloud.database.transaction(tx => tryNext(cloud, tx, one))
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    // There is a host that could, and others were quicker: that is no reason to be kept, and it has its turn again soon.
    if (error instanceof RoomTaken) return await note(cloud, one, one.noted ?? whyOf(one), taken_again_s)
    // No other host, or not now: the host that it is on goes on trying. Told once for each reason of that host.
    const why = `${whyOf(one)} And elsewhere: `
    const told = one.noted?.startsWith(why) ? one.noted : null
    if (told === null) await keepRefusal(cloud, error)
    await note(cloud, one, told ?? why + error.message, elsewhere_again_s)
  }
}

/** A host is tried once for each loss. */
async function tryNext(cloud: Cloud, tx: Tx, { id }: OpenRestart): Promise<void> {
  const [seen] = await haRestart.open(tx, id)
  const row = seen && (await instance.lock(tx, seen.instance_id))
  // Its host may have brought it up by now.
  const [one] = row ? await haRestart.open(tx, id) : []
  if (!row || one?.seen !== 'failed') return
  await haRestart.end(tx, id, 'failed', whyOf(one))
  const not_host_ids = await haRestart.triedSince(tx, row.id, one.lost_at.getTime())
  const asked = { kind: 'cold', not_host_ids, options: {}, cause: 'ha', who: null } as const
  const { target_host_id } = await beginMove(cloud, tx, row, asked)
  const next = makeId<HaRestartId>(cloud)
  const to_host = (await absence.nameOf(tx, target_host_id)) ?? ''
  const { instance_id, project_id, from_host_id, from_host, fenced_by, lost_at, generation } = one
  await haRestart.insert(tx, {
    ...{ id: next, instance_id, project_id, from_host_id, from_host, fenced_by, lost_at, generation },
    to_host_id: target_host_id,
    to_host,
    reason: `Moved on to ${to_host}: the host ${from_host} was lost, and ${one.to_host} could not bring it up.`,
    verify_s: cloud.settings.get('ha.verify_s'),
    outcome: null,
  })
  await tell(tx, one, 'restarted', [next])
}
