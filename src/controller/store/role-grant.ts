/** Who holds which role where. */
import { sql } from 'kysely'
import type { RoleGrant } from '../../api/role-grant.ts'
import type { Permission } from '../../model/permissions.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

export interface NewGrant {
  id: string
  user_id: string
  role_id: string
  scope: 'system' | 'domain' | 'project' | 'instance'
  domain_id: string | null
  project_id: string | null
  instance_id: string | null
}

function grants(db: Db) {
  return db
    .selectFrom('role_grant as g')
    .innerJoin('user as u', 'u.id', 'g.user_id')
    .innerJoin('role as r', 'r.id', 'g.role_id')
    .leftJoin('instance as i', 'i.id', 'g.instance_id')
    .leftJoin('project as p', join => join.on(sql<boolean>`p.id = coalesce(g.project_id, i.project_id)`))
    .select([
      'g.id',
      'g.user_id',
      'g.role_id',
      'g.scope',
      'g.domain_id',
      'g.project_id',
      'g.instance_id',
      'g.created_at',
    ])
    .select(['u.name as user_name', 'r.name as role_name', 'i.name as instance_name'])
}

function toGrant(row: Omit<RoleGrant, 'created_at'> & { created_at: Date }): RoleGrant {
  return { ...row, created_at: row.created_at.toISOString() }
}

interface Filter {
  user_id?: string | undefined
  domain_id?: string | undefined
  project_id?: string | undefined
  instance_id?: string | undefined
}

/** `domains`: those that the caller may look into, or null for all; beside them the caller's own grants. */
async function list(
  db: Db,
  visible: { user_id: string; domains: readonly string[] | null },
  asked: PageAsked & Filter,
): Promise<Page<RoleGrant>> {
  const keys = keyset(asked, sql`g.id`)
  let query = grants(db).select(keys.key.as('sort_key')).where(keys.where)
  if (visible.domains) {
    const domains = sql`any(${visible.domains}::uuid[])`
    query = query.where(
      sql<boolean>`(g.user_id = ${visible.user_id}::uuid or u.domain_id = ${domains} or g.domain_id = ${domains} or p.domain_id = ${domains})`,
    )
  }
  if (asked.user_id !== undefined) query = query.where('g.user_id', '=', asked.user_id)
  if (asked.domain_id !== undefined) query = query.where('g.domain_id', '=', asked.domain_id)
  if (asked.project_id !== undefined) query = query.where('g.project_id', '=', asked.project_id)
  if (asked.instance_id !== undefined) query = query.where('g.instance_id', '=', asked.instance_id)
  return readPage(query, keys, toGrant)
}

async function find(db: Db, id: string): Promise<RoleGrant | null> {
  const row = await grants(db).where('g.id', '=', id).executeTakeFirst()
  return row ? toGrant(row) : null
}

/** Throws the database's own error (role_grant_twice) when the user holds it there already. */
async function insert(tx: Tx, made: NewGrant): Promise<void> {
  await tx.insertInto('role_grant').values(made).execute()
}

async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('role_grant').where('id', '=', id).execute()
}

export interface Held {
  scope: NewGrant['scope']
  /** Of the grant, or of the project that it is on, or that its instance is in. */
  domain_id: string | null
  project_id: string | null
  instance_id: string | null
  permissions: Permission[]
}

/** All that a user may, and where. */
async function heldBy(db: Db, user_id: string): Promise<Held[]> {
  const rows = await db
    .selectFrom('role_grant as g')
    .innerJoin('role as r', 'r.id', 'g.role_id')
    .leftJoin('instance as i', 'i.id', 'g.instance_id')
    .leftJoin('project as p', join => join.on(sql<boolean>`p.id = coalesce(g.project_id, i.project_id)`))
    .select(['g.scope', 'g.instance_id', 'r.permissions'])
    .select(sql<string | null>`coalesce(g.project_id, i.project_id)`.as('project_id'))
    .select(sql<string | null>`coalesce(g.domain_id, p.domain_id)`.as('domain_id'))
    .where('g.user_id', '=', user_id)
    .execute()
  return rows.map(row => ({ ...row, permissions: row.permissions as Permission[] }))
}

export const roleGrant = { list, find, insert, remove, heldBy }
