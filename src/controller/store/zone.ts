/** Zones in the database. */
import { type Selectable, sql } from 'kysely'
import type { Zone } from '../../api/zone.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { ZoneTable } from './schema.ts'

type Row = Selectable<ZoneTable> & { storm: Zone['storm']; region: string }

/** Why nothing is fenced there, as JSON. */
const storm = sql<Zone['storm']>`(select json_build_object('since', s.since, 'gone', s.gone, 'hosts', s.hosts,
  'overridden_at', s.overridden_at) from zone_storm s where s.zone_id = zone.id)`.as('storm')

const region = sql<string>`(select r.name from region r where r.id = zone.region_id)`.as('region')

function toZone(row: Row): Zone {
  const { id, name, region_id, region, created_at } = row
  const time = (text: string) => new Date(text).toISOString()
  const storming = row.storm && {
    ...row.storm,
    since: time(row.storm.since),
    overridden_at: row.storm.overridden_at && time(row.storm.overridden_at),
  }
  return { id, name, region_id, region, storm: storming, created_at: created_at.toISOString() }
}

async function list(
  db: Db,
  asked: PageAsked & { name?: string | undefined; region_id?: string | undefined },
): Promise<Page<Zone>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db
    .selectFrom('zone')
    .selectAll()
    .select([storm, region])
    .select(keys.key.as('sort_key'))
    .where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.region_id !== undefined) query = query.where('region_id', '=', asked.region_id)
  return readPage(query, keys, toZone)
}

async function find(db: Db, id: string): Promise<Zone | null> {
  const row = await db.selectFrom('zone').selectAll().select([storm, region]).where('id', '=', id).executeTakeFirst()
  return row ? toZone(row) : null
}

/** As it is until the transaction ends, but for what that changes. */
async function lock(tx: Tx, id: string): Promise<Zone | null> {
  await tx.selectFrom('zone').select('id').where('id', '=', id).forNoKeyUpdate().execute()
  return find(tx, id)
}

async function names(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('zone')
    .select(['id', 'name'])
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .execute()
  return new Map(rows.map(row => [row.id, row.name]))
}

/** Throws the database's own error: zone_name_key, zone_region_id_fkey. */
async function insert(tx: Tx, made: { id: string; name: string; region_id: string }): Promise<Zone> {
  return toZone(
    await tx.insertInto('zone').values(made).returningAll().returning([storm, region]).executeTakeFirstOrThrow(),
  )
}

/** Throws as insert does. */
async function update(
  tx: Tx,
  id: string,
  change: { name?: string | undefined; region_id?: string | undefined },
): Promise<Zone | null> {
  const row = await tx
    .updateTable('zone')
    .set({ name: change.name ?? sql<string>`name`, region_id: change.region_id ?? sql<string>`region_id` })
    .where('id', '=', id)
    .returningAll()
    .returning([storm, region])
    .executeTakeFirst()
  return row ? toZone(row) : null
}

/** Throws the database's own error when something refers to it still. */
async function remove(tx: Tx, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('zone').where('id', '=', id).executeTakeFirst()
  return numDeletedRows === 1n
}

export const zone = { list, find, lock, names, insert, update, remove }
