/** Measured history in the database: rings of partitions, written by whole blocks and emptied by whole partitions. */
import { createHash } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { MetricKind } from '../../model/metrics.ts'
import { channels, type Database, type Db } from './database.ts'
import { type BlockRow, insertBlocks } from './metric-rows.ts'

/** A ring: `slots` partitions from `first` on, of `period_s` each. */
interface Ring {
  step_s: number
  first: number
  slots: number
  period_s: number
}

const hour_s = 3600
const day_s = 86_400

export const rings = {
  seconds: { step_s: 10, first: 0, slots: 8, period_s: hour_s },
  minutes: { step_s: 300, first: 10, slots: 10, period_s: day_s },
  hours: { step_s: 3600, first: 20, slots: 14, period_s: 32 * day_s },
} as const satisfies Record<string, Ring>
export type RingName = keyof typeof rings

interface Place {
  slot: number
  period: number
}

function placeOf(ring: RingName, at_ms: number): Place {
  const { first, slots, period_s } = rings[ring]
  const period = Math.floor(at_ms / 1000 / period_s)
  return { slot: first + (((period % slots) + slots) % slots), period }
}

/** The slots in which something between two times may be. */
function slotsOf(ring: RingName, from_ms: number, to_ms: number): number[] {
  const { first, slots, period_s } = rings[ring]
  const [low, high] = [Math.floor(from_ms / 1000 / period_s), Math.floor(to_ms / 1000 / period_s)]
  const count = Math.min(slots, high - low + 1)
  return Array.from({ length: Math.max(0, count) }, (_, n) => first + ((high - n) % slots))
}

export interface PackedBlock {
  resource_id: string
  at_ms: number
  step_s: number
  series: readonly string[]
  mean: Float32Array
  peak: Float32Array | null
  counters: Float64Array | null
}

/** Of one statement: a few megabytes, whatever has gathered. */
const rows_at_once = 2000

/** A copy: floats must begin at a multiple of their size. */
function bytesOf(value: Uint8Array): ArrayBuffer {
  const bytes = new ArrayBuffer(value.byteLength)
  new Uint8Array(bytes).set(value)
  return bytes
}

/** Hosts can make up devices; beyond this many layouts, new ones are not kept. */
const layouts_max = 10_000

export class MetricStore {
  private readonly database: Database
  /** Slots known to be of the period. */
  private readonly ready = new Map<number, number>()
  private readonly layoutIds = new Map<string, number>()
  /** The same, by the very array: resources with the same devices share one. */
  private readonly layoutIdsOf = new WeakMap<readonly string[], number>()
  private readonly layouts = new Map<number, string[]>()

  constructor(database: Database) {
    this.database = database
  }

  /** Adds blocks; those that are there already stay as they are. Returns how many had to be left out. */
  async write(ring: RingName, blocks: readonly PackedBlock[]): Promise<number> {
    const { rows, left_out } = await this.prepareRows(ring, blocks)
    for (let n = 0; n < rows.length; n += rows_at_once)
      await insertBlocks(this.database.db, rows.slice(n, n + rows_at_once))
    return left_out
  }

  /** Rows for `insert`, with the layouts that they name and the slots that they go to: outside of any transaction of the caller's. */
  async prepareRows(ring: RingName, blocks: readonly PackedBlock[]): Promise<{ rows: BlockRow[]; left_out: number }> {
    await this.layoutsFor(new Set(blocks.map(one => one.series).filter(series => !this.layoutIdsOf.has(series))))
    const rows: BlockRow[] = []
    for (const block of blocks) {
      const { slot, period } = placeOf(ring, block.at_ms)
      const layout_id = this.layoutIdsOf.get(block.series)
      if (layout_id === undefined) continue
      // No wait for what is known: hundreds of thousands pass here in a minute.
      if (this.ready.get(slot) === period || (await this.prepare(slot, period))) rows.push({ slot, layout_id, block })
    }
    return { rows, left_out: blocks.length - rows.length }
  }

  /** Makes the slots of now and of the next period ready, so that no writer has to wait for that. */
  async rotate(now_ms: number): Promise<void> {
    for (const ring of Object.keys(rings) as RingName[]) {
      for (const at_ms of [now_ms, now_ms + rings[ring].period_s * 1000]) {
        const { slot, period } = placeOf(ring, at_ms)
        await this.prepare(slot, period)
      }
    }
  }

