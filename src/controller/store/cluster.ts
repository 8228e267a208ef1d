/** Clusters in the database. */
import { type Selectable, sql } from 'kysely'
import type { Cluster } from '../../api/cluster.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked } from './page.ts'
import type { ClusterTable } from './schema.ts'

function toCluster({ cpu_baseline_version: _, ...row }: Selectable<ClusterTable>): Cluster {
  return {
    ...row,
    cpu_baseline: row.cpu_baseline as Cluster['cpu_baseline'],
    cpu_baseline_at: row.cpu_baseline_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  }
}

async function list(
  db: Db,
  asked: PageAsked & { name?: string | undefined; zone_id?: string | undefined },
): Promise<Page<Cluster>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('cluster').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.zone_id !== undefined) query = query.where('zone_id', '=', asked.zone_id)
  const rows = await query
    .orderBy(keys.order_by)
    .limit(keys.limit + 1)
    .execute()
  const { items, next } = keys.toPage(rows)
  return { items: items.map(toCluster), next }
}

async function find(db: Db, id: string): Promise<Cluster | null> {
  const row = await db.selectFrom('cluster').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toCluster(row) : null
}

export interface NewCluster {
  id: string
  zone_id: string
  name: string
  cpu_overcommit?: number
  memory_overcommit?: number
  ha_failures_tolerated?: number
}

/** Throws the database's own error: cluster_name_key, cluster_zone_id_fkey. */
async function insert(tx: Tx, made: NewCluster): Promise<Cluster> {
  return toCluster(await tx.insertInto('cluster').values(made).returningAll().executeTakeFirstOrThrow())
}

export interface ClusterChange {
  name?: string | undefined
  cpu_overcommit?: number | undefined
  memory_overcommit?: number | undefined
  ha_failures_tolerated?: number | undefined
}

async function update(tx: Tx, id: string, change: ClusterChange): Promise<Cluster | null> {
  const { name, cpu_overcommit, memory_overcommit, ha_failures_tolerated } = change
  const row = await tx
    .updateTable('cluster')
    .set({
      name: name ?? sql<string>`name`,
      cpu_overcommit: cpu_overcommit ?? sql<number>`cpu_overcommit`,
      memory_overcommit: memory_overcommit ?? sql<number>`memory_overcommit`,
      ha_failures_tolerated: ha_failures_tolerated ?? sql<number>`ha_failures_tolerated`,
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row ? toCluster(row) : null
}

/** With the records of hosts that were removed from it. Throws the database's own error when something refers to it still. */
async function remove(tx: Tx, id: string): Promise<boolean> {
  await tx.deleteFrom('host').where('cluster_id', '=', id).where('removed_at', 'is not', null).execute()
  const { numDeletedRows } = await tx.deleteFrom('cluster').where('id', '=', id).executeTakeFirst()
  return numDeletedRows === 1n
}

export const cluster = { list, find, insert, update, remove }
