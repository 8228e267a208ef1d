/** Values of settings that were given one, for the cloud or a part of it, and their history; the rest have their defaults (app/setting-values.ts). */
import { sql } from 'kysely'
import type { SettingChange, SettingValue } from '../../api/setting.ts'
import type { SettingPlaceKind, SettingScope } from '../../model/setting.ts'
import { type Db, json, type Tx } from './database.ts'
import { keyset, type Page, type PageAsked } from './page.ts'

export interface SettingRow {
  name: string
  value: unknown
  updated_at: Date
  updated_by: string | null
}

export interface ScopedRow extends SettingRow {
  scope: SettingPlaceKind
  scope_id: string
}

/** A part of the cloud, with what it lies in: itself first. */
export interface Place {
  scope: SettingPlaceKind
  id: string
  name: string
  above: readonly { scope: SettingPlaceKind; id: string; name: string }[]
  /** Of a project. */
  domain_id: string | null
}

function list(db: Db): Promise<SettingRow[]> {
  return db.selectFrom('setting').selectAll().execute()
}

const scopeId = sql<string>`coalesce(s.project_id, s.host_id, s.cluster_id, s.zone_id)`

function scopedRows(db: Db) {
  return db
    .selectFrom('setting_scope as s')
    .select(['s.name', 's.scope', 's.value', 's.updated_at', 's.updated_by'])
    .select(scopeId.as('scope_id'))
}

/** Of these parts of the cloud; without any named, of all. */
async function scoped(db: Db, ids?: readonly string[]): Promise<ScopedRow[]> {
  if (!ids) return await scopedRows(db).execute()
  const among = sql`any(${[...ids]}::uuid[])`
  return await scopedRows(db)
    .where(
      sql<boolean>`(s.project_id = ${among} or s.host_id = ${among} or s.cluster_id = ${among} or s.zone_id = ${among})`,
    )
    .execute()
}

/** Where a setting has values of its own, in the order of names; with a place, that of it alone. */
async function valuesOf(db: Db, name: string, at: Place | null): Promise<Omit<SettingValue, 'updated_by_name'>[]> {
  const rows = await scopedRows(db)
    .leftJoin('zone as z', 'z.id', 's.zone_id')
    .leftJoin('cluster as c', 'c.id', 's.cluster_id')
    .leftJoin('host as h', 'h.id', 's.host_id')
    .leftJoin('project as p', 'p.id', 's.project_id')
    .select(sql<string>`coalesce(p.name, h.name, c.name, z.name)`.as('scope_name'))
    .where('s.name', '=', name)
    .$if(at !== null, query => query.where(sql.ref(`s.${at?.scope}_id`), '=', at?.id))
    .orderBy('s.scope')
    .orderBy('scope_name')
    .execute()
  return rows.map(row => ({ ...row, updated_at: row.updated_at.toISOString() }))
}

/** One change at a time, so that what each says was before is so. */
async function lock(tx: Tx): Promise<void> {
  await sql`lock table setting_change in share row exclusive mode`.execute(tx)
}

async function put(tx: Tx, name: string, value: unknown, user_id: string): Promise<void> {
  await tx
    .insertInto('setting')
    .values({ name, value: json(value), updated_by: user_id })
    .onConflict(conflict =>
      conflict.column('name').doUpdateSet({
        value: json(value),
        updated_by: user_id,
        updated_at: sql<Date>`croft_now()`,
      }),
    )
    .execute()
}

async function remove(tx: Tx, name: string): Promise<void> {
  await tx.deleteFrom('setting').where('name', '=', name).execute()
}

async function putAt(tx: Tx, name: string, { scope, id }: Place, value: unknown, user_id: string): Promise<void> {
  const ids = { zone_id: null, cluster_id: null, host_id: null, project_id: null, [`${scope}_id`]: id }
  await tx
    .insertInto('setting_scope')
    .values({ name, scope, ...ids, value: json(value), updated_by: user_id })
    .onConflict(conflict =>
      conflict.constraint('setting_scope_once').doUpdateSet({
        value: json(value),
        updated_by: user_id,
        updated_at: sql<Date>`croft_now()`,
      }),
    )
    .execute()
}

async function removeAt(tx: Tx, name: string, { scope, id }: Place): Promise<void> {
  await tx
    .deleteFrom('setting_scope')
    .where('name', '=', name)
    .where(sql.ref(`${scope}_id`), '=', id)
    .execute()
}

