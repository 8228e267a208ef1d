/** Trusted image keys in the database. */
import { type Selectable, sql } from 'kysely'
import type { ImageKey } from '../../api/image-key.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { ImageKeyTable } from './schema.ts'

function toImageKey(row: Selectable<ImageKeyTable>): ImageKey {
  return { ...row, created_at: row.created_at.toISOString() }
}

async function list(db: Db, asked: PageAsked & { name?: string | undefined }): Promise<Page<ImageKey>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('image_key').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toImageKey)
}

async function find(db: Db, id: string): Promise<ImageKey | null> {
  const row = await db.selectFrom('image_key').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toImageKey(row) : null
}

/** An id before a name that looks like one. */
async function findNamed(db: Db, name_or_id: string): Promise<ImageKey | null> {
  const row = await db
    .selectFrom('image_key')
    .selectAll()
    .where(sql<boolean>`(name = ${name_or_id} or id::text = ${name_or_id})`)
    .orderBy(sql`(id::text = ${name_or_id})`, 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ? toImageKey(row) : null
}

/** Whether it is trusted still, and until the transaction ends. */
async function holds(tx: Tx, id: string): Promise<boolean> {
  const row = await tx.selectFrom('image_key').select('id').where('id', '=', id).forShare().executeTakeFirst()
  return row !== undefined
}

/** Throws the database's own error (image_key_name_key, image_key_fingerprint_key). */
async function insert(tx: Tx, made: Omit<ImageKey, 'created_at'>): Promise<ImageKey> {
  return toImageKey(await tx.insertInto('image_key').values(made).returningAll().executeTakeFirstOrThrow())
}

async function remove(tx: Tx, id: string): Promise<ImageKey | null> {
  const row = await tx.deleteFrom('image_key').where('id', '=', id).returningAll().executeTakeFirst()
  return row ? toImageKey(row) : null
}

export const imageKey = { list, find, findNamed, holds, insert, remove }
