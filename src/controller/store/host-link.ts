/** Hosts' links in the database: which controller holds each, what came over it last, and how long a lease lasts after its end. */
import { type RawBuilder, sql } from 'kysely'
import type { HardwareId } from '../../model/hardware-id.ts'
import { leaseTimes, leftByOther_ms } from '../../model/lease.ts'
import { type Db, json, type Tx } from './database.ts'

export interface SessionRow {
  epoch: number
  last_report: number
  /** It had another link until now, of whose end nobody knew, or was expected to dial again: how its instances are shown has not changed. */
  was_linked: boolean
  /** What was counted of the host when its last link ended, and so the most that it can have heard; null: not kept. */
  counted_at_end: number | null
}

/**
 * Of a host `h` before its next link begins: what was counted when the last one ended, if it is that link's end that was counted. A controller
 * of the version before, which knows nothing of it, may have had a link since. Who raises the epoch for another reason raises counted_epoch with it.
 */
export const countedAtEnd = sql<number | null>`case when h.counted_epoch = h.session_epoch then h.counted_at_end end`

/** Whether instances of a host `h` are shown as of one that answers: it has a link, or is expected to have one again in a moment (endSessions). */
export const isShownThere = sql<boolean>`host_shown_there(h.session_controller_id, h.session_epoch, h.expected_epoch)`

/** A controller that is there says so this often, and holds its lease for this long. */
const lease = sql`interval '1 millisecond' * ${sql.lit(leaseTimes.controller_lease_ms)}`

/**
 * When a host `h` was last heard of. Of one that is linked it is noted nowhere, or ten thousand idle hosts would be written of all the time: it is as
 * long ago as its controller `l` was there, which notes of each that falls silent when that was (its absence `a`).
 */
export const heardAt = sql<Date | null>`case when a.host_id is not null then coalesce(a.heard_at, a.since)
  when h.session_controller_id is not null then greatest(h.last_seen_at, l.lease_until - ${lease}) else h.last_seen_at end`

/** What a host says of itself as its link begins, and where it comes from. */
interface LinkSaid {
  keeps_leases: boolean
  asks_first: boolean
  link_address: string | null
}

/** Takes the hosts' links over for this controller. Any older session's words no longer count. Hosts that were removed are left out. */
async function beginSessions(
  tx: Tx,
  controller_id: string,
  hosts: readonly (LinkSaid & { host_id: string })[],
): Promise<Map<string, SessionRow>> {
  const said = json(
    hosts.map(({ host_id, keeps_leases, asks_first, link_address }) => ({
      host_id,
      keeps_leases,
      asks_first,
      link_address,
    })),
  )
  const { rows } = await sql<SessionRow & { id: string }>`
    with said as materialized (
      select h.id, s.keeps_leases, s.asks_first, s.link_address, ${isShownThere} as was_linked,
        ${countedAtEnd} as counted_at_end
      from jsonb_to_recordset(${said}) as s (host_id uuid, keeps_leases boolean, asks_first boolean, link_address text)
      join host h on h.id = s.host_id where h.removed_at is null order by h.id for no key update of h
    )
    update host set session_controller_id = ${controller_id}::uuid, session_epoch = session_epoch + 1, last_seen_at = croft_now(),
      reported_before = last_report, lease_ms = ${leaseTimes.lease_ms}::bigint, keeps_leases = s.keeps_leases, asks_first = s.asks_first, link_address = s.link_address,
      lease_left_ms = null, lease_over_at = null, counted_at_end = null, counted_epoch = null, expected_epoch = null
    from said s where host.id = s.id returning host.id, host.session_epoch as epoch, host.last_report, s.counted_at_end,
      s.was_linked`.execute(tx)
  return new Map(rows.map(({ id, ...session }) => [id, session]))
}

/** Locks hosts before anything is read of what they hold. Returns by what their machines are known. */
async function lockAll(tx: Tx, host_ids: readonly string[]): Promise<Map<string, HardwareId | null>> {
  const { rows } = await sql<{ id: string; hardware_id: HardwareId | null }>`
    select id, hardware_id from host where id = any(${[...host_ids]}::uuid[]) order by id for no key update`.execute(tx)
  return new Map(rows.map(row => [row.id, row.hardware_id]))
}

/** Takes one over; throws when the host was removed. */
async function beginSession(tx: Tx, host_id: string, controller_id: string, link: LinkSaid): Promise<SessionRow> {
  const session = (await beginSessions(tx, controller_id, [{ host_id, ...link }])).get(host_id)
  if (!session) throw new Error('the host was removed')
  return session
}

/**
 * Returns those links that still were their hosts'; these have none then. With how long from now on a host's highly available guests
 * may run: as who held the link says, or the most that they can when somebody else ends it (src/model/lease.ts). What is counted of it is kept:
 * what the database does with it until its next link is none of what it can have heard. `expected`: it will dial again in a moment, so
 * that its instances are shown as they were until endExpected, and others are not asked about it where nothing waits on it.
 * `heard_at`: of which nothing was heard for `silent_ms`; where who held the link does not say, when that one was last there.
 */
