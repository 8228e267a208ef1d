/**
 * Which controller leads what only one is to do at a time: by a lease in the database, so that a leader that is killed is
 * followed by another. It spares work and noise; what is done must be right even where two believe that they lead.
 */
import { sql } from 'kysely'
import type { Db } from './database.ts'

export interface Leading {
  /** For how long leaders have followed each other without a gap, milliseconds. */
  steady_ms: number
}

/**
 * Takes or keeps the lead for `lease_s`. Null: another controller has it. Nobody having led for more than `gap_s` after a lease ran
 * out (no controller ran, or none reached the database) begins `steady_ms` anew; so does a lease that ends later than any that is given now: the
 * database's clock was set back, and for how long nobody has led is not known. Then it is followed as soon as its controller is gone.
 */
async function lead(
  db: Db,
  name: string,
  controller_id: string,
  rules: { lease_s: number; gap_s: number },
): Promise<Leading | null> {
  const until = sql<Date>`croft_now() + make_interval(secs => ${rules.lease_s})`
  const { rows } = await sql<{ steady_ms: number }>`
    insert into leader as l (name, controller_id, lease_until, steady_since)
    values (${name}, ${controller_id}::uuid, ${until}, croft_now())
    on conflict (name) do update set controller_id = excluded.controller_id, lease_until = excluded.lease_until,
      steady_since = case when l.lease_until + make_interval(secs => ${rules.gap_s}) < croft_now()
        or l.lease_until > croft_now() + make_interval(secs => ${2 * rules.lease_s}) then croft_now() else least(l.steady_since, croft_now()) end
    where l.controller_id = excluded.controller_id or l.lease_until < croft_now()
      or not exists (select from controller c where c.id = l.controller_id and c.lease_until > croft_now())
    returning (extract(epoch from croft_now() - steady_since) * 1000)::bigint as steady_ms`.execute(db)
  return rows[0] ?? null
}

/** A controller that stops lets another one lead at once. */
async function resign(db: Db, controller_id: string): Promise<void> {
  await db
    .updateTable('leader')
    .set({ lease_until: sql<Date>`croft_now()` })
    .where('controller_id', '=', controller_id)
    .execute()
}

export const leader = { lead, resign }
