/** Whether the power of a host that is not there is to be cut still, and whether Croft has asked for it. What else is noted of its absence: absence.ts. */
import { sql } from 'kysely'
import type { Db } from './database.ts'

/** Whether the host's power may be cut still: it has not come back, nor been fenced otherwise, nor does a storm hold it back by now. */
async function mayCut(db: Db, host_id: string, epoch: number): Promise<boolean> {
  const { rows } = await sql`
    select from host_absence a join host h on h.id = a.host_id join cluster c on c.id = h.cluster_id
    where h.id = ${host_id}::uuid and h.session_controller_id is null and h.session_epoch = ${epoch}::bigint and h.removed_at is null
      and a.dead_at is not null and a.fenced_at is null
      and not exists (select from zone_storm q where q.zone_id = c.zone_id and q.overridden_at is null)`.execute(db)
  return rows.length > 0
}

/** Kept for as long as the host is away: whoever sees its power off later knows that it may have been cut. Nothing where no absence is noted. */
async function noteAsked(db: Db, host_id: string, cut_asked: boolean): Promise<void> {
  await db.updateTable('host_absence').set({ cut_asked }).where('host_id', '=', host_id).execute()
}

async function wasAsked(db: Db, host_id: string): Promise<boolean> {
  const row = await db.selectFrom('host_absence').select('cut_asked').where('host_id', '=', host_id).executeTakeFirst()
  return row?.cut_asked ?? false
}

export const powerCut = { mayCut, noteAsked, wasAsked }
