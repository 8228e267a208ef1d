/** What of clusters is kept free for hosts that may be lost, as far as the database knows it; the arithmetic is model/ha-reserve.ts. */
import { sql } from 'kysely'
import type { ReserveInstance } from '../../model/ha-reserve.ts'
import type { AssignedHardware, Hardware } from '../../model/hardware.ts'
import { nothing, plus, type ReserveSize, sizeElsewhere } from '../../model/reserve-size.ts'
import { BeginAgain } from './begin-again.ts'
import type { Db, Tx } from './database.ts'

export interface Tolerance {
  /** How many hosts may be lost. */
  failures: number
  cpu_overcommit: number
}

const toleranceOf = (row: { id: string; ha_failures_tolerated: number; cpu_overcommit: number }) =>
  [row.id, { failures: row.ha_failures_tolerated, cpu_overcommit: row.cpu_overcommit }] as const

/** Clusters that keep room. */
async function tolerated(db: Db): Promise<Map<string, Tolerance>> {
  const rows = await db
    .selectFrom('cluster')
    .select(['id', 'ha_failures_tolerated', 'cpu_overcommit'])
    .where('ha_failures_tolerated', '>', 0)
    .execute()
  return new Map(rows.map(toleranceOf))
}

/**
 * The same of these, locked in the order of ids, so that nobody else promises of what they keep until the transaction ends. `wait`: for who holds one
 * now; else, as others may wait for what the transaction holds already, it throws BeginAgain where one is not to be had at once.
 */
async function hold(tx: Tx, ids: readonly string[], { wait }: { wait: boolean }): Promise<Map<string, Tolerance>> {
  const query = tx
    .selectFrom('cluster')
    .select(['id', 'ha_failures_tolerated', 'cpu_overcommit'])
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('ha_failures_tolerated', '>', 0)
    .orderBy('id')
    .forNoKeyUpdate()
  const rows = await (wait ? query : query.skipLocked()).execute()
  if (!wait && rows.length < ids.length) throw new BeginAgain('the reserve of a cluster is held')
  return new Map(rows.map(toleranceOf))
}

export interface HaDemand extends ReserveSize {
  count: number
}

export type DemandByHost = ReadonlyMap<string, HaDemand>

interface Sized {
  vcpus: number
  memory_mib: number
}

interface DemandRow extends Sized {
  cluster_id: string
  host_id: string
  cpu_overcommit: number
  count: number
  /** Those that have hardware of their own, which `vcpus` and `memory_mib` leave out. */
  own: (Sized & { assigned: AssignedHardware })[] | null
}

/** Of highly available instances that are wanted running, by host; for each of these clusters. */
async function demand(db: Db, cluster_ids: readonly string[]): Promise<Map<string, DemandByHost>> {
  const { rows } = await sql<DemandRow>`
    select h.cluster_id, c.cpu_overcommit, i.host_id, count(*) as count,
      coalesce(sum(i.vcpus) filter (where k.assigned is null), 0)::int as vcpus,
      coalesce(sum(i.memory_mib) filter (where k.assigned is null), 0)::bigint as memory_mib,
      jsonb_agg(jsonb_build_object('vcpus', i.vcpus, 'memory_mib', i.memory_mib, 'assigned', k.assigned))
        filter (where k.assigned is not null) as own
    from host h join cluster c on c.id = h.cluster_id join instance i on i.host_id = h.id
    left join hardware_claim k on k.instance_id = i.id and k.host_id = i.host_id
    where h.cluster_id = any(${[...cluster_ids]}::uuid[]) and h.removed_at is null and i.availability = 'high'
      and i.wanted_power = 'running' and i.deleted_at is null group by h.cluster_id, c.cpu_overcommit, i.host_id`.execute(
    db,
  )
  const by_cluster = Map.groupBy(rows, row => row.cluster_id)
  return new Map(cluster_ids.map(id => [id, new Map(by_cluster.get(id)?.map(row => [row.host_id, demandOf(row)]))]))
}

function demandOf({ vcpus, memory_mib, count, own, cpu_overcommit }: DemandRow): HaDemand {
  const plain: ReserveSize = { ...nothing, vcpus, memory_mib }
  const sum = (own ?? []).reduce((all, one) => plus(all, sizeElsewhere(one, one.assigned, cpu_overcommit)), plain)
  return { ...sum, count }
}

/** As it counts elsewhere; beside that what is shown of it, and what it asks for. */
export interface HaInstance extends ReserveInstance {
  name: string
  memory_in_all_mib: number
  asked: Hardware | null
}

async function instancesOf(db: Db, host_ids: readonly string[]): Promise<HaInstance[]> {
  const { rows } = await sql<
    Sized & {
      id: string
      name: string
      host_id: string
      hardware: Hardware | null
      assigned: AssignedHardware | null
      cpu_overcommit: number
    }
  >`
    select i.id, i.name, i.host_id, i.vcpus, i.memory_mib, i.hardware, k.assigned, c.cpu_overcommit
    from instance i join host h on h.id = i.host_id join cluster c on c.id = h.cluster_id
    left join hardware_claim k on k.instance_id = i.id and k.host_id = i.host_id
    where i.host_id = any(${[...host_ids]}::uuid[]) and i.availability = 'high' and i.wanted_power = 'running'
      and i.deleted_at is null order by i.id`.execute(db)
  return rows.map(({ id, name, host_id, hardware: asked, assigned, cpu_overcommit, ...size }) => ({
    id,
    name,
    host_id,
    asked,
    memory_in_all_mib: size.memory_mib,
    ...sizeElsewhere(size, assigned, cpu_overcommit),
  }))
}

export const haReserve = { tolerated, hold, demand, instancesOf }
