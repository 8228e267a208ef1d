/** Networks in the database. */
import { type Selectable, sql } from 'kysely'
import type { Network } from '../../api/network.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { NetworkTable } from './schema.ts'

export type NetworkRow = Selectable<NetworkTable>

function select(db: Db) {
  return db
    .selectFrom('network')
    .selectAll()
    .select(
      sql<string[]>`array(select s.id::text from subnet s where s.network_id = network.id order by s.id)`.as('subnets'),
    )
}

function toNetwork(row: NetworkRow & { subnets: string[] }): Network {
  return { ...row, created_at: row.created_at.toISOString() }
}

/** Those of the project and shared ones; of every project when `project_id` is null. */
async function list(
  db: Db,
  project_id: string | null,
  asked: PageAsked & { name?: string | undefined; kind?: 'overlay' | 'external' | undefined },
): Promise<Page<Network>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = select(db).select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) query = query.where(sql<boolean>`(project_id = ${project_id} or shared)`)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.kind !== undefined) query = query.where('kind', '=', asked.kind)
  return readPage(query, keys, toNetwork)
}

async function find(db: Db, id: string): Promise<Network | null> {
  const row = await select(db).where('id', '=', id).executeTakeFirst()
  return row ? toNetwork(row) : null
}

/** Locked until the transaction ends, so that no port joins it meanwhile. */
async function lock(tx: Tx, id: string): Promise<NetworkRow | null> {
  return (await tx.selectFrom('network').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()) ?? null
}

/** Throws the database's own error (constraint network_physical_network_coalesce_idx) when another has that VLAN. */
async function insert(tx: Tx, made: Omit<Network, 'created_at' | 'version' | 'subnets'>): Promise<void> {
  await tx.insertInto('network').values(made).execute()
}

async function update(tx: Tx, id: string, set: Partial<Pick<NetworkRow, 'name' | 'shared' | 'mtu'>>): Promise<void> {
  await tx
    .updateTable('network')
    .set({ ...set, version: sql`version + 1` })
    .where('id', '=', id)
    .execute()
}

/** With its subnets and its metadata port: nothing else may be on it any more. */
async function remove(tx: Tx, id: string): Promise<string[]> {
  await tx.deleteFrom('port').where('network_id', '=', id).where('kind', '=', 'metadata').execute()
  const subnets = await tx.deleteFrom('subnet').where('network_id', '=', id).returning('id').execute()
  await tx.deleteFrom('network').where('id', '=', id).execute()
  return subnets.map(row => row.id)
}

/** How many ports of each kind are on the network; `not_of` leaves those of one project out. */
async function portKinds(db: Db, id: string, not_of: string | null = null): Promise<Map<string, number>> {
  const { rows } = await sql<{ kind: string; count: number }>`
    select kind, count(*) as count from port where network_id = ${id} and project_id is distinct from ${not_of}::uuid
    group by kind`.execute(db)
  return new Map(rows.map(row => [row.kind, row.count]))
}

/** Whether other projects' routers or floating addresses use an external network. */
async function usedByOthers(db: Db, id: string, project_id: string): Promise<boolean> {
  const kinds = await portKinds(db, id, project_id)
  return kinds.size > 0
}

/** Those of the networks that the project may put ports on: its own, and shared ones. */
async function usable(db: Db, project_id: string, ids: readonly string[]): Promise<NetworkRow[]> {
  return await db
    .selectFrom('network')
    .selectAll()
    .where(sql<boolean>`id = any(${ids}::uuid[]) and (project_id = ${project_id} or shared)`)
    .execute()
}

/** The same, with the project's default security group on each row, null while there is none: one query for a new port. */
async function usableWithGroup(
  db: Db,
  project_id: string,
  ids: readonly string[],
): Promise<(NetworkRow & { default_group_id: string | null })[]> {
  return await db
    .selectFrom('network')
    .selectAll()
    .select(
      sql<string | null>`(select g.id from security_group g where g.project_id = ${project_id} and g.is_default)`.as(
        'default_group_id',
      ),
    )
    .where(sql<boolean>`id = any(${ids}::uuid[]) and (project_id = ${project_id} or shared)`)
    .execute()
}

/** External networks that the project may use, at most two: enough to see whether there is just one. */
async function external(db: Db, project_id: string): Promise<NetworkRow[]> {
  return await db
    .selectFrom('network')
    .selectAll()
    .where('kind', '=', 'external')
    .where(sql<boolean>`(project_id = ${project_id} or shared)`)
    .orderBy('id')
    .limit(2)
    .execute()
}

export const network = {
  list,
  find,
  lock,
  insert,
  update,
  remove,
  portKinds,
  usedByOthers,
  usable,
  usableWithGroup,
  external,
}
