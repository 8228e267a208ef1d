/** What may go with time, and after how long. Taken out in small batches, so that no statement holds others up. */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'

export interface RetentionRules {
  event_days: number
  operation_days: number
  migration_days: number
  lock_minutes: number
}

interface Rule {
  table: string
  due: RawBuilder<boolean>
  /** Where a row takes others with it. */
  rows_max?: number
}

function rules({ event_days, operation_days, migration_days, lock_minutes }: RetentionRules): Rule[] {
  const days = sql`make_interval(days => ${event_days}::int)`
  return [
    { table: 'token', due: sql`expires_at < croft_now()` },
    { table: 'console_ticket', due: sql`expires_at < croft_now()` },
    { table: 'console_link', due: sql`expires_at < croft_now()` },
    // Kept a week longer, so that a late agent is told that its token is over, and not that there is none.
    { table: 'join_token', due: sql`expires_at < croft_now() - interval '7 days'` },
    { table: 'host_registration', due: sql`expires_at < croft_now()` },
    // Far longer than any client tries again.
    { table: 'idempotency', due: sql`created_at < croft_now() - interval '1 day'` },
    {
      table: 'sign_in_attempt',
      due: sql`last_at < croft_now() - make_interval(mins => ${lock_minutes}::int)
        and (locked_until is null or locked_until < croft_now())`,
    },
    { table: 'event', due: sql`at < croft_now() - ${days}` },
    { table: 'ha_restart', due: sql`ended_at < croft_now() - ${days}` },
    {
      table: 'operation',
      // Those that have not ended have no such time.
      due: sql`ended_at < croft_now() - make_interval(days => ${operation_days}::int)`,
      // Each with up to a thousand targets.
      rows_max: 200,
    },
    { table: 'placement', due: sql`created_at < croft_now() - ${days} and ${isOverPlacement}` },
    {
      table: 'migration',
      due: sql`ended_at < croft_now() - make_interval(days => ${migration_days}::int) and ${isOverMigration}`,
    },
  ]
}

/**
 * Of instances that there are no more, and of refusals, which name none. What put an instance where it is stays, and the newest that found a
 * host: what was asked for it is read of them (store/placement.ts).
 */
const isOverPlacement = sql`(instance_id is null or host_id is null
  or exists (select from placement p where p.instance_id = placement.instance_id and p.host_id is not null and p.id > placement.id)
  and (placement.host_id <> (select i.host_id from instance i where i.id = placement.instance_id)
    or exists (select from placement p where p.instance_id = placement.instance_id and p.host_id = placement.host_id
      and p.id > placement.id)))`

/**
 * The newest of an instance stays: a host that was away since may come with it still (agents/holds.ts), and a restart may be followed by it
 * (store/ha-restart.ts). So does what a host in maintenance has sent away: it is counted (store/maintenance.ts).
 */
const isOverMigration = sql`(not exists (select from instance i where i.id = migration.instance_id)
    or exists (select from migration m where m.instance_id = migration.instance_id and m.id > migration.id))
  and not exists (select from maintenance x where x.host_id = migration.source_host_id and x.created_at <= migration.created_at)`

/** Takes out at most `limit` rows of each kind; says of which there may be more. */
async function takeOut(db: Db, asked: RetentionRules, limit: number): Promise<boolean> {
  let more = false
  for (const { table, due, rows_max = limit } of rules(asked)) {
    const most = Math.min(limit, rows_max)
    const name = sql.table(table)
    const { numAffectedRows } = await sql`
      delete from ${name} where ctid in (select ctid from ${name} where ${due} limit ${most})`.execute(db)
    if (numAffectedRows === BigInt(most)) more = true
  }
  return more
}

export const retention = { takeOut }
