/**
 * Hosts that are not there: what was noted of each, from its first missed heartbeat until it is back. What follows from it is
 * model/host-state.ts; each change here is one transaction, so that whoever goes on later finds it as it was left.
 */
import { type Selectable, sql } from 'kysely'
import type { Host } from '../../api/host.ts'
import type { Absence, AbsenceCause, Opinion } from '../../model/host-state.ts'
import { type Db, json, type Tx } from './database.ts'
import type { HostAbsenceTable } from './schema-lost-hosts.ts'

export type AbsenceRow = Selectable<HostAbsenceTable>

function toAbsence(row: AbsenceRow): Absence {
  return {
    cause: row.cause,
    since_ms: row.since.getTime(),
    opinions: row.opinions as Opinion[],
    asked_ms: row.asked_at?.getTime() ?? null,
    dead_ms: row.dead_at?.getTime() ?? null,
    fence_failure: row.fence_failure,
    fence_attempts: row.fence_attempts,
    fence_again_ms: row.fence_again_at?.getTime() ?? null,
    fenced_ms: row.fenced_at?.getTime() ?? null,
    fenced_by: row.fenced_by,
    power_was_off: row.power_was_off,
  }
}

/** `lease_over_at`: null where its agent keeps no leases. */
function shown(row: AbsenceRow, lease_over_at: Date | null): NonNullable<Host['absence']> {
  return {
    cause: row.cause,
    since: row.since.toISOString(),
    opinions: row.opinions as Opinion[],
    dead_at: row.dead_at?.toISOString() ?? null,
    fence_failure: row.fence_failure,
    fenced_at: row.fenced_at?.toISOString() ?? null,
    fenced_by: row.fenced_by,
    lease_over_at: lease_over_at?.toISOString() ?? null,
  }
}

/** Links have ended. What was noted of a host since it was late stays. `heard_at`: when it was last heard of; without it, when its last link ended. */
async function begin(
  tx: Tx,
  lost: readonly { host_id: string; cause: AbsenceCause; heard_at?: Date | null }[],
): Promise<void> {
  const rows = json(lost.map(({ host_id, cause, heard_at = null }) => ({ host_id, cause, heard_at })))
  await sql`
    insert into host_absence (host_id, cause, since, heard_at)
    select l.host_id, l.cause, croft_now(), coalesce(l.heard_at, h.last_seen_at)
    from jsonb_to_recordset(${rows}) as l (host_id uuid, cause text, heard_at timestamptz) join host h on h.id = l.host_id order by l.host_id
    on conflict (host_id) do update set cause = excluded.cause where host_absence.cause = 'late'`.execute(tx)
}

/** Links from which nothing was heard for a while. Returns those hosts that are so newly, and whose link it still is. */
async function noteLate(
  tx: Tx,
  late: readonly { host_id: string; epoch: number; silent_ms: number }[],
): Promise<string[]> {
  const { rows } = await sql<{ host_id: string }>`
    insert into host_absence (host_id, cause, since)
    select h.id, 'late', croft_now() - make_interval(secs => l.silent_ms / 1000.0)
    from jsonb_to_recordset(${json(late)}) as l (host_id uuid, epoch bigint, silent_ms bigint)
    join host h on h.id = l.host_id and h.session_epoch = l.epoch
    where h.session_controller_id is not null and h.removed_at is null
    on conflict do nothing returning host_id`.execute(tx)
  return rows.map(row => row.host_id)
}

/** It spoke again over the same link. */
async function heardAgain(tx: Tx, host_id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('host_absence')
    .where('host_id', '=', host_id)
    .where('cause', '=', 'late')
    .executeTakeFirst()
  return numDeletedRows === 1n
}

/** The hosts have new links. Returns what was noted of each, if anything was. */
async function end(tx: Tx, host_ids: readonly string[]): Promise<Map<string, Absence>> {
  const rows = await tx
    .deleteFrom('host_absence')
    .where(sql<boolean>`host_id = any(${[...host_ids]}::uuid[])`)
    .returningAll()
    .execute()
  return new Map(rows.map(row => [row.host_id, toAbsence(row)]))
}

/** Locked, so that the host cannot come back meanwhile; who locks the host too locks that first. */
async function lock(tx: Tx, host_id: string): Promise<Absence | null> {
  const row = await tx
    .selectFrom('host_absence')
    .selectAll()
    .where('host_id', '=', host_id)
    .forUpdate()
    .executeTakeFirst()
  return row ? toAbsence(row) : null
}

