/** Key pairs in the database: public keys only. */
import { type Selectable, sql } from 'kysely'
import type { KeyPair } from '../../api/key-pair.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { KeyPairTable } from './schema.ts'

const columns = ['id', 'name', 'public_key', 'fingerprint', 'created_at'] as const

function toKeyPair(row: Pick<Selectable<KeyPairTable>, (typeof columns)[number]>): KeyPair {
  return { ...row, created_at: row.created_at.toISOString() }
}

async function list(db: Db, user_id: string, asked: PageAsked & { name?: string | undefined }): Promise<Page<KeyPair>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db
    .selectFrom('key_pair')
    .select(columns)
    .select(keys.key.as('sort_key'))
    .where('user_id', '=', user_id)
    .where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toKeyPair)
}

async function find(db: Db, user_id: string, id: string): Promise<KeyPair | null> {
  const row = await db
    .selectFrom('key_pair')
    .select(columns)
    .where('user_id', '=', user_id)
    .where('id', '=', id)
    .executeTakeFirst()
  return row ? toKeyPair(row) : null
}

export interface NewPair {
  id: string
  user_id: string
  name: string
  public_key: string
  fingerprint: string
}

/** Throws the database's own error (key_pair_user_id_name_key) when the name is taken. */
async function insert(tx: Tx, made: NewPair): Promise<KeyPair> {
  return toKeyPair(await tx.insertInto('key_pair').values(made).returning(columns).executeTakeFirstOrThrow())
}

async function remove(tx: Tx, user_id: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('key_pair')
    .where('user_id', '=', user_id)
    .where('id', '=', id)
    .executeTakeFirst()
  return numDeletedRows === 1n
}

export const keyPair = { list, find, insert, remove }