  /** Empties the slot when it holds an older period. False when it holds a newer one: what is to be written is too old. */
  private async prepare(slot: number, period: number): Promise<boolean> {
    const known = this.ready.get(slot)
    if (known !== undefined && known >= period) return known === period
    const held = await this.database.transaction(async tx => {
      await sql`insert into metric_slot (slot, period) values (${slot}, -1) on conflict do nothing`.execute(tx)
      const { rows } = await sql<{ period: number }>`
        select period from metric_slot where slot = ${slot} for update`.execute(tx)
      const before = rows[0]?.period ?? -1
      if (before >= period) return before
      await sql`truncate table ${sql.table(`metric_block_${slot}`)}`.execute(tx)
      await sql`update metric_slot set period = ${period} where slot = ${slot}`.execute(tx)
      return period
    })
    this.ready.set(slot, held)
    return held === period
  }

  private async layoutsFor(all: Iterable<readonly string[]>): Promise<void> {
    for (const series of all) {
      const key = series.join(' ')
      if (!this.layoutIds.has(key)) await this.addLayout(key, series)
      const id = this.layoutIds.get(key)
      if (id !== undefined) this.layoutIdsOf.set(series, id)
    }
  }

  private async addLayout(key: string, series: readonly string[]): Promise<void> {
    const hash = createHash('sha256').update(key).digest()
    const { db } = this.database
    await sql`insert into metric_layout (hash, series) select ${hash}, ${[...series]}::text[]
        where (select count(*) from metric_layout) < ${layouts_max} on conflict do nothing`.execute(db)
    const { rows } = await sql<{ id: number }>`select id from metric_layout where hash = ${hash}`.execute(db)
    if (rows[0]) this.layoutIds.set(key, rows[0].id)
  }

  /** Tells the other controllers. */
  async notify(payload: string): Promise<void> {
    await sql`select pg_notify(${channels.metric}, ${payload})`.execute(this.database.db)
  }

  /** Blocks of resources that begin between two times, oldest first. */
  async read(ring: RingName, ids: readonly string[], from_ms: number, to_ms: number): Promise<PackedBlock[]> {
    const where = sql`resource_id = any(${[...ids]}::uuid[])`
    return await this.select(where, ring, from_ms, to_ms)
  }

  /** The newest block of seconds of each of these, as far as they have one: for what no link of this controller tells of. */
  async newest(ids: readonly string[], since_ms: number, now_ms: number): Promise<PackedBlock[]> {
    if (ids.length === 0) return []
    return await this.select(sql`resource_id = any(${[...ids]}::uuid[])`, 'seconds', since_ms, now_ms, true)
  }

  private async select(
    where: ReturnType<typeof sql>,
    ring: RingName,
    from_ms: number,
    to_ms: number,
    newest_only = false,
  ): Promise<PackedBlock[]> {
    const slots = slotsOf(ring, from_ms, to_ms)
    if (slots.length === 0) return []
    const { rows } = await sql<{
      resource_id: string
      at: Date
      step_s: number
      layout_id: number
      mean: Uint8Array
      peak: Uint8Array | null
      counters: Uint8Array | null
    }>`select ${newest_only ? sql`distinct on (resource_id)` : sql``} resource_id, at, step_s, layout_id, mean, peak, counters from metric_block
      where slot in (${sql.join(slots.map(slot => sql.lit(slot)))}) and ${where}
        and at >= ${new Date(from_ms)} and at < ${new Date(to_ms)}
      order by ${newest_only ? sql`resource_id, at desc` : sql`at`}`.execute(this.database.db)
    await this.learn(new Set(rows.map(row => row.layout_id)))
    return rows.map(({ at, layout_id, mean, peak, counters, ...row }) => ({
      ...row,
      at_ms: at.getTime(),
      series: this.layouts.get(layout_id) ?? [],
      mean: new Float32Array(bytesOf(mean)),
      peak: peak && new Float32Array(bytesOf(peak)),
      counters: counters && new Float64Array(bytesOf(counters)),
    }))
  }

  private async learn(ids: ReadonlySet<number>): Promise<void> {
    const unknown = [...ids].filter(id => !this.layouts.has(id))
    if (unknown.length === 0) return
    const { rows } = await sql<{ id: number; series: string[] }>`
      select id, series from metric_layout where id = any(${unknown}::int[])`.execute(this.database.db)
    for (const { id, series } of rows) this.layouts.set(id, series)
  }