/** A host that is not there, with what bears on it. */
export interface AbsentHost {
  host_id: string
  host: string
  cluster_id: string
  zone_id: string
  epoch: number
  linked: boolean
  /** To dial again in a moment, as its controller began anew (host-link.ts, endSessions). */
  expected: boolean
  absence: Absence
  /** By what other hosts reach it, as far as that was confirmed; '' when nothing was. */
  tunnel_address: string
  /** Hosts that reached it while it was there: of others a silence says nothing. */
  reached_by: string[]
  has_bmc: boolean
  lease_left_ms: number | null
  maintenance: boolean
  /** Highly available instances that are wanted running and are still placed on it, or may have gone over to it from a host that is lost. */
  waiting: number
}

/** Of whom others were asked never, or longest ago, first. All, or this one. */
async function list(db: Db, host_id: string | null = null): Promise<AbsentHost[]> {
  const { rows } = await sql<
    AbsenceRow & Omit<AbsentHost, 'absence' | 'epoch'> & { session_epoch: number }
  >`select a.*, h.name as host, h.cluster_id, c.zone_id, h.session_epoch, h.session_controller_id is not null as linked,
      h.session_controller_id is null and coalesce(h.expected_epoch = h.session_epoch, false) as expected,
      coalesce(h.tunnel_address, h.link_address, '') as tunnel_address, coalesce(r.reached_by, '{}') as reached_by, b.host_id is not null as has_bmc, case when h.keeps_leases then h.lease_left_ms end as lease_left_ms,
      exists (select from maintenance m where m.host_id = h.id) as maintenance,
      (select count(*) from instance i where i.host_id = h.id and i.availability = 'high' and i.wanted_power = 'running'
        and i.deleted_at is null) + (select count(*) from migration d join instance i on i.id = d.instance_id
        join host_absence l on l.host_id = d.source_host_id
        where d.target_host_id = h.id and d.phase = 'discarding' and d.kind = 'live' and d.sending_at is not null
          and l.fenced_at is not null and i.host_id = d.source_host_id and i.availability = 'high' and i.wanted_power = 'running'
          and i.deleted_at is null) as waiting
    from host_absence a join host h on h.id = a.host_id join cluster c on c.id = h.cluster_id
    left join host_bmc b on b.host_id = h.id left join host_reach r on r.host_id = h.id
    where h.removed_at is null and (${host_id}::uuid is null or h.id = ${host_id}::uuid) order by a.asked_at nulls first, h.id`.execute(
    db,
  )
  return rows.map(row => ({
    host_id: row.host_id,
    host: row.host,
    cluster_id: row.cluster_id,
    zone_id: row.zone_id,
    epoch: row.session_epoch,
    linked: row.linked,
    expected: row.expected,
    absence: toAbsence(row),
    tunnel_address: row.tunnel_address,
    reached_by: row.reached_by,
    has_bmc: row.has_bmc,
    lease_left_ms: row.lease_left_ms,
    maintenance: row.maintenance,
    waiting: row.waiting,
  }))
}

/** Of these hosts those on which surely nothing runs any more that may run elsewhere. */
async function fencedAmong(db: Db, host_ids: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('host_absence')
    .select('host_id')
    .where('fenced_at', 'is not', null)
    .where(sql<boolean>`host_id = any(${[...host_ids]}::uuid[])`)
    .execute()
  return new Set(rows.map(row => row.host_id))
}

/** The database's time, which all times of absences are of; milliseconds since 1970. */
async function now(db: Db): Promise<number> {
  const { rows } = await sql<{
    now_ms: number
  }>`select (extract(epoch from croft_now()) * 1000)::bigint as now_ms`.execute(db)
  return rows[0]?.now_ms ?? 0
}

/** How many hosts of each zone are there and on time. */
async function presentByZone(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{ zone_id: string; present: number }>`
    select c.zone_id, count(*) as present from host h join cluster c on c.id = h.cluster_id
    left join host_absence a on a.host_id = h.id
    where h.session_controller_id is not null and h.removed_at is null and a.host_id is null group by c.zone_id`.execute(
    db,
  )
  return new Map(rows.map(row => [row.zone_id, row.present]))
}

