/** Hosts in maintenance in the database: since when, what has gone, what is left, and what is in the way. */
import { sql } from 'kysely'
import type { Maintenance } from '../../api/maintenance.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked } from './page.ts'

const counts = [
  sql<number>`(select count(*)::int from instance i where i.host_id = x.host_id)`.as('left'),
  sql<number>`(select count(*)::int from migration m where m.source_host_id = x.host_id and m.outcome = 'succeeded'
    and m.created_at >= x.created_at)`.as('moved'),
  sql<number>`(select count(*)::int from migration m where m.source_host_id = x.host_id
    and m.phase in ('preparing', 'sending'))`.as('moving'),
] as const

const obstacles = sql<
  { instance_id: string; instance: string; reason: string; attempts: number; since: string; again_at: string }[]
>`(
  select coalesce(json_agg(json_build_object('instance_id', o.instance_id, 'instance', i.name, 'reason', o.reason,
    'attempts', o.attempts, 'since', o.since, 'again_at', o.again_at) order by o.since, o.instance_id), '[]')
  from (select * from maintenance_obstacle where host_id = x.host_id order by since, instance_id limit 500) o
  join instance i on i.id = o.instance_id)`.as('obstacles')

function select(db: Db) {
  return db
    .selectFrom('maintenance as x')
    .innerJoin('host as h', 'h.id', 'x.host_id')
    .where('h.removed_at', 'is', null)
    .select(['x.host_id as id', 'x.host_id', 'h.name as host', 'x.reason', 'x.operation_id', 'x.drained_at'])
    .select(['x.created_at', ...counts, obstacles])
}

type ShownRow = Awaited<ReturnType<ReturnType<typeof select>['execute']>>[number]

function toMaintenance(row: ShownRow): Maintenance {
  return {
    ...row,
    state: row.drained_at === null ? 'draining' : 'drained',
    obstacles: row.obstacles.map(one => ({
      ...one,
      since: new Date(one.since).toISOString(),
      again_at: new Date(one.again_at).toISOString(),
    })),
    drained_at: row.drained_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  }
}

async function list(db: Db, asked: PageAsked): Promise<Page<Maintenance>> {
  const keys = keyset(asked, sql`x.host_id`, { name: { column: sql`h.name` } })
  const { items, next } = keys.toPage(
    await select(db)
      .select(keys.key.as('sort_key'))
      .where(keys.where)
      .orderBy(keys.order_by)
      .limit(keys.limit + 1)
      .execute(),
  )
  return { items: items.map(toMaintenance), next }
}

async function find(db: Db, host_id: string): Promise<Maintenance | null> {
  const row = await select(db).where('x.host_id', '=', host_id).executeTakeFirst()
  return row ? toMaintenance(row) : null
}

interface NewMaintenance {
  host_id: string
  user_id: string
  request_id: string
  reason: string
  operation_id: string
}

async function insert(tx: Tx, made: NewMaintenance): Promise<void> {
  await tx.insertInto('maintenance').values(made).execute()
}

async function remove(tx: Tx, host_id: string): Promise<void> {
  await tx.deleteFrom('maintenance').where('host_id', '=', host_id).execute()
}

/** Which of these hosts are in maintenance. */
async function among(db: Db, host_ids: readonly string[]): Promise<Set<string>> {
  if (host_ids.length === 0) return new Set()
  const rows = await db
    .selectFrom('maintenance')
    .select('host_id')
    .where(sql<boolean>`host_id = any(${[...host_ids]}::uuid[])`)
    .execute()
  return new Set(rows.map(row => row.host_id))
}

async function hosts(db: Db): Promise<string[]> {
  return (await db.selectFrom('maintenance').select('host_id').orderBy('host_id').execute()).map(row => row.host_id)
}

export interface Drained {
  host_id: string
  operation_id: string | null
  drained_at: Date | null
  created_at: Date
  user_id: string | null
  request_id: string | null
}

/** For one controller at a time; null when another is at it, or it was ended. */
async function lock(tx: Tx, host_id: string): Promise<Drained | null> {
  const row = await tx
    .selectFrom('maintenance')
    .select(['host_id', 'operation_id', 'drained_at', 'created_at', 'user_id', 'request_id'])
    .where('host_id', '=', host_id)
    .forUpdate()
    .skipLocked()
    .executeTakeFirst()
  return row ?? null
}

/** How many migrations run now from and to each host that has any, how many of them from it, and how many from each cluster. */
async function busy(
  db: Db,
): Promise<{ hosts: Map<string, { all: number; sends: number }>; clusters: Map<string, number> }> {
  const { rows } = await sql<{ host_id: string; cluster_id: string; n: number; sends: number }>`
    select h.id as host_id, h.cluster_id, count(*)::int as n, count(*) filter (where m.source_host_id = h.id)::int as sends
    from migration m join host h on h.id in (m.source_host_id, m.target_host_id)
    where m.phase in ('preparing', 'sending') group by h.id, h.cluster_id`.execute(db)
  const clusters = new Map<string, number>()
  for (const { cluster_id, sends } of rows) clusters.set(cluster_id, (clusters.get(cluster_id) ?? 0) + sends)
  return { hosts: new Map(rows.map(row => [row.host_id, { all: row.n, sends: row.sends }])), clusters }
}

/** Nothing is put off for longer. */
export const again_s_max = 900

