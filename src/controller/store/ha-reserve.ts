/** What of clusters is kept free for hosts that may be lost, as far as the database knows it; the arithmetic is model/ha-reserve.ts. */
import { sql } from 'kysely'
import type { ReserveInstance } from '../../model/ha-reserve.ts'
import type { Db, Tx } from './database.ts'

/** Clusters that keep room, each with for how many hosts; with `hold` locked, so that nobody else promises of it meanwhile. */
async function tolerated(tx: Tx, hold: boolean): Promise<Map<string, number>> {
  let query = tx
    .selectFrom('cluster')
    .select(['id', 'ha_failures_tolerated'])
    .where('ha_failures_tolerated', '>', 0)
    .orderBy('id')
  if (hold) query = query.forNoKeyUpdate()
  return new Map((await query.execute()).map(row => [row.id, row.ha_failures_tolerated]))
}

export interface HaDemand {
  vcpus: number
  memory_mib: number
  count: number
}

/** Of highly available instances that are wanted running, by host. */
async function demand(db: Db): Promise<Map<string, HaDemand>> {
  const { rows } = await sql<HaDemand & { host_id: string }>`
    select host_id, sum(vcpus)::int as vcpus, sum(memory_mib)::bigint as memory_mib, count(*) as count from instance
    where availability = 'high' and wanted_power = 'running' and deleted_at is null group by host_id`.execute(db)
  return new Map(rows.map(({ host_id, ...sums }) => [host_id, sums]))
}

async function instancesOf(db: Db, host_ids: readonly string[]): Promise<(ReserveInstance & { name: string })[]> {
  const { rows } = await sql<ReserveInstance & { name: string }>`
    select id, name, host_id, vcpus, memory_mib from instance
    where host_id = any(${[...host_ids]}::uuid[]) and availability = 'high' and wanted_power = 'running'
      and deleted_at is null order by id`.execute(db)
  return rows
}

export const haReserve = { tolerated, demand, instancesOf }
