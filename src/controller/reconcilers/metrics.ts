/**
 * Keeps metrics in order: makes room in the rings, measures what clusters have given, and puts points together to coarser ones. Any
 * number of controllers may do so at once: each period of each resource is put together by one of them.
 */
import type { Cloud } from '../cloud.ts'
import type { Block } from '../app/metric-blocks.ts'
import { rollUp } from '../app/metric-blocks.ts'
import { advanceRollup, rollupProgress } from '../store/metric-rollup.ts'
import { insertBlocks } from '../store/metric-rows.ts'
import { type Capacity, clusterCapacities, type PackedBlock } from '../store/metrics.ts'
import { Loop } from './loop.ts'

const minute_ms = 60_000
const hour_ms = 3_600_000
const day_ms = 86_400_000
const mib = 2 ** 20
const gib = 2 ** 30

type Parts = Pick<Cloud, 'database' | 'clock' | 'metrics'>

interface Tier {
  from: 'seconds' | 'minutes'
  to: 'minutes' | 'hours'
  step_s: number
  /** One block is made of so much. */
  period_ms: number
  /** After the period's end, so that all controllers have written the last of it. */
  grace_ms: number
  /** What is older is gone from the ring. */
  back_ms: number
}

const tiers: readonly Tier[] = [
  { from: 'seconds', to: 'minutes', step_s: 300, period_ms: hour_ms, grace_ms: 3 * minute_ms, back_ms: 6 * hour_ms },
  { from: 'minutes', to: 'hours', step_s: 3600, period_ms: day_ms, grace_ms: hour_ms, back_ms: 8 * day_ms },
]

const resources_at_once = 200

/** One pass; true when there is more to put together. */
export async function keepMetrics(cloud: Parts): Promise<boolean> {
  const { metrics, clock } = cloud
  metrics.sweep()
  await metrics.store.rotate(clock.now_ms())
  await measureClusters(cloud)
  let more = false
  for (const tier of tiers) more = (await putTogetherNext(cloud, tier)) || more
  return more
}

async function measureClusters({ database, clock, metrics }: Parts): Promise<void> {
  const at_ms = Math.floor(clock.now_ms() / minute_ms) * minute_ms
  const capacities = await clusterCapacities(database.db)
  await metrics.store.write(
    'seconds',
    capacities.map(one => capacityBlock(one, at_ms)),
  )
}

function capacityBlock(one: Capacity, at_ms: number): PackedBlock {
  const values = {
    instances: one.instances,
    vcpus_claimed: one.vcpus_claimed,
    vcpus_limit: one.vcpus_limit,
    memory_claimed_bytes: one.memory_claimed_mib * mib,
    memory_limit_bytes: one.memory_limit_mib * mib,
    disk_claimed_bytes: one.disk_claimed_gib * gib,
    disk_limit_bytes: one.disk_limit_gib * gib,
  }
  const mean = Float32Array.from(Object.values(values))
  return { resource_id: one.id, at_ms, step_s: 60, series: Object.keys(values), mean, peak: null, counters: null }
}

/**
 * A period of some resources; true when there is more to do at once. Reading and reckoning take their time, so they come before
 * the transaction, which only writes: of two controllers that did the same, the first counts.
 */
export async function putTogetherNext({ database, clock, metrics }: Parts, tier: Tier): Promise<boolean> {
  const { step_s, period_ms, grace_ms, back_ms } = tier
  const { store } = metrics
  const now_ms = clock.now_ms()
  const startOf = (at_ms: number) => Math.floor(at_ms / period_ms) * period_ms
  const progress = await rollupProgress(database.db, step_s, startOf(now_ms))
  const from_ms = Math.max(progress.done_ms, startOf(now_ms - back_ms))
  const after = from_ms === progress.done_ms ? progress.after : null
  const to_ms = from_ms + period_ms
  if (to_ms + grace_ms > now_ms) return false
  const ids = await store.resources(tier.from, from_ms, to_ms, after, resources_at_once)
  const found = Map.groupBy(await store.read(tier.from, ids, from_ms, to_ms), one => one.resource_id)
  const grid = { from_ms, step_s, points: period_ms / 1000 / step_s }
  const blocks = [...found].flatMap(([resource_id, parts]) => packed(resource_id, rollUp(parts, grid)))
  const { rows } = await store.prepareRows(tier.to, blocks)
  const is_done = ids.length < resources_at_once
  const next = is_done ? { done_ms: to_ms, after: null } : { done_ms: from_ms, after: ids.at(-1) ?? null }
  await database.transaction(async tx => {
    if (await advanceRollup(tx, step_s, progress, next)) await insertBlocks(tx, rows)
  })
  return true
}

function packed(resource_id: string, block: Block | null): PackedBlock[] {
  return block ? [{ resource_id, counters: null, ...block }] : []
}

export function metricLoop(cloud: Pick<Cloud, 'database' | 'clock' | 'log' | 'metrics'>): Loop {
  const { clock, log } = cloud
  return new Loop({ name: 'keeping metrics', clock, log, every_ms: minute_ms, pass: () => keepMetrics(cloud) })
}
