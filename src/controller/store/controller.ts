/** The controllers that are alive, by lease. */
import { sql } from 'kysely'
import type { Controller } from '../../api/controller.ts'
import type { Db } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

export interface ControllerRow {
  id: string
  name: string
  version: string
  agent_url: string
  /** A random word for each start, by which two of one id are told apart. */
  run: string
}

/** For a start: whoever had this id before has it no more. Returns how long ago that one last said that it is there; null: not known. */
async function take(db: Db, self: ControllerRow, lease_s: number): Promise<number | null> {
  const { id, name, version, agent_url, run } = self
  const { rows } = await sql<{ ago_ms: number }>`
    select extract(epoch from croft_now() - lease_until) * 1000 + ${1000 * lease_s}::float8 as ago_ms from controller where id = ${id}`.execute(
    db,
  )
  const row = { name, version, agent_url, run, lease_until: leaseFor(lease_s) }
  await db
    .insertInto('controller')
    .values({ id, ...row })
    .onConflict(conflict => conflict.column('id').doUpdateSet(row))
    .execute()
  return rows[0]?.ago_ms ?? null
}

/**
 * False when another one has taken this id since, and its lease holds. One that has run out is taken back: a database that has lost its last
 * commits may know the former run. So is what a controller of the version before left, which has no word.
 */
async function renew(db: Db, self: ControllerRow, lease_s: number): Promise<boolean> {
  const { id, name, version, agent_url, run } = self
  const row = { name, version, agent_url, run, lease_until: leaseFor(lease_s) }
  const renewed = await db
    .insertInto('controller')
    .values({ id, ...row })
    .onConflict(conflict =>
      conflict
        .column('id')
        .doUpdateSet(row)
        .where(
          sql<boolean>`controller.run is null or controller.run = ${run} or controller.lease_until <= croft_now()`,
        ),
    )
    .returning('id')
    .execute()
  await db.deleteFrom('controller').where('lease_until', '<', sql<Date>`croft_now() - interval '1 hour'`).execute()
  return renewed.length > 0
}

const leaseFor = (lease_s: number) => sql<Date>`croft_now() + make_interval(secs => ${lease_s})`

/** What one under this id has said of itself, while its lease holds. */
async function alive(
  db: Db,
  id: string,
): Promise<(Pick<ControllerRow, 'name' | 'agent_url'> & { lease_until: Date }) | null> {
  const found = await db
    .selectFrom('controller')
    .select(['name', 'agent_url', 'lease_until'])
    .where('id', '=', id)
    .where('lease_until', '>', sql<Date>`croft_now()`)
    .executeTakeFirst()
  return found ?? null
}

/** The leases of others that hold by the database's clock; `until` to the microsecond. */
async function othersLeases(db: Db, id: string): Promise<{ id: string; until: string }[]> {
  return await db
    .selectFrom('controller')
    .select(['id', sql<string>`lease_until::text`.as('until')])
    .where('id', '<>', id)
    .where('lease_until', '>', sql<Date>`croft_now()`)
    .execute()
}

/** Unless it was renewed since. */
async function endLease(db: Db, { id, until }: { id: string; until: string }): Promise<void> {
  await db
    .updateTable('controller')
    .set({ lease_until: sql<Date>`croft_now()` })
    .where('id', '=', id)
    .where('lease_until', '=', sql<Date>`${until}::timestamptz`)
    .execute()
}

/** A controller that stops says so: its hosts are seen to at once. Not of another one that has its id by now. */
async function remove(db: Db, { id, run }: Pick<ControllerRow, 'id' | 'run'>): Promise<void> {
  await db.deleteFrom('controller').where('id', '=', id).where(sql<boolean>`coalesce(run, ${run}) = ${run}`).execute()
}

/** Where agents reach the controllers that are alive: never none, as the one that asks is, whatever became of its lease. */
async function urls(db: Db, own: string): Promise<string[]> {
  const rows = await db
    .selectFrom('controller')
    .select('agent_url')
    .distinct()
    .where('lease_until', '>', sql<Date>`croft_now()`)
    .orderBy('agent_url')
    .execute()
  return [...new Set([...rows.map(row => row.agent_url), own])].sort()
}

/** Also those that were heard of within the last hour. */
async function list(db: Db, asked: PageAsked): Promise<Page<Controller>> {
  const keys = keyset(asked, sql`c.id`, { name: { column: sql`c.name` } })
  const query = db
    .selectFrom('controller as c')
    .select(['c.id', 'c.name', 'c.version', 'c.agent_url', 'c.lease_until', keys.key.as('sort_key')])
    .select([
      sql<boolean>`c.lease_until > croft_now()`.as('running'),
      sql<number>`(select count(*)::int from host h where h.session_controller_id = c.id and h.removed_at is null)`.as(
        'hosts',
      ),
      sql<string[]>`array(select l.name from leader l where l.controller_id = c.id and l.lease_until > croft_now()
        order by l.name)`.as('leads'),
    ])
    .where(keys.where)
  return await readPage(query, keys, ({ lease_until, running, ...row }) => ({
    ...row,
    state: running ? ('running' as const) : ('silent' as const),
    silent_from: lease_until.toISOString(),
  }))
}

export const controller = { take, renew, alive, othersLeases, endLease, remove, urls, list }
