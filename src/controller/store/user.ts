/** Users in the database. Password hashes go in here and come out only for signing in (store/session.ts). */
import { type Selectable, sql } from 'kysely'
import type { User } from '../../api/user.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { UserTable } from './schema.ts'

type Row = Omit<Selectable<UserTable>, 'password_hash'> & { locked_until: Date | null }

const columns = ['id', 'domain_id', 'name', 'email', 'enabled', 'default_project_id', 'version', 'created_at'] as const

const lockedUntil = sql<Date | null>`(select a.locked_until from sign_in_attempt a
  where a.key = 'user:' || "user".id::text and a.locked_until > croft_now())`

function toUser(row: Row): User {
  return {
    ...row,
    locked_until: row.locked_until?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  }
}

/** `domains`: those that the caller may look into, or null for all. */
async function list(
  db: Db,
  domains: readonly string[] | null,
  asked: PageAsked & { name?: string | undefined; domain_id?: string | undefined },
): Promise<Page<User>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db
    .selectFrom('user')
    .select(columns)
    .select([keys.key.as('sort_key'), lockedUntil.as('locked_until')])
    .where(keys.where)
  if (domains) query = query.where(sql<boolean>`domain_id = any(${domains}::uuid[])`)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.domain_id !== undefined) query = query.where('domain_id', '=', asked.domain_id)
  return readPage(query, keys, toUser)
}

async function find(db: Db, id: string): Promise<User | null> {
  const row = await db
    .selectFrom('user')
    .select(columns)
    .select(lockedUntil.as('locked_until'))
    .where('id', '=', id)
    .executeTakeFirst()
  return row ? toUser(row) : null
}

export interface NewUser {
  id: string
  domain_id: string
  name: string
  email: string | null
  password_hash: string | null
  default_project_id: string | null
}

/** Throws the database's own error (user_domain_id_name_key) when the name is taken. */
async function insert(tx: Tx, made: NewUser): Promise<User> {
  const row = await tx.insertInto('user').values(made).returning(columns).executeTakeFirstOrThrow()
  return toUser({ ...row, locked_until: null })
}

export interface UserChange {
  name?: string | undefined
  email?: string | null | undefined
  enabled?: boolean | undefined
  default_project_id?: string | null | undefined
}

/** Its version, locked until the transaction ends; null when it is not there. */
async function lock(tx: Tx, id: string): Promise<number | null> {
  const row = await tx.selectFrom('user').select('version').where('id', '=', id).forUpdate().executeTakeFirst()
  return row?.version ?? null
}

async function update(tx: Tx, id: string, change: UserChange): Promise<User | null> {
  const { name, email, enabled, default_project_id } = change
  const row = await tx
    .updateTable('user')
    .set({
      version: sql<number>`version + 1`,
      name: name ?? sql<string>`name`,
      enabled: enabled ?? sql<boolean>`enabled`,
      email: email === undefined ? sql<string | null>`email` : email,
      default_project_id:
        default_project_id === undefined ? sql<string | null>`default_project_id` : default_project_id,
    })
    .where('id', '=', id)
    .returning(columns)
    .returning(lockedUntil.as('locked_until'))
    .executeTakeFirst()
  return row ? toUser(row) : null
}

async function setPassword(tx: Tx, id: string, password_hash: string): Promise<void> {
  await tx.updateTable('user').set({ password_hash }).where('id', '=', id).execute()
}

async function passwordHash(db: Db, id: string): Promise<string | null> {
  const row = await db.selectFrom('user').select('password_hash').where('id', '=', id).executeTakeFirst()
  return row?.password_hash ?? null
}

/** Grants, keys, tokens and key pairs go with the user. */
async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('user').where('id', '=', id).execute()
}

/**
 * How many users could still run the cloud: enabled, with a password and the role admin on the system. The role's row
 * is locked, so that no two changes can each leave the other's administrator as the last one.
 */
async function administratorsLeft(tx: Tx): Promise<number> {
  await tx.selectFrom('role').select('id').where('name', '=', 'admin').forUpdate().execute()
  const { rows } = await sql<{ count: number }>`select count(distinct u.id) as count from "user" u
    join domain d on d.id = u.domain_id and d.enabled
    join role_grant g on g.user_id = u.id and g.scope = 'system' join role r on r.id = g.role_id and r.name = 'admin'
    where u.enabled and u.password_hash is not null`.execute(tx)
  return rows[0]?.count ?? 0
}

export const user = { list, find, insert, lock, update, setPassword, passwordHash, remove, administratorsLeft }
