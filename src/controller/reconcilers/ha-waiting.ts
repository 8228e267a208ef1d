/**
 * Restarts elsewhere for which no host was found, looked after until something has come of them: the host is back and runs the instance, or
 * something else is wanted of it. That they are tried again is app/ha-recover.ts; one that goes to another host is ended there.
 */
import { isDatabaseAway } from '../../lib/database-away.ts'
import type { Cloud } from '../cloud.ts'
import { event } from '../store/event.ts'
import { haWaiting, type WaitingRestart } from '../store/ha-waiting.ts'

/** Settled in one pass: those of a host that is back may be a thousand, and what is lost meanwhile is not to wait for them. */
const settled_max = 25

/** `waits`: whether any does. `next`: after which one the next pass, at once, is to go on; null: there is no more to settle. */
export async function settleWaiting(
  cloud: Cloud,
  after: string | null,
): Promise<{ waits: boolean; next: string | null }> {
  const { db } = cloud.database
  const due = await haWaiting.due(db, { after, limit: settled_max })
  for (const { id, instance_id } of due) {
    try {
      await settle(cloud, id)
    } catch (error) {
      // One that cannot be settled keeps no other one waiting.
      if (isDatabaseAway(error)) throw error
      cloud.log.warn(
        { err: error, instance_id },
        'what came of a restart elsewhere could not be noted; it is tried again',
      )
    }
  }
  const next = due.length === settled_max ? (due.at(-1)?.id ?? null) : null
  return { waits: await haWaiting.any(db), next }
}

async function settle(cloud: Cloud, id: string): Promise<void> {
  await cloud.database.transaction(async tx => {
    const [one] = await haWaiting.due(tx, { id })
    if (!one) return
    const how = endOf(one, new Date(cloud.clock.now_ms()))
    if (!(await haWaiting.end(tx, one, how))) return
    const { instance_id: resource_id, project_id } = one
    await event.record(tx, [
      { noun: 'ha-restart', kind: 'changed', resource_id: id, project_id },
      { noun: 'instance', kind: 'changed', resource_id, project_id, detail: { ha: how.outcome } },
    ])
  })
}

function endOf(one: WaitingRestart, now: Date) {
  const { seen, from_host, from_host_id, host } = one
  const givenUp = (failure: string) => ({ outcome: 'given_up', reason: '', failure }) as const
  switch (seen) {
    case 'back': {
      const since = (one.started_at ?? now).toISOString()
      const reason = `Its host came back; it runs there since ${since}.`
      return { outcome: 'running', reason, failure: null, on_host: { id: from_host_id, name: from_host } } as const
    }
    case 'failed': {
      const failure = `its host ${from_host} came back, and it does not come up there: ${one.failure ?? 'the guest crashed and did not come back by itself'}`
      return { outcome: 'failed', reason: 'Its host came back.', failure } as const
    }
    case 'paused':
      return givenUp(`its host ${from_host} came back, and it is there, but paused`)
    case 'lost_again':
      return givenUp(`its host ${from_host} came back and was lost again before it was seen to run there`)
    case 'deleted':
      return givenUp('it was deleted meanwhile')
    case 'not_high':
      return givenUp('it was made not highly available meanwhile')
    case 'stopped':
      return givenUp('it is wanted off by now')
    case 'moved':
      return givenUp(`it was moved to ${host} meanwhile`)
    default:
      return seen satisfies never
  }
}
