/**
 * Restarts elsewhere that wait, as no other host could take the instance when its own was lost. Such a row is kept with the outcome 'no_room'
 * and an end that is its beginning, and shown as one without an end; what becomes of the instance gives it another.
 */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'
import { isShownThere } from './host-link.ts'

/** Of a row `r`: it was not told yet what has come of it. */
const isWaiting = sql<boolean>`(r.outcome = 'no_room' and r.ended_at = r.begun_at)`

export function waits(row: { outcome: string | null; begun_at: Date; ended_at: Date | null }): boolean {
  return row.outcome === 'no_room' && row.ended_at?.getTime() === row.begun_at.getTime()
}

export interface WaitingRestart {
  id: string
  instance_id: string
  project_id: string
  from_host_id: string
  from_host: string
  /**
   * What has come of it. 'back': its host is there and runs it; 'paused', 'failed': that host is there, and it is paused, or does
   * not come up; 'lost_again': that host was back, and was lost anew.
   */
  seen: 'deleted' | 'not_high' | 'stopped' | 'moved' | 'back' | 'paused' | 'failed' | 'lost_again'
  /** Where it is now. */
  host: string
  /** Since when it runs, as its host says. */
  started_at: Date | null
  failure: string | null
}

/** What was seen of it before its host was lost says nothing of now. A link begins with a report of all that the host has. */
const isFresh = sql<boolean>`coalesce(o.report > h.reported_before and o.applied_generation >= i.generation, false)`

/** Those of which something has come, after this one and no more than `limit`, or this one. */
async function due(db: Db, which: { after: string | null; limit: number } | { id: string }): Promise<WaitingRestart[]> {
  const these =
    'id' in which ? sql`r.id = ${which.id}::uuid` : sql`(${which.after}::uuid is null or r.id > ${which.after}::uuid)`
  const { rows } = await sql<WaitingRestart>`
    select r.id, r.instance_id, r.project_id, r.from_host_id, r.from_host, h.name as host, o.started_at, o.failure, s.seen
    from ha_restart r join instance i on i.id = r.instance_id join host h on h.id = i.host_id
    left join instance_observed o on o.instance_id = i.id left join host_absence a on a.host_id = r.from_host_id
    cross join lateral (select case when i.deleted_at is not null then 'deleted' when i.host_id <> r.from_host_id then 'moved'
        when i.availability <> 'high' then 'not_high' when i.wanted_power <> 'running' then 'stopped'
        when a.since > r.lost_at + interval '1 ms' and a.fenced_at is not null then 'lost_again'
        when not ${isShownThere} or a.host_id is not null or not ${isFresh} then null
        when o.failure is not null or o.power = 'crashed' then 'failed'
        when o.power = 'running' then 'back' when o.power = 'paused' then 'paused' end as seen) s
    where ${isWaiting} and ${these} and s.seen is not null order by r.id limit ${'id' in which ? 1 : which.limit}`.execute(
    db,
  )
  return rows
}

/** Whether any waits. They are few, and looked for only while there are any (reconcilers/ha-waiting.ts). */
async function any(db: Db): Promise<boolean> {
  const { rows } = await sql`select from ha_restart r where ${isWaiting} limit 1`.execute(db)
  return rows.length > 0
}

/** What it says from then on of why it was not restarted: its first words were of one that still waits. */
const reasonWith = (first: string, more: string) =>
  sql<string>`regexp_replace(reason, '^Not restarted yet:', ${`${first}:`}) || ${more === '' ? '' : ` ${more}`}`

/** After its beginning, however soon. */
const now = sql<Date>`greatest(croft_now(), begun_at + interval '1 ms')`

/** False when it does not wait any more. `on_host`: it runs there. */
async function end(
  tx: Tx,
  one: { id: string },
  how: {
    outcome: 'running' | 'failed' | 'given_up'
    reason: string
    failure: string | null
    on_host?: { id: string; name: string }
  },
): Promise<boolean> {
  const { outcome, reason, failure, on_host } = how
  const { numUpdatedRows } = await tx
    .updateTable('ha_restart as r')
    .set({
      ...{ outcome, failure, ended_at: now, reason: reasonWith('Not restarted elsewhere', reason) },
      ...(on_host && { to_host_id: on_host.id, to_host: on_host.name }),
    })
    .where('id', '=', one.id)
    .where(isWaiting)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/** The instance goes to another host now: that none could take it was so, until then. Gives the ids. */
async function endAsGone(tx: Tx, instance_id: string, to_host: string): Promise<string[]> {
  const rows = await tx
    .updateTable('ha_restart as r')
    .set({ ended_at: now, reason: reasonWith('Not restarted at once', `Later ${to_host} could take it.`) })
    .where('instance_id', '=', instance_id)
    .where(isWaiting)
    .returning('id')
    .execute()
  return rows.map(row => row.id)
}

export const haWaiting = { due, any, end, endAsGone }
