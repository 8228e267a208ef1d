/** Aggregates of hosts in the database. */
import { sql } from 'kysely'
import type { Aggregate } from '../../api/aggregate.ts'
import { type Db, json, type Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

function selectAll(db: Db) {
  return db
    .selectFrom('aggregate as a')
    .selectAll('a')
    .select([
      sql<number>`(select count(*)::int from aggregate_host h where h.aggregate_id = a.id)`.as('hosts'),
      sql<
        string[]
      >`array(select p.project_id::text from aggregate_project p where p.aggregate_id = a.id order by 1)`.as(
        'project_ids',
      ),
    ])
}

type Row = Awaited<ReturnType<ReturnType<typeof selectAll>['execute']>>[number]

function toAggregate(row: Row): Aggregate {
  return { ...row, metadata: row.metadata as Aggregate['metadata'], created_at: row.created_at.toISOString() }
}

async function list(db: Db, asked: PageAsked & { name?: string | undefined }): Promise<Page<Aggregate>> {
  const keys = keyset(asked, sql`a.id`, { name: { column: sql`a.name` } })
  let query = selectAll(db).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('a.name', '=', asked.name)
  return readPage(query, keys, toAggregate)
}

async function find(db: Db, id: string): Promise<Aggregate | null> {
  const row = await selectAll(db).where('a.id', '=', id).executeTakeFirst()
  return row ? toAggregate(row) : null
}

async function lock(tx: Tx, id: string): Promise<Pick<Aggregate, 'version' | 'metadata'> | null> {
  const query = tx.selectFrom('aggregate').select(['version', 'metadata']).where('id', '=', id)
  const row = await query.forUpdate().executeTakeFirst()
  return row ? { ...row, metadata: row.metadata as Aggregate['metadata'] } : null
}

export interface AggregateChange {
  name?: string | undefined
  description?: string | undefined
  metadata?: Record<string, string> | undefined
  project_ids?: readonly string[] | undefined
}

/** Throws the database's own error: aggregate_name_key, aggregate_project_project_id_fkey. */
async function insert(tx: Tx, { project_ids, metadata, ...made }: AggregateChange & { id: string; name: string }) {
  await tx
    .insertInto('aggregate')
    .values({
      id: made.id,
      name: made.name,
      description: made.description ?? '',
      metadata: json(metadata ?? {}),
      restricted: (project_ids ?? []).length > 0,
    })
    .execute()
  await setProjects(tx, made.id, project_ids ?? [])
}

/** Throws as insert does. The version grows. */
async function update(tx: Tx, id: string, { project_ids, metadata, name, description }: AggregateChange) {
  await tx
    .updateTable('aggregate')
    .set({
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
      ...(metadata !== undefined && { metadata: json(metadata) }),
      ...(project_ids !== undefined && { restricted: project_ids.length > 0 }),
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
  if (project_ids === undefined) return
  await tx.deleteFrom('aggregate_project').where('aggregate_id', '=', id).execute()
  await setProjects(tx, id, project_ids)
}

async function setProjects(tx: Tx, id: string, project_ids: readonly string[]): Promise<void> {
  if (project_ids.length === 0) return
  const rows = project_ids.map(project_id => ({ aggregate_id: id, project_id }))
  await tx.insertInto('aggregate_project').values(rows).execute()
}

async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('aggregate').where('id', '=', id).execute()
}

/** Those of the hosts that there are. */
async function presentHosts(tx: Tx, host_ids: readonly string[]): Promise<string[]> {
  const rows = await tx
    .selectFrom('host')
    .select('id')
    .where('id', 'in', [...host_ids])
    .where('removed_at', 'is', null)
    .orderBy('id')
    .forKeyShare()
    .execute()
  return rows.map(row => row.id)
}

/** Gives those that were not in it before. */
async function addHosts(tx: Tx, id: string, host_ids: readonly string[]): Promise<string[]> {
  const rows = await tx
    .insertInto('aggregate_host')
    .values(host_ids.map(host_id => ({ aggregate_id: id, host_id })))
    .onConflict(conflict => conflict.doNothing())
    .returning('host_id')
    .execute()
  return rows.map(row => row.host_id)
}

/** Gives those that were in it. */
async function removeHosts(tx: Tx, id: string, host_ids: readonly string[]): Promise<string[]> {
  const rows = await tx
    .deleteFrom('aggregate_host')
    .where('aggregate_id', '=', id)
    .where('host_id', 'in', [...host_ids])
    .returning('host_id')
    .execute()
  return rows.map(row => row.host_id)
}

/** What the scheduler knows of these hosts has changed (migrations/0013). */
async function noteHosts(tx: Tx, host_ids: readonly string[]): Promise<void> {
  if (host_ids.length === 0) return
  await sql`update host set changes = changes + 1 where id = any(${[...host_ids].sort()}::uuid[])`.execute(tx)
}

/** The hosts in it, by id. */
async function hostIds(tx: Tx, id: string): Promise<string[]> {
  const rows = await tx.selectFrom('aggregate_host').select('host_id').where('aggregate_id', '=', id).execute()
  return rows.map(row => row.host_id)
}

export const aggregate = {
  list,
  find,
  lock,
  insert,
  update,
  remove,
  presentHosts,
  addHosts,
  removeHosts,
  noteHosts,
  hostIds,
}