async function endSessions(
  tx: Tx,
  links: readonly { host_id: string; epoch: number; left_ms: number | null; silent_ms?: number | null }[],
  expected = false,
): Promise<{ id: string; epoch: number; heard_at: Date | null }[]> {
  const ended = json(links)
  // First: what somebody who holds a host's row has counted is seen only by what begins after the wait for it.
  await sql`select from jsonb_to_recordset(${ended}) as e (host_id uuid, epoch bigint)
    join host h on h.id = e.host_id and h.session_epoch = e.epoch
    where h.session_controller_id is not null order by h.id for no key update of h`.execute(tx)
  const { rows } = await sql<{ id: string; epoch: number; heard_at: Date | null }>`
    with ended as materialized (
      select h.id, coalesce(e.left_ms, h.lease_ms + ${leftByOther_ms(0)}::bigint) as left_ms, k.changes + k.passed as counted,
        greatest(h.last_seen_at, coalesce(croft_now() - e.silent_ms * interval '1 millisecond', l.lease_until - ${lease})) as heard_at
      from jsonb_to_recordset(${ended}) as e (host_id uuid, epoch bigint, left_ms bigint, silent_ms float8)
      join host h on h.id = e.host_id and h.session_epoch = e.epoch
      join host_claim k on k.host_id = h.id
      left join controller l on l.id = h.session_controller_id
      where h.session_controller_id is not null order by h.id for no key update of h
    )
    update host set session_controller_id = null, last_seen_at = croft_now(), lease_left_ms = e.left_ms, counted_at_end = e.counted,
      counted_epoch = session_epoch, expected_epoch = case when ${expected}::boolean then session_epoch end,
      lease_over_at = croft_now() + e.left_ms * ${1 + leaseTimes.drift}::float8 * interval '1 millisecond'
    from ended e where host.id = e.id returning host.id, host.session_epoch as epoch, e.heard_at`.execute(tx)
  return rows
}

/**
 * Of `count` hosts at most that have been expected for so long and did not come, or since a time that is still to come: the database's clock was
 * set back since, and nobody waits for it to come once more. (By more than transactions that cross each other differ.) Returns those of which something is shown otherwise now. */
async function endExpected(tx: Tx, after_ms: number, count: number): Promise<{ ended: number; shown: string[] }> {
  const { rows } = await sql<{ id: string; shown: boolean }>`
    with late as materialized (
      select h.id, h.expected_epoch = h.session_epoch as shown from host h
      where h.expected_epoch is not null and h.session_controller_id is null
        and (h.last_seen_at < croft_now() - ${after_ms}::float8 * interval '1 millisecond'
          or h.last_seen_at > croft_now() + ${after_ms}::float8 * interval '1 millisecond')
      order by h.id limit ${count} for no key update of h
    )
    update host set expected_epoch = null from late where host.id = late.id returning host.id, late.shown`.execute(tx)
  return { ended: rows.length, shown: rows.flatMap(row => (row.shown ? row.id : [])) }
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
    select c.id, (select count(*) from host h where h.session_controller_id = c.id) as links from controller c
    where c.lease_until > croft_now()`.execute(db)
  return new Map(rows.map(row => [row.id, row.links]))
}

/** Hosts whose link a controller that is gone still seems to hold, with the epoch of that link. Costs a look at each controller, and not at each host. */
async function orphaned(db: Db): Promise<{ id: string; epoch: number }[]> {
  const next = (after: RawBuilder<unknown>) => sql`select h.session_controller_id as id from host h
    where ${after} order by h.session_controller_id limit 1`
  const { rows } = await sql<{ id: string }>`
    with recursive holder as (
      (${next(sql`h.session_controller_id is not null`)})
      union all
      select (${next(sql`h.session_controller_id > holder.id`)}) from holder where holder.id is not null
    )
    select id from holder where id is not null and not exists (
      select from controller c where c.id = holder.id and c.lease_until > croft_now())`.execute(db)
  if (rows.length === 0) return []
  return await db
    .selectFrom('host')
    .select(['id', 'session_epoch as epoch'])
    .where('session_controller_id', '=', sql<string>`any(${rows.map(row => row.id)}::uuid[])`)
    .execute()
}

/** By the SHA-256 of its certificate, hexadecimal; those that no host has are left out. */
async function byCertificates(db: Db, sha256s: readonly string[]): Promise<Map<string, { id: string; name: string }>> {
  const { rows } = await sql<{ id: string; name: string; sha256: string }>`
    select id, name, encode(certificate_sha256, 'hex') as sha256 from host
    where certificate_sha256 = any(array(select decode(s, 'hex') from unnest(${[...sha256s]}::text[]) as s)) and removed_at is null`.execute(
    db,
  )
  return new Map(rows.map(({ sha256, ...one }) => [sha256, one]))
}

/** Whether a disk or CD-ROM on this host is made from the image: no other image's content is the host's business. */
async function needsImage(db: Db, id: string, image_id: string): Promise<boolean> {
  const { rows } = await sql`
    select from volume where image_id = ${image_id} and host_id = ${id}
    union all select from instance where image_id = ${image_id} and host_id = ${id} and boot = 'iso'
    union all select from migration m join volume v on v.instance_id = m.instance_id
      where m.target_host_id = ${id} and m.phase in ('preparing', 'sending') and v.image_id = ${image_id}
    union all select from migration m join instance i on i.id = m.instance_id
      where m.target_host_id = ${id} and m.phase in ('preparing', 'sending') and i.image_id = ${image_id} limit 1`.execute(
    db,
  )
  return rows.length > 0
}

export const hostLink = {
  lockAll,
  beginSession,
  beginSessions,
  endSessions,
  endExpected,
  lockLink,
  noteReports,
  heldBy,
  linksByController,
  orphaned,
  byCertificates,
  needsImage,
}
