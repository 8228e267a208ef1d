/**
 * Up to where events can be read without passing one whose transaction is still open. Rests on seeing the transactions of all
 * who write to this database. PostgreSQL shows a role only its own sessions, those of roles that it is a member of, and with
 * pg_read_all_stats those of all; where a session cannot be seen, the snapshot's oldest transaction is taken instead: that is
 * safe, and late whenever a long transaction is open anywhere on the server.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'

/** Of a session as `a`, whether its transaction is shown to us (PostgreSQL manual, 28.2.3). */
const seen: RawBuilder<boolean> = sql`coalesce(pg_has_role(a.usesysid, 'usage'), false)
  or pg_has_role('pg_read_all_stats', 'usage')`

const others: RawBuilder<boolean> = sql`a.datname = current_database() and a.pid <> pg_backend_pid()`

/**
 * The first transaction id that may still add events: every one below it has ended. Only this database's transactions
 * count, so that a long one in another database of the same server holds up nothing here. To be read in a statement
 * before the one that reads events: what has ended by now is visible to that.
 */
export async function horizon(db: Db): Promise<bigint> {
  // An xid of pg_stat_activity has 32 bits; the next one to be assigned gives the epoch (PostgreSQL manual, 9.27.3).
  const { rows } = await sql<{ next: string; oldest: string | null; settled: string; blind: boolean }>`
    with now as materialized (
      select pg_snapshot_xmax(s)::text::bigint as xid, pg_snapshot_xmin(s)::text as settled from pg_current_snapshot() as s
    ),
    open as materialized (
      select a.backend_xid::text::bigint as low, a.usesysid is not null and not (${seen}) as unseen
      from pg_stat_activity a where ${others}
    ),
    wide as (
      select (now.xid / 4294967296) * 4294967296 + open.low as xid, now.xid as next from open, now where open.low is not null
    )
    select now.xid::text as next, now.settled, exists (select from open where unseen) as blind,
      (select min(case when xid > next then xid - 4294967296 else xid end) from wide)::text as oldest from now`.execute(
    db,
  )
  const [row] = rows
  const next = BigInt(row?.next ?? 0)
  if (row?.blind) return BigInt(row.settled)
  const oldest = row?.oldest ? BigInt(row.oldest) : next
  return oldest < next ? oldest : next
}

/** Roles at work in this database whose transactions this one is not shown: while there are any, events may come late. */
export async function unseenRoles(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select distinct coalesce(r.rolname, a.usesysid::text) as name from pg_stat_activity a
    left join pg_roles r on r.oid = a.usesysid
    where ${others} and a.usesysid is not null and not (${seen}) order by 1`.execute(db)
  return rows.map(row => row.name)
}
