/** What of the first network is there already. */
import { sql } from 'kysely'
import type { Tx } from './database.ts'

/** One at a time, until the transaction ends. */
async function lock(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('croft.default-network'))`.execute(tx)
}

/** The project of the first start. */
async function owner(tx: Tx): Promise<{ project_id: string; domain_id: string } | null> {
  const row = await tx
    .selectFrom('project')
    .innerJoin('domain', 'domain.id', 'project.domain_id')
    .select(['project.id as project_id', 'domain.id as domain_id'])
    .where('domain.name', '=', 'default')
    .where('project.name', '=', 'default')
    .executeTakeFirst()
  return row ?? null
}

export interface DefaultParts {
  external_id: string | null
  external_subnet_id: string | null
  network_id: string | null
  subnet_id: string | null
  router_id: string | null
  /** Whether the router joins the subnet. */
  joined: boolean
}

async function parts(tx: Tx, project_id: string): Promise<DefaultParts> {
  const { rows } = await sql<DefaultParts>`
    with external as (select id from network where project_id = ${project_id} and name = 'external' and kind = 'external' order by id limit 1),
      overlay as (select id from network where project_id = ${project_id} and name = 'default' and kind = 'overlay' order by id limit 1),
      inner_subnet as (select s.id from subnet s join overlay on overlay.id = s.network_id order by s.id limit 1),
      way as (select id from router where project_id = ${project_id} and name = 'default' order by id limit 1)
    select (select id from external) as external_id,
      (select s.id from subnet s join external on external.id = s.network_id order by s.id limit 1) as external_subnet_id,
      (select id from overlay) as network_id, (select id from inner_subnet) as subnet_id, (select id from way) as router_id,
      exists (select from router_interface ri join inner_subnet on inner_subnet.id = ri.subnet_id) as joined`.execute(
    tx,
  )
  const [row] = rows
  if (!row) throw new Error('a query without a condition gave no row')
  return row
}

export const defaultNetwork = { lock, owner, parts }
