/** Hosts' links in the database: which controller holds each, what came over it last, and how long a lease lasts after its end. */
import { sql } from 'kysely'
import { leaseTimes, leftByOther_ms } from '../../model/lease.ts'
import { type Db, json, type Tx } from './database.ts'

export interface SessionRow {
  epoch: number
  last_report: number
}

/** Takes the host's link over for this controller. Any older session's words no longer count. */
async function beginSession(tx: Tx, id: string, controller_id: string, keeps_leases: boolean): Promise<SessionRow> {
  return await tx
    .updateTable('host')
    .set({
      session_controller_id: controller_id,
      session_epoch: sql`session_epoch + 1`,
      last_seen_at: sql`croft_now()`,
      lease_ms: leaseTimes.lease_ms,
      keeps_leases,
      lease_left_ms: null,
      lease_over_at: null,
    })
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .returning(['session_epoch as epoch', 'last_report'])
    .executeTakeFirstOrThrow()
}

/**
 * Returns those links that still were their hosts'; these have none then. With how long from now on a host's highly available guests
 * may run: as who held the link says, or the most that they can when somebody else ends it (src/model/lease.ts).
 */
async function endSessions(
  tx: Tx,
  links: readonly { host_id: string; epoch: number; left_ms: number | null }[],
): Promise<{ id: string; epoch: number }[]> {
  const { rows } = await sql<{ id: string; epoch: number }>`
    with ended as materialized (
      select h.id, coalesce(e.left_ms, h.lease_ms + ${leftByOther_ms(0)}::bigint) as left_ms
      from jsonb_to_recordset(${json(links)}) as e (host_id uuid, epoch bigint, left_ms bigint)
      join host h on h.id = e.host_id and h.session_epoch = e.epoch
      where h.session_controller_id is not null order by h.id for no key update of h
    )
    update host set session_controller_id = null, last_seen_at = croft_now(), lease_left_ms = e.left_ms,
      lease_over_at = croft_now() + e.left_ms * ${1 + leaseTimes.drift}::float8 * interval '1 millisecond'
    from ended e where host.id = e.id returning host.id, host.session_epoch as epoch`.execute(tx)
  return rows
}

/** The host, locked, if this link is the one it is known by; null when it was taken over, written off, or the host removed. */
async function lockLink(tx: Tx, id: string, epoch: number): Promise<{ last_report: number } | null> {
  const row = await tx
    .selectFrom('host')
    .select('last_report')
    .where('id', '=', id)
    .where('session_epoch', '=', epoch)
    .where('session_controller_id', 'is not', null)
    .where('removed_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row ?? null
}

/**
 * Notes that the hosts of these links sent these reports. 'foreign': the link is no longer the host's; 'stale': the report
 * was seen before. The hosts stay locked, in the order of their ids.
 */
async function noteReports(
  tx: Tx,
  sent: readonly { host_id: string; epoch: number; report: number }[],
): Promise<('applied' | 'stale' | 'foreign')[]> {
  const said = json(sent.map(({ host_id, epoch, report }, n) => ({ n, host_id, epoch, report })))
  const { rows } = await sql<{ n: number; fresh: boolean }>`
    with held as materialized (
      select s.n, h.id, s.report, s.report > h.last_report as fresh
      from jsonb_to_recordset(${said}) as s (n int, host_id uuid, epoch bigint, report bigint)
      join host h on h.id = s.host_id and h.session_epoch = s.epoch
      where h.session_controller_id is not null and h.removed_at is null
      order by h.id for no key update of h
    ), noted as (
      update host set last_report = held.report, last_seen_at = croft_now() from held where host.id = held.id and held.fresh
    )
    select n, fresh from held`.execute(tx)
  const fresh = new Map(rows.map(row => [row.n, row.fresh]))
  return sent.map((_, n) => (fresh.has(n) ? (fresh.get(n) ? 'applied' : 'stale') : 'foreign'))
}

/** The links that this controller holds, as far as the database knows. */
async function heldBy(db: Db, controller_id: string): Promise<{ id: string; epoch: number; last_report: number }[]> {
  return await db
    .selectFrom('host')
    .select(['id', 'session_epoch as epoch', 'last_report'])
    .where('session_controller_id', '=', controller_id)
    .where('removed_at', 'is', null)
    .execute()
}

/** How many links each of the controllers that are alive holds, those included that hold none. */
async function linksByController(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: string; links: number }>`
    select c.id, count(h.id) as links from controller c left join host h on h.session_controller_id = c.id
    where c.lease_until > croft_now() group by c.id`.execute(db)
  return new Map(rows.map(row => [row.id, row.links]))
}

/** Hosts whose link a controller that is gone still seems to hold, with the epoch of that link. */
async function orphaned(db: Db): Promise<{ id: string; epoch: number }[]> {
  return await db
    .selectFrom('host as h')
    .leftJoin('controller as c', join =>
      join.onRef('c.id', '=', 'h.session_controller_id').on(sql<boolean>`c.lease_until > croft_now()`),
    )
    .select(['h.id', 'h.session_epoch as epoch'])
    .where('h.session_controller_id', 'is not', null)
    .where('c.id', 'is', null)
    .execute()
}

export const hostLink = {
  beginSession,
  endSessions,
  lockLink,
  noteReports,
  heldBy,
  linksByController,
  orphaned,
}
