/** Regions in the database. */
import { type Selectable, sql } from 'kysely'
import type { Region } from '../../api/region.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { RegionTable } from './schema.ts'

function toRegion(row: Selectable<RegionTable>): Region {
  return { ...row, created_at: row.created_at.toISOString() }
}

async function list(db: Db, asked: PageAsked & { name?: string | undefined }): Promise<Page<Region>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('region').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toRegion)
}

async function find(db: Db, id: string): Promise<Region | null> {
  const row = await db.selectFrom('region').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toRegion(row) : null
}

/** Where zones go that name none: the region that was there first. */
async function first(db: Db): Promise<string | null> {
  const row = await db.selectFrom('region').select('id').orderBy('id').limit(1).executeTakeFirst()
  return row?.id ?? null
}

/** Throws the database's own error (region_name_key) when the name is taken. */
async function insert(tx: Tx, made: { id: string; name: string }): Promise<Region> {
  return toRegion(await tx.insertInto('region').values(made).returningAll().executeTakeFirstOrThrow())
}

async function update(tx: Tx, id: string, change: { name?: string | undefined }): Promise<Region | null> {
  const row = await tx
    .updateTable('region')
    .set({ name: change.name ?? sql<string>`name` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row ? toRegion(row) : null
}

/** Throws the database's own error when something refers to it still. */
async function remove(tx: Tx, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('region').where('id', '=', id).executeTakeFirst()
  return numDeletedRows === 1n
}

export const region = { list, find, first, insert, update, remove }