  /** Ids of what has blocks between two times, in their order, after one. */
  async resources(
    ring: RingName,
    from_ms: number,
    to_ms: number,
    after: string | null,
    limit: number,
  ): Promise<string[]> {
    const slots = sql.join(slotsOf(ring, from_ms, to_ms - 1).map(slot => sql.lit(slot)))
    const { rows } = await sql<{ resource_id: string }>`select distinct resource_id from metric_block
      where slot in (${slots}) and at >= ${new Date(from_ms)} and at < ${new Date(to_ms)}
        and (${after}::uuid is null or resource_id > ${after}::uuid)
      order by resource_id limit ${limit}`.execute(this.database.db)
    return rows.map(row => row.resource_id)
  }
}

export interface Subject {
  id: string
  kind: MetricKind
  name: string
  project_id: string | null
  project: string | null
  /** Which measures it. */
  host_id: string | null
  /** Of a pool: the hosts that have it, each of which measures it. */
  hosts?: readonly PoolHost[]
}

export interface PoolHost {
  id: string
  /** It is in touch with a controller. */
  linked: boolean
}

/** Whose metrics there may be, of these ids; null: all that there are, of one project or of all. */
export async function metricSubjects(
  db: Db,
  asked: { ids?: readonly string[]; project_id?: string; system?: boolean },
): Promise<Subject[]> {
  const { ids, project_id, system = ids !== undefined } = asked
  const among = (column: string) => (ids ? sql`${sql.ref(column)} = any(${[...ids]}::uuid[])` : sql`true`)
  const instances = sql<Subject>`select i.id, 'instance' as kind, i.name, i.project_id, p.name as project, i.host_id
    from instance i join project p on p.id = i.project_id
    where ${among('i.id')} and (${project_id ?? null}::uuid is null or i.project_id = ${project_id ?? null}::uuid)
      and (${ids !== undefined} or i.deleted_at is null)`
  const others = sql<Subject>`select id, 'host' as kind, name, null::uuid as project_id, null as project, id as host_id
      from host where ${among('id')} and removed_at is null
    union all select id, 'cluster', name, null::uuid, null, null::uuid from cluster where ${among('id')}`
  // It has no name: the first of its hosts' are what people know it by.
  const pools = sql<Subject>`select p.id, 'pool' as kind, coalesce(h.name, left(p.id::text, 8)) as name, null::uuid as project_id,
      null as project, null::uuid as host_id, coalesce(h.hosts, '[]') as hosts
    from pool p left join (
      select pool_id, array_to_string((array_agg(name order by name))[:3], ', ') || case when count(*) > 3 then ', …' else '' end as name,
        json_agg(json_build_object('id', id, 'linked', session_controller_id is not null)) as hosts
      from host where removed_at is null and pool_id is not null and ${among('pool_id')} group by pool_id
    ) h on h.pool_id = p.id where ${among('p.id')}`
  const found = (await instances.execute(db)).rows
  return system ? [...found, ...(await others.execute(db)).rows, ...(await pools.execute(db)).rows] : found
}

export interface Capacity {
  id: string
  instances: number
  vcpus_claimed: number
  vcpus_limit: number
  memory_claimed_mib: number
  memory_limit_mib: number
  disk_claimed_gib: number
  disk_limit_gib: number
}

/** A pool that several hosts of the cluster share counts once. */
function pooled(what: RawBuilder<unknown>): RawBuilder<number> {
  return sql`select coalesce(sum(${what}), 0)::float8 from pool p
    where p.id in (select pool_id from host where cluster_id = c.id and removed_at is null)`
}

/** What each cluster has and has given. */
export async function clusterCapacities(db: Db): Promise<Capacity[]> {
  const { rows } = await sql<Capacity>`select c.id,
      coalesce(sum((select count(*) from instance i where i.host_id = h.id and i.deleted_at is null)), 0)::float8 as instances,
      coalesce(sum(k.vcpus), 0)::float8 as vcpus_claimed, coalesce(sum(h.vcpus_limit), 0)::float8 as vcpus_limit,
      coalesce(sum(k.memory_mib), 0)::float8 as memory_claimed_mib, coalesce(sum(h.memory_limit_mib), 0)::float8 as memory_limit_mib,
      coalesce(sum(k.disk_gib), 0)::float8 + (${pooled(sql`p.claimed_gib`)}) as disk_claimed_gib,
      coalesce(sum(h.disk_limit_gib) filter (where h.pool_id is null), 0)::float8 + (${pooled(sql`p.total_gib`)}) as disk_limit_gib
    from cluster c left join host h on h.cluster_id = c.id and h.removed_at is null left join host_claim k on k.host_id = h.id
    group by c.id`.execute(db)
  return rows
}
