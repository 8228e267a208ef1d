/** Groups of instances that shall be together or apart, and where their members are. */
import { sql } from 'kysely'
import type { InstanceGroup } from '../../api/instance-group.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

function selectGroups(db: Db) {
  return db
    .selectFrom('instance_group as g')
    .selectAll('g')
    .select(eb =>
      eb
        .selectFrom('instance as i')
        .select(of => of.fn.countAll<number>().as('n'))
        .whereRef('i.group_id', '=', 'g.id')
        .where('i.deleted_at', 'is', null)
        .as('instances'),
    )
}

function toGroup(row: Awaited<ReturnType<ReturnType<typeof selectGroups>['execute']>>[number]): InstanceGroup {
  const { id, project_id, name, policy, description, version } = row
  const created_at = row.created_at.toISOString()
  return { id, project_id, name, policy, description, instances: row.instances ?? 0, version, created_at }
}

export interface InstanceGroupFilter extends PageAsked {
  /** Null: of all projects. */
  project_id: string | null
  name?: string | undefined
}

async function list(db: Db, asked: InstanceGroupFilter): Promise<Page<InstanceGroup>> {
  const keys = keyset(asked, sql`g.id`, { name: { column: sql`g.name` } })
  let query = selectGroups(db).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.project_id !== null) query = query.where('g.project_id', '=', asked.project_id)
  if (asked.name !== undefined) query = query.where('g.name', '=', asked.name)
  return readPage(query, keys, toGroup)
}

async function find(db: Db, id: string): Promise<InstanceGroup | null> {
  const row = await selectGroups(db).where('g.id', '=', id).executeTakeFirst()
  return row ? toGroup(row) : null
}

/** Nobody else places one of it, changes it or deletes it until the transaction ends. False: it is not there. */
async function lock(tx: Tx, id: string): Promise<boolean> {
  const row = await tx.selectFrom('instance_group').select('id').where('id', '=', id).forUpdate().executeTakeFirst()
  return row !== undefined
}

type NewGroup = Pick<InstanceGroup, 'id' | 'project_id' | 'name' | 'policy' | 'description'>

async function insert(tx: Tx, made: NewGroup): Promise<void> {
  await tx.insertInto('instance_group').values(made).execute()
}

async function update(
  tx: Tx,
  id: string,
  set: { name?: string | undefined; description?: string | undefined },
): Promise<void> {
  await tx
    .updateTable('instance_group')
    .set({
      ...(set.name !== undefined && { name: set.name }),
      ...(set.description !== undefined && { description: set.description }),
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

/** Takes out a group that no instance is in, but for deleted ones, which are in none from then on. */
async function remove(tx: Tx, id: string): Promise<void> {
  await tx
    .updateTable('instance')
    .set({ group_id: null })
    .where('group_id', '=', id)
    .where('deleted_at', 'is not', null)
    .execute()
  await tx.deleteFrom('instance_group').where('id', '=', id).execute()
}

/** How many of the group are on which hosts, or on their way there; `without`: an instance that does not count. One that was deleted has given up its place. */
async function hosts(db: Db, id: string, without: string | null): Promise<Map<string, number>> {
  const { rows } = await sql<{ host_id: string; n: number }>`
    with member as (
      select id, host_id from instance where group_id = ${id} and deleted_at is null and id is distinct from ${without}::uuid
    )
    select host_id, count(*) as n from (
      select host_id from member
      union all select m.target_host_id from migration m join member on member.id = m.instance_id
      where m.phase in ('preparing', 'sending')
    ) as place group by host_id`.execute(db)
  return new Map(rows.map(row => [row.host_id, row.n]))
}

export interface Whereabouts {
  name: string
  host_id: string
  /** Where it is going, of one that is being moved: until that has ended it may be on either. */
  target_host_id: string | null
}

/** Where those of the instances are that the project has and that are not deleted. `project_id`: null for any. */
async function whereAre(db: Db, project_id: string | null, ids: readonly string[]): Promise<Map<string, Whereabouts>> {
  const { rows } = await sql<Whereabouts & { id: string }>`
    select i.id, i.name, i.host_id, m.target_host_id from instance i
    left join migration m on m.instance_id = i.id and m.phase in ('preparing', 'sending')
    where i.id = any(${[...ids]}::uuid[]) and i.deleted_at is null
      and (${project_id}::uuid is null or i.project_id = ${project_id}::uuid)`.execute(db)
  return new Map(rows.map(row => [row.id, row]))
}

export const instanceGroup = { list, find, lock, insert, update, remove, hosts, whereAre }