export interface NewChange {
  id: string
  name: string
  scope: SettingScope
  scope_id: string | null
  scope_name: string | null
  /** Undefined: none of its own. */
  before: unknown
  after: unknown
  user_id: string
}

async function note(tx: Tx, { before, after, ...change }: NewChange): Promise<void> {
  const asJson = (value: unknown) => (value === undefined ? null : json(value))
  await tx
    .insertInto('setting_change')
    .values({ ...change, value_before: asJson(before), value_after: asJson(after) })
    .execute()
}

/** Of one, or of all; of what was set for the place alone, or wherever. */
async function history(
  db: Db,
  asked: PageAsked & { name: string | null; place: Place | null },
): Promise<Page<Omit<SettingChange, 'user'>>> {
  const keys = keyset({ ...asked, sort: asked.sort ?? '-id' }, sql`c.id`)
  const rows = await db
    .selectFrom('setting_change as c')
    .select(['c.id', 'c.name', 'c.scope', 'c.scope_id', 'c.scope_name', 'c.user_id', 'c.at'])
    .select(['c.value_before as before', 'c.value_after as after'])
    .select(keys.key.as('sort_key'))
    .where(keys.where)
    .$if(asked.name !== null, query => query.where('c.name', '=', asked.name ?? ''))
    .$if(asked.place !== null, query => query.where('c.scope_id', '=', asked.place?.id ?? null))
    .orderBy(keys.order_by)
    .limit(keys.limit + 1)
    .execute()
  const { items, next } = keys.toPage(rows)
  return { items: items.map(row => ({ ...row, at: row.at.toISOString() })), next }
}

/** Null when it is not there. */
async function place(db: Db, scope: SettingPlaceKind, id: string): Promise<Place | null> {
  const { rows } = await sql<
    Record<'name' | 'domain_id' | 'cluster_id' | 'cluster' | 'zone_id' | 'zone', string | null>
  >`${places[scope]} where here.id = ${id}::uuid`.execute(db)
  const [row] = rows
  if (!row?.name) return null
  const above: { scope: SettingPlaceKind; id: string; name: string }[] = []
  if (row.cluster_id !== null) above.push({ scope: 'cluster', id: row.cluster_id, name: row.cluster ?? '' })
  if (row.zone_id !== null) above.push({ scope: 'zone', id: row.zone_id, name: row.zone ?? '' })
  return { scope, id, name: row.name, above, domain_id: row.domain_id }
}

const none = sql`null::uuid as domain_id`
const places = {
  zone: sql`select here.name, ${none}, null as cluster_id, null as cluster, null as zone_id, null as zone from zone here`,
  cluster: sql`select here.name, ${none}, null as cluster_id, null as cluster, z.id as zone_id, z.name as zone
    from cluster here join zone z on z.id = here.zone_id`,
  host: sql`select here.name, ${none}, c.id as cluster_id, c.name as cluster, z.id as zone_id, z.name as zone
    from host here join cluster c on c.id = here.cluster_id and here.removed_at is null join zone z on z.id = c.zone_id`,
  project: sql`select here.name, here.domain_id, null as cluster_id, null as cluster, null as zone_id, null as zone
    from project here`,
} satisfies Record<SettingPlaceKind, unknown>

/** In which cluster and zone hosts are. */
async function hostPlaces(
  db: Db,
  host_ids: readonly string[],
): Promise<{ host_id: string; cluster_id: string; zone_id: string }[]> {
  if (host_ids.length === 0) return []
  return await db
    .selectFrom('host as h')
    .innerJoin('cluster as c', 'c.id', 'h.cluster_id')
    .select(['h.id as host_id', 'c.id as cluster_id', 'c.zone_id'])
    .where(sql<boolean>`h.id = any(${[...host_ids]}::uuid[])`)
    .execute()
}

/** Clusters of this part of the cloud; of all of it without one. */
async function clusters(db: Db, at: Place | null): Promise<{ id: string; zone_id: string }[]> {
  let query = db.selectFrom('cluster').select(['id', 'zone_id'])
  if (at?.scope === 'zone') query = query.where('zone_id', '=', at.id)
  if (at?.scope === 'cluster') query = query.where('id', '=', at.id)
  return await query.orderBy('id').execute()
}

export const setting = {
  list,
  scoped,
  valuesOf,
  lock,
  put,
  remove,
  putAt,
  removeAt,
  note,
  history,
  place,
  hostPlaces,
  clusters,
}