/** Hosts that may be asked about one: those that reached it before, then of the same cluster before others of the zone, any that are there. */
async function witnesses(
  db: Db,
  of: Pick<AbsentHost, 'host_id' | 'cluster_id' | 'zone_id'>,
  count: number,
  before: readonly string[] = [],
): Promise<{ id: string; name: string }[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select h.id, h.name from host h join cluster c on c.id = h.cluster_id left join host_absence a on a.host_id = h.id
    where c.zone_id = ${of.zone_id}::uuid and h.id <> ${of.host_id}::uuid and h.session_controller_id is not null
      and h.removed_at is null and a.host_id is null
    order by h.id = any(${[...before]}::uuid[]) desc, h.cluster_id <> ${of.cluster_id}::uuid, md5(h.id::text || ${of.host_id}) limit ${count}`.execute(
    db,
  )
  return rows
}

/** All that are there in these zones, of which nothing is noted. In the order of ids. */
async function there(
  db: Db,
  zone_ids: readonly string[],
): Promise<{ id: string; name: string; cluster_id: string; zone_id: string }[]> {
  const { rows } = await sql<{ id: string; name: string; cluster_id: string; zone_id: string }>`
    select h.id, h.name, h.cluster_id, c.zone_id from host h join cluster c on c.id = h.cluster_id
    left join host_absence a on a.host_id = h.id
    where c.zone_id = any(${[...zone_ids]}::uuid[]) and h.session_controller_id is not null and h.removed_at is null and a.host_id is null
    order by h.id`.execute(db)
  return rows
}

/** The pool that its disks are in; null: none that others could reach. */
async function poolOf(db: Db, host_id: string): Promise<string | null> {
  const { rows } = await sql<{ pool_id: string | null }>`
    select pool_id from host where id = ${host_id}::uuid`.execute(db)
  return rows[0]?.pool_id ?? null
}

async function nameOf(db: Db, host_id: string): Promise<string | null> {
  const row = await db.selectFrom('host').select('name').where('id', '=', host_id).executeTakeFirst()
  return row?.name ?? null
}

/** Instances of fenced hosts that are to run elsewhere, the most important first. */
async function toRestart(db: Db): Promise<{ id: string; host_id: string; host: string; zone_id: string }[]> {
  const { rows } = await sql<{ id: string; host_id: string; host: string; zone_id: string }>`
    select i.id, h.id as host_id, h.name as host, c.zone_id from host_absence a join host h on h.id = a.host_id
    join cluster c on c.id = h.cluster_id join instance i on i.host_id = h.id
    where a.fenced_at is not null and h.session_controller_id is null and h.removed_at is null and i.availability = 'high'
      and i.wanted_power = 'running' and i.deleted_at is null and i.held_generation is null
    order by i.ha_priority desc, i.id`.execute(db)
  return rows
}

type Noted = Partial<
  Pick<
    AbsenceRow,
    'dead_at' | 'fence_failure' | 'fence_again_at' | 'fenced_by' | 'fenced_user_id' | 'power_was_off'
  > & {
    opinions: readonly Opinion[]
  }
>

async function note(tx: Tx, host_id: string, set: Noted & { asked?: boolean; dead?: boolean }): Promise<void> {
  const now = sql<Date>`croft_now()`
  await tx
    .updateTable('host_absence')
    .set({
      ...(set.asked && { asked_at: now, opinions: json(set.opinions ?? []) }),
      ...(set.dead_at !== undefined && { dead_at: set.dead_at }),
      ...(set.dead && { dead_at: now }),
      ...(set.fenced_by && { fenced_at: now, fenced_by: set.fenced_by }),
      // Fenced by its lease, its power is still what somebody should look at.
      ...(set.fenced_by && set.fenced_by !== 'lease' && { fence_failure: null }),
      ...(set.power_was_off !== undefined && { power_was_off: set.power_was_off }),
      ...(set.fenced_user_id !== undefined && { fenced_user_id: set.fenced_user_id }),
    })
    .where('host_id', '=', host_id)
    .execute()
}

async function noteFenceFailure(tx: Tx, host_id: string, failure: string, again_ms: number): Promise<void> {
  await tx
    .updateTable('host_absence')
    .set({
      fence_failure: failure,
      fence_attempts: sql<number>`fence_attempts + 1`,
      fence_again_at: sql<Date>`croft_now() + make_interval(secs => ${again_ms / 1000})`,
    })
    .where('host_id', '=', host_id)
    .where(sql<boolean>`(fenced_at is null or fenced_by = 'lease')`)
    .execute()
}

export const absence = {
  fencedAmong,
  toAbsence,
  shown,
  begin,
  noteLate,
  heardAgain,
  end,
  lock,
  list,
  now,
  presentByZone,
  witnesses,
  there,
  poolOf,
  nameOf,
  toRestart,
  note,
  noteFenceFailure,
}
