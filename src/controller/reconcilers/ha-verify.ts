/**
 * Restarts elsewhere, looked after until each instance is seen to run. One that its new host cannot bring up is moved on by a cold
 * move, which that host takes part in, so that it surely does not start it later; one whose new host is lost, too, is that host's.
 */
import { CloudError } from '../../model/errors.ts'
import { beginMove } from '../app/migration.ts'
import type { Cloud } from '../cloud.ts'
import { event } from '../store/event.ts'
import { haRestart, type OpenRestart } from '../store/ha-restart.ts'
import { instance } from '../store/instance.ts'

/** True while any is under way. */
export async function verifyRestarts(cloud: Cloud): Promise<boolean> {
  const open = await haRestart.open(cloud.database.db)
  for (const one of open) if (one.seen !== null) await settle(cloud, one)
  return open.some(one => one.seen === null || one.seen === 'late')
}

async function settle(cloud: Cloud, one: OpenRestart): Promise<void> {
  switch (one.seen) {
    case 'running':
      return await end(cloud, one, 'running', null)
    case 'given_up':
      return await end(cloud, one, 'given_up', 'something else was wanted of it meanwhile')
    case 'failed':
      return await moveOn(cloud, one, one.failure ?? 'its host could not start it')
    case 'late':
      // It may be starting still, or run unheard of: its host is there, or will be found to be lost.
      return await end(cloud, one, 'failed', 'it was not seen to run in time; its host goes on trying')
    case null:
      return
    default:
      one.seen satisfies never
  }
}

async function end(
  cloud: Cloud,
  one: OpenRestart,
  outcome: 'running' | 'failed' | 'given_up',
  failure: string | null,
): Promise<void> {
  await cloud.database.transaction(async tx => {
    if (!(await haRestart.end(tx, one.id, outcome, failure))) return
    const detail = { ha: outcome }
    const { instance_id: resource_id, project_id } = one
    await event.record(tx, [
      { noun: 'ha-restart', kind: 'changed', resource_id: one.id, project_id },
      { noun: 'instance', kind: 'changed', resource_id, project_id, detail },
    ])
  })
}

async function moveOn(cloud: Cloud, one: OpenRestart, failure: string): Promise<void> {
  await end(cloud, one, 'failed', failure)
  try {
    await cloud.database.transaction(async tx => {
      const row = await instance.lock(tx, one.instance_id)
      if (row?.host_id !== one.to_host_id || row.generation !== one.generation) return
      await beginMove(cloud, tx, row, { kind: 'cold', options: {}, cause: 'ha', who: null })
    })
  } catch (error) {
    // No other host, or not now: its host goes on trying.
    if (!(error instanceof CloudError)) throw error
    cloud.log.warn(
      { err: error, instance_id: one.instance_id },
      'an instance that could not be restarted stays where it is',
    )
  }
}
