/** Flavors in the database. */
import { type Selectable, sql } from 'kysely'
import type { Flavor } from '../../api/flavor.ts'
import { type Db, json } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { FlavorTable } from './schema.ts'

export function toFlavor(row: Selectable<FlavorTable>): Flavor {
  return { ...row, properties: row.properties as Flavor['properties'], created_at: row.created_at.toISOString() }
}

async function list(db: Db, asked: PageAsked & { name?: string | undefined }): Promise<Page<Flavor>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('flavor').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toFlavor)
}

async function find(db: Db, id: string): Promise<Flavor | null> {
  const row = await db.selectFrom('flavor').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toFlavor(row) : null
}

/** Throws the database's own error (constraint flavor_name_key) when the name is taken. */
async function insert(db: Db, flavor: Omit<Flavor, 'created_at'>): Promise<Flavor> {
  const row = await db
    .insertInto('flavor')
    .values({ ...flavor, properties: json(flavor.properties) })
    .returningAll()
    .executeTakeFirstOrThrow()
  return toFlavor(row)
}

async function remove(db: Db, id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('flavor').where('id', '=', id).executeTakeFirst()
  return numDeletedRows === 1n
}

export const flavor = { list, find, insert, remove }
