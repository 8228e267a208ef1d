/** What of clusters is kept free for hosts that may be lost, as far as the database knows it; the arithmetic is model/ha-reserve.ts. */
import { sql } from 'kysely'
import type { ReserveInstance } from '../../model/ha-reserve.ts'
import { BeginAgain } from './begin-again.ts'
import type { Db, Tx } from './database.ts'

/** Clusters that keep room, each with for how many hosts. */
async function tolerated(db: Db): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('cluster')
    .select(['id', 'ha_failures_tolerated'])
    .where('ha_failures_tolerated', '>', 0)
    .execute()
  return new Map(rows.map(row => [row.id, row.ha_failures_tolerated]))
}

/**
 * The same of these, locked in the order of ids, so that nobody else promises of what they keep until the transaction ends. `wait`: for who holds one
 * now; else, as others may wait for what the transaction holds already, it throws BeginAgain where one is not to be had at once.
 */
async function hold(tx: Tx, ids: readonly string[], { wait }: { wait: boolean }): Promise<Map<string, number>> {
  const query = tx
    .selectFrom('cluster')
    .select(['id', 'ha_failures_tolerated'])
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('ha_failures_tolerated', '>', 0)
    .orderBy('id')
    .forNoKeyUpdate()
  const rows = await (wait ? query : query.skipLocked()).execute()
  if (!wait && rows.length < ids.length) throw new BeginAgain('the reserve of a cluster is held')
  return new Map(rows.map(row => [row.id, row.ha_failures_tolerated]))
}

export interface HaDemand {
  vcpus: number
  memory_mib: number
  count: number
}

export type DemandByHost = ReadonlyMap<string, HaDemand>

/** Of highly available instances that are wanted running, by host; for each of these clusters. */
async function demand(db: Db, cluster_ids: readonly string[]): Promise<Map<string, DemandByHost>> {
  const { rows } = await sql<HaDemand & { cluster_id: string; host_id: string }>`
    select h.cluster_id, i.host_id, sum(i.vcpus)::int as vcpus, sum(i.memory_mib)::bigint as memory_mib, count(*) as count
    from host h join instance i on i.host_id = h.id
    where h.cluster_id = any(${[...cluster_ids]}::uuid[]) and h.removed_at is null and i.availability = 'high'
      and i.wanted_power = 'running' and i.deleted_at is null group by h.cluster_id, i.host_id`.execute(db)
  const by_cluster = Map.groupBy(rows, row => row.cluster_id)
  return new Map(cluster_ids.map(id => [id, new Map(by_cluster.get(id)?.map(row => [row.host_id, row]))]))
}

async function instancesOf(db: Db, host_ids: readonly string[]): Promise<(ReserveInstance & { name: string })[]> {
  const { rows } = await sql<ReserveInstance & { name: string }>`
    select id, name, host_id, vcpus, memory_mib from instance
    where host_id = any(${[...host_ids]}::uuid[]) and availability = 'high' and wanted_power = 'running'
      and deleted_at is null order by id`.execute(db)
  return rows
}

export const haReserve = { tolerated, hold, demand, instancesOf }
