/** Projects in the database. */
import { type Selectable, sql } from 'kysely'
import type { Project } from '../../api/project.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import { quota } from './quota.ts'
import type { ProjectTable } from './schema.ts'

export interface NewProject {
  id: string
  domain_id: string
  name: string
  description: string
}

function toProject(row: Selectable<ProjectTable>): Project {
  return { ...row, created_at: row.created_at.toISOString() }
}

/** `domains`: those whose projects the caller may all see, or null for every one; beside them those with an own grant. */
async function list(
  db: Db,
  visible: { user_id: string; domains: readonly string[] | null },
  asked: PageAsked & { name?: string | undefined; domain_id?: string | undefined },
): Promise<Page<Project>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('project').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (visible.domains) query = query.where(inSight(visible.user_id, visible.domains))
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.domain_id !== undefined) query = query.where('domain_id', '=', asked.domain_id)
  return readPage(query, keys, toProject)
}

function inSight(user_id: string, domains: readonly string[]) {
  return sql<boolean>`(project.domain_id = any(${domains}::uuid[])
    or project.id in (select g.project_id from role_grant g where g.user_id = ${user_id}::uuid and g.scope = 'project')
    or project.id in (select i.project_id from role_grant g join instance i on i.id = g.instance_id
      where g.user_id = ${user_id}::uuid))`
}

async function find(db: Db, id: string): Promise<Project | null> {
  const row = await db.selectFrom('project').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toProject(row) : null
}

/** Those of them that the user holds a role on, or on an instance of. */
async function withGrant(db: Db, user_id: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{ id: string }>`select id from project
    where id = any(${[...ids]}::uuid[]) and ${inSight(user_id, [])}`.execute(db)
  return rows.map(row => row.id)
}

/** Whether the user holds a role on this very project, or on an instance of it. */
async function hasGrant(db: Db, id: string, user_id: string): Promise<boolean> {
  return (await withGrant(db, user_id, [id])).length > 0
}

/** With its quota rows. Throws the database's own error (project_domain_id_name_key) when the name is taken. */
async function insert(tx: Tx, made: NewProject): Promise<Project> {
  const row = await tx.insertInto('project').values(made).returningAll().executeTakeFirstOrThrow()
  await quota.create(tx, 'project', made.id)
  return toProject(row)
}

export interface ProjectChange {
  name?: string | undefined
  description?: string | undefined
  enabled?: boolean | undefined
}

/** Its version, locked until the transaction ends; null when it is not there. */
async function lock(tx: Tx, id: string): Promise<number | null> {
  const row = await tx.selectFrom('project').select('version').where('id', '=', id).forUpdate().executeTakeFirst()
  return row?.version ?? null
}

async function update(tx: Tx, id: string, { name, description, enabled }: ProjectChange): Promise<Project | null> {
  const row = await tx
    .updateTable('project')
    .set({
      version: sql<number>`version + 1`,
      name: name ?? sql<string>`name`,
      description: description ?? sql<string>`description`,
      enabled: enabled ?? sql<boolean>`enabled`,
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row ? toProject(row) : null
}

export interface Holding {
  noun: string
  count: number
}

/**
 * Locks the project against new things in it, and counts what it holds that somebody made: what comes with a project
 * (its default security group) or with such a thing (ports, root disks) is not named.
 */
async function contents(tx: Tx, id: string): Promise<Holding[] | null> {
  const there = await tx.selectFrom('project').select('id').where('id', '=', id).forUpdate().executeTakeFirst()
  if (!there) return null
  const { rows } = await sql<Holding>`
    select noun, count from (
      select 1 as place, 'instance' as noun, count(*) as count from instance
        where project_id = ${id}::uuid and deleted_at is null
      union all select 2, 'deleted instance that can still be recovered', count(*) from instance
        where project_id = ${id}::uuid and deleted_at is not null
      union all select 3, 'volume', count(*) from volume where project_id = ${id}::uuid and instance_id is null
      union all select 4, 'image', count(*) from image where project_id = ${id}::uuid
      union all select 5, 'floating IP', count(*) from floating_ip where project_id = ${id}::uuid
      union all select 6, 'router', count(*) from router where project_id = ${id}::uuid
      union all select 7, 'network', count(*) from network where project_id = ${id}::uuid
      union all select 8, 'subnet', count(*) from subnet where project_id = ${id}::uuid
        and network_id in (select n.id from network n where n.project_id <> ${id}::uuid)
      union all select 9, 'port', count(*) from port where project_id = ${id}::uuid and kind in ('free', 'instance')
        and instance_id is null
      union all select 10, 'security group', count(*) from security_group
        where project_id = ${id}::uuid and not is_default
    ) held where count > 0 order by place`.execute(tx)
  return rows
}

/** What an empty project leaves goes with it: its default security group, grants, tokens, keys, operations, quota. */
async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('security_group').where('project_id', '=', id).execute()
  await quota.remove(tx, 'project', id)
  await tx.deleteFrom('project').where('id', '=', id).execute()
}

export const project = { list, find, hasGrant, withGrant, insert, lock, update, contents, remove }
