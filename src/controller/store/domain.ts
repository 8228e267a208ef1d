/** Domains in the database: a tree in which a domain keeps its place for good, so that no cycle can come about. */
import { type Selectable, sql } from 'kysely'
import type { Domain } from '../../api/domain.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import { quota } from './quota.ts'
import type { DomainTable } from './schema.ts'

export interface NewDomain {
  id: string
  name: string
  parent_id: string | null
  description: string
}

function toDomain(row: Selectable<DomainTable>): Domain {
  return { ...row, created_at: row.created_at.toISOString() }
}

/** `visible`: ids that the caller may see, or null for all. */
async function list(
  db: Db,
  visible: readonly string[] | null,
  asked: PageAsked & { name?: string | undefined; parent_id?: string | undefined },
): Promise<Page<Domain>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('domain').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (visible) query = query.where('id', 'in', visible)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.parent_id !== undefined) query = query.where('parent_id', '=', asked.parent_id)
  return readPage(query, keys, toDomain)
}

async function find(db: Db, id: string): Promise<Domain | null> {
  const row = await db.selectFrom('domain').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toDomain(row) : null
}

/** With its quota rows. Throws the database's own error (domain_name_key) when the name is taken. */
async function insert(tx: Tx, made: NewDomain): Promise<Domain> {
  const row = await tx.insertInto('domain').values(made).returningAll().executeTakeFirstOrThrow()
  await quota.create(tx, 'domain', made.id)
  return toDomain(row)
}

export interface DomainChange {
  name?: string | undefined
  description?: string | undefined
  enabled?: boolean | undefined
}

/** Its version, locked until the transaction ends; null when it is not there. */
async function lock(tx: Tx, id: string): Promise<number | null> {
  const row = await tx.selectFrom('domain').select('version').where('id', '=', id).forUpdate().executeTakeFirst()
  return row?.version ?? null
}

async function update(tx: Tx, id: string, { name, description, enabled }: DomainChange): Promise<Domain | null> {
  const row = await tx
    .updateTable('domain')
    .set({
      version: sql<number>`version + 1`,
      name: name ?? sql<string>`name`,
      description: description ?? sql<string>`description`,
      enabled: enabled ?? sql<boolean>`enabled`,
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row ? toDomain(row) : null
}

/** Locks the domain against new things in it, and counts what it holds. Null when there is no such domain. */
async function contents(tx: Tx, id: string): Promise<{ domains: number; projects: number; users: number } | null> {
  const there = await tx.selectFrom('domain').select('id').where('id', '=', id).forUpdate().executeTakeFirst()
  if (!there) return null
  const { rows } = await sql<{ domains: number; projects: number; users: number }>`select
    (select count(*) from domain where parent_id = ${id}::uuid) as domains,
    (select count(*) from project where domain_id = ${id}::uuid) as projects,
    (select count(*) from "user" where domain_id = ${id}::uuid) as users`.execute(tx)
  return rows[0] ?? null
}

async function remove(tx: Tx, id: string): Promise<void> {
  await quota.remove(tx, 'domain', id)
  await tx.deleteFrom('domain').where('id', '=', id).execute()
}

async function any(db: Db): Promise<boolean> {
  return (await db.selectFrom('domain').select('id').limit(1).executeTakeFirst()) !== undefined
}

export const domain = { list, find, insert, lock, update, contents, remove, any }
