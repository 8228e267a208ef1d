/** API keys in the database: everything but the secret itself. */
import { type Selectable, sql } from 'kysely'
import type { ApiKey } from '../../api/api-key.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { ApiKeyTable } from './schema.ts'

const columns = ['id', 'name', 'project_id', 'expires_at', 'last_used_at', 'created_at'] as const

function toApiKey(row: Pick<Selectable<ApiKeyTable>, (typeof columns)[number]>): ApiKey {
  return {
    ...row,
    expires_at: row.expires_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  }
}

async function list(db: Db, user_id: string, asked: PageAsked & { name?: string | undefined }): Promise<Page<ApiKey>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db
    .selectFrom('api_key')
    .select(columns)
    .select(keys.key.as('sort_key'))
    .where('user_id', '=', user_id)
    .where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toApiKey)
}

async function find(db: Db, user_id: string, id: string): Promise<ApiKey | null> {
  const row = await db
    .selectFrom('api_key')
    .select(columns)
    .where('user_id', '=', user_id)
    .where('id', '=', id)
    .executeTakeFirst()
  return row ? toApiKey(row) : null
}

export interface NewKey {
  id: string
  user_id: string
  project_id: string | null
  name: string
  secret_sha256: Buffer
  expires_at: Date | null
}

/** Throws the database's own error (api_key_user_id_name_key) when the name is taken. */
async function insert(tx: Tx, made: NewKey): Promise<ApiKey> {
  return toApiKey(await tx.insertInto('api_key').values(made).returning(columns).executeTakeFirstOrThrow())
}

async function remove(tx: Tx, user_id: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('api_key')
    .where('user_id', '=', user_id)
    .where('id', '=', id)
    .executeTakeFirst()
  return numDeletedRows === 1n
}

export const apiKey = { list, find, insert, remove }
