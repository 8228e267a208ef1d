/** Clusters in the database, with what their hosts have together. */
import { sql } from 'kysely'
import type { Cluster, ClusterCapacity } from '../../api/cluster.ts'
import { tooManyTolerated } from '../../model/ha-reserve.ts'
import type { Db, Tx } from './database.ts'
import { promised } from './host-claim.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

/** Of all hosts that it has, also those that are away; a pool that several of them share counts once. */
const capacity = sql<ClusterCapacity>`(
  select json_build_object(
    'hosts', count(*), 'hosts_up', count(*) filter (where s.up),
    'vcpus_limit', coalesce(sum(s.vcpus_limit), 0), 'vcpus_claimed', coalesce(sum(s.vcpus), 0),
    'memory_limit_mib', coalesce(sum(s.memory_limit_mib), 0), 'memory_claimed_mib', coalesce(sum(s.memory_mib), 0),
    'disk_limit_gib', coalesce(sum(s.disk_limit_gib) filter (where s.of_pool = 1), 0),
    'disk_claimed_gib', coalesce(sum(s.disk_gib) filter (where s.of_pool = 1), 0))
  from (
    select h.session_controller_id is not null as up, h.vcpus_limit, h.memory_limit_mib, ${promised.vcpus} as vcpus,
      ${promised.memory_mib} as memory_mib, coalesce(p.total_gib, h.disk_limit_gib) as disk_limit_gib,
      coalesce(p.claimed_gib, k.disk_gib) as disk_gib,
      row_number() over (partition by coalesce(p.id::text, h.id::text)) as of_pool
    from host h join host_claim k on k.host_id = h.id left join pool p on p.id = h.pool_id
    where h.cluster_id = c.id and h.removed_at is null
  ) s)`.as('capacity')

function selectClusters(db: Db) {
  return db
    .selectFrom('cluster as c')
    .innerJoin('zone as z', 'z.id', 'c.zone_id')
    .selectAll('c')
    .select(['z.name as zone', capacity])
}

type ClusterRow = Awaited<ReturnType<ReturnType<typeof selectClusters>['execute']>>[number]

function toCluster({ cpu_baseline_version: _, capacity, ...row }: ClusterRow): Cluster {
  return {
    ...row,
    ...capacity,
    warning: tooManyTolerated(capacity.hosts, row.ha_failures_tolerated),
    cpu_baseline: row.cpu_baseline as Cluster['cpu_baseline'],
    cpu_baseline_at: row.cpu_baseline_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  }
}

async function list(
  db: Db,
  asked: PageAsked & { name?: string | undefined; zone_id?: string | undefined },
): Promise<Page<Cluster>> {
  const keys = keyset(asked, sql`c.id`, { name: { column: sql`c.name` } })
  let query = selectClusters(db).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('c.name', '=', asked.name)
  if (asked.zone_id !== undefined) query = query.where('c.zone_id', '=', asked.zone_id)
  return readPage(query, keys, toCluster)
}

async function find(db: Db, id: string): Promise<Cluster | null> {
  const row = await selectClusters(db).where('c.id', '=', id).executeTakeFirst()
  return row ? toCluster(row) : null
}

/** As it is until the transaction ends, but for what that changes. */
async function lock(tx: Tx, id: string): Promise<Cluster | null> {
  await tx.selectFrom('cluster').select('id').where('id', '=', id).forNoKeyUpdate().execute()
  return find(tx, id)
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
  await tx.insertInto('cluster').values(made).execute()
  return toCluster(await selectClusters(tx).where('c.id', '=', made.id).executeTakeFirstOrThrow())
}

export interface ClusterChange {
  name?: string | undefined
  cpu_overcommit?: number | undefined
  memory_overcommit?: number | undefined
  ha_failures_tolerated?: number | undefined
}

async function update(tx: Tx, id: string, change: ClusterChange): Promise<Cluster | null> {
  const { name, cpu_overcommit, memory_overcommit, ha_failures_tolerated } = change
  await tx
    .updateTable('cluster')
    .set({
      name: name ?? sql<string>`name`,
      cpu_overcommit: cpu_overcommit ?? sql<number>`cpu_overcommit`,
      memory_overcommit: memory_overcommit ?? sql<number>`memory_overcommit`,
      ha_failures_tolerated: ha_failures_tolerated ?? sql<number>`ha_failures_tolerated`,
    })
    .where('id', '=', id)
    .execute()
  return find(tx, id)
}

/** Hosts that were removed from it stay, in no cluster: history names them. Throws the database's own error when something refers to it still. */
async function remove(tx: Tx, id: string): Promise<boolean> {
  await tx
    .updateTable('host')
    .set({ cluster_id: null })
    .where('cluster_id', '=', id)
    .where('removed_at', 'is not', null)
    .execute()
  const { numDeletedRows } = await tx.deleteFrom('cluster').where('id', '=', id).executeTakeFirst()
  return numDeletedRows === 1n
}

export const cluster = { list, find, lock, insert, update, remove }