/**
 * The next to be moved from a host: those that are not on their way, and not to be tried only later (which, put off for longer than anything
 * is, was noted before the database's clock was set back). What was looked at last comes last, so
 * that many that cannot go keep nobody else from being tried.
 */
async function next(db: Db, host_id: string, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select i.id from instance i
    left join maintenance_obstacle o on o.host_id = i.host_id and o.instance_id = i.id
    where i.host_id = ${host_id}::uuid and (o.again_at is null or o.again_at <= croft_now()
        or o.again_at > croft_now() + make_interval(secs => ${again_s_max}))
      and not exists (select from migration m where m.instance_id = i.id and m.phase in ('preparing', 'sending'))
    order by o.again_at nulls first, i.id limit ${limit}`.execute(db)
  return rows.map(row => row.id)
}

/** Tries of an instance since the maintenance began that failed, the newest first. */
async function failures(
  tx: Tx,
  { host_id, created_at }: Pick<Drained, 'host_id' | 'created_at'>,
  instance_id: string,
): Promise<{ target_host_id: string; reason: string | null; given_up_at: Date }[]> {
  const rows = await tx
    .selectFrom('migration')
    .select(['target_host_id', 'reason', 'given_up_at'])
    .where('instance_id', '=', instance_id)
    .where('source_host_id', '=', host_id)
    .where('created_at', '>=', created_at)
    .where('given_up_at', 'is not', null)
    .orderBy('id', 'desc')
    .limit(20)
    .execute()
  return rows.flatMap(({ given_up_at, ...row }) => (given_up_at ? [{ ...row, given_up_at }] : []))
}

/** Why it cannot be moved now. True when that is news. To be tried again at once (0 s) it only waits its turn, which is no try. */
async function obstruct(
  tx: Tx,
  host_id: string,
  instance_id: string,
  { reason, again_s }: { reason: string; again_s: number },
): Promise<boolean> {
  const { rows } = await sql<{ is_news: boolean }>`
    with before as (
      select reason from maintenance_obstacle where host_id = ${host_id}::uuid and instance_id = ${instance_id}::uuid
    ), written as (
      insert into maintenance_obstacle as o (host_id, instance_id, reason, again_at)
      values (${host_id}::uuid, ${instance_id}::uuid, ${reason}, croft_now() + make_interval(secs => ${again_s}))
      on conflict (host_id, instance_id) do update set reason = excluded.reason, again_at = excluded.again_at,
        attempts = o.attempts + ${again_s > 0 ? 1 : 0}
    )
    select not exists (select from before where before.reason = ${reason}) as is_news`.execute(tx)
  return rows[0]?.is_news ?? false
}

async function clear(tx: Tx, host_id: string, instance_id: string): Promise<void> {
  await tx
    .deleteFrom('maintenance_obstacle')
    .where('host_id', '=', host_id)
    .where('instance_id', '=', instance_id)
    .execute()
}

/** All that is in the way is looked at with the next pass. True when there is any. What is looked at just now is left to who does. */
async function lookAgain(tx: Tx): Promise<boolean> {
  const { numAffectedRows } = await sql`
    with later as (
      select host_id, instance_id from maintenance_obstacle where again_at > croft_now()
      order by host_id, instance_id for update skip locked
    )
    update maintenance_obstacle o set again_at = croft_now() from later
    where o.host_id = later.host_id and o.instance_id = later.instance_id`.execute(tx)
  return (numAffectedRows ?? 0n) > 0n
}

/** Obstacles of what is not there any more. */
async function clearGone(tx: Tx, host_id: string): Promise<void> {
  await sql`delete from maintenance_obstacle o where o.host_id = ${host_id}::uuid
    and not exists (select from instance i where i.id = o.instance_id and i.host_id = o.host_id)`.execute(tx)
}

/** Whether nothing of any instance is on the host, nor on its way. */
async function isEmpty(tx: Tx, host_id: string): Promise<boolean> {
  const { rows } = await sql<{ left: boolean }>`
    select exists (select from instance where host_id = ${host_id}::uuid)
      or exists (select from migration where phase <> 'ended' and source_host_id = ${host_id}::uuid)
      or exists (select from migration where phase <> 'ended' and target_host_id = ${host_id}::uuid) as left`.execute(
    tx,
  )
  return rows[0]?.left === false
}

async function now(tx: Tx): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select croft_now() as now`.execute(tx)
  const [row] = rows
  if (!row) throw new Error('the database told no time')
  return row.now
}

/** Null: of a host that was removed, and its cluster after it. */
async function clusterOf(tx: Tx, host_id: string): Promise<string | null> {
  const row = await tx.selectFrom('host').select('cluster_id').where('id', '=', host_id).executeTakeFirstOrThrow()
  return row.cluster_id
}

async function setDrained(tx: Tx, host_id: string, drained: boolean): Promise<void> {
  await tx
    .updateTable('maintenance')
    .set({ drained_at: drained ? sql<Date>`croft_now()` : null })
    .where('host_id', '=', host_id)
    .execute()
}

export const maintenance = {
  list,
  find,
  insert,
  remove,
  among,
  hosts,
  lock,
  busy,
  next,
  failures,
  obstruct,
  lookAgain,
  clear,
  clearGone,
  isEmpty,
  now,
  clusterOf,
  setDrained,
}
