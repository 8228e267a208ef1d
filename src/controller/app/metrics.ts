/** Reading metrics: whose one may see, from which history, at which distance. What is measured comes in by metric-hub.ts. */
import type { MetricHistory, MetricSeries, MetricsNow, metricsRoutes } from '../../api/metrics.ts'
import type { QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { type MetricName, metricOf, metricTiers, type SeriesKey, splitSeries } from '../../model/metrics.ts'
import type { Cloud } from '../cloud.ts'
import { rolledUp } from '../store/metric-rollup.ts'
import { metricSubjects, rings, type Subject } from '../store/metrics.ts'
import { type Caller, mayOnInstance, mayOnSystem } from './caller.ts'
import { type Block, type Line, type NamesOf, putTogether } from './metric-blocks.ts'
import { fillGaps, hearOne, type Newest, roomName, roomNow, roomOf, speakers, type Speaking } from './metric-pools.ts'

const hour_ms = 3_600_000
/** Per series; more than a screen has columns. */
const points_max = 1500
const steps_s = [
  10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800, 2_592_000,
]

type Asked = QueryOf<typeof metricsRoutes.latest>

/** In the order asked for. What one may not see is not there. */
async function subjectsOf(cloud: Cloud, caller: Caller, ids: readonly string[]): Promise<Subject[]> {
  const found = new Map((await metricSubjects(cloud.database.db, { ids })).map(one => [one.id, one]))
  return ids.map(id => {
    const one = found.get(id)
    if (!one || !maySee(caller, one)) throw notFound('instance, host, cluster or pool', id)
    return one
  })
}

function maySee(caller: Caller, { id, kind, project_id }: Subject): boolean {
  if (kind !== 'instance') return mayOnSystem(caller, 'topology.read')
  return mayOnInstance(caller, 'instance.read', { id, project_id })
}

/** Those whose samples tell of it. */
function measurersOf(one: Subject): string[] {
  return one.hosts?.map(host => host.id) ?? [one.id]
}

/** A series as itself and as a part of its devices' sum, as far as asked for; of a pool's hosts only its room. */
function namesOf({ kind }: Subject, asked: Asked): NamesOf {
  const names = namesAsked(asked)
  if (kind !== 'pool') return names
  return key => {
    const name = roomName(key)
    return name === null ? [] : names(name)
  }
}

function namesAsked({ names, devices }: Asked): NamesOf {
  const wanted = names && new Set<string>(names)
  return key => {
    const split = splitSeries(key)
    if (!split || (wanted && !wanted.has(split.name))) return []
    return split.device === null || !devices ? [split.name] : [split.name, key]
  }
}

export async function getMetrics(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof metricsRoutes.get>,
): Promise<MetricHistory> {
  const now_ms = cloud.clock.now_ms()
  const to_ms = query.to === undefined ? now_ms : Date.parse(query.to)
  const from_ms = query.from === undefined ? to_ms - hour_ms : Date.parse(query.from)
  if (!(from_ms < to_ms)) throw new CloudError('invalid', '`from` must be before `to`.')
  const subjects = await subjectsOf(cloud, caller, query.resource)
  const least_s = await leastStep_s(cloud, subjects)
  const step_s = stepFor(from_ms, to_ms, now_ms, Math.max(least_s, query.step_s ?? 0))
  const step_ms = step_s * 1000
  const start_ms = Math.floor(from_ms / step_ms) * step_ms
  const points = Math.ceil((to_ms - start_ms) / step_ms)
  const sources = await sourcesOf(cloud, subjects)
  const blocks = await readBlocks(cloud, [...new Set([...sources.values()].flat())], start_ms, to_ms, step_s)
  const grid = { from_ms: start_ms, step_s, points }
  const resources = subjects.map(one => {
    const told = (sources.get(one.id) ?? []).map(id => putTogether(blocks.get(id) ?? [], grid, namesOf(one, query)))
    const series = [...fillGaps(told)].map(([key, line]) => seriesOf(key, line))
    return { resource_id: one.id, kind: one.kind, name: one.name, series }
  })
  return {
    from: new Date(start_ms).toISOString(),
    to: new Date(start_ms + points * step_ms).toISOString(),
    step_s,
    resources,
  }
}

/** Whose history is read of a pool: so few that a pool of a hundred hosts does not cost a hundred times as much. */
const sources_max = 4

/** By the id of each subject whose history is its own, first the one that counts where several have one. */
async function sourcesOf(cloud: Cloud, subjects: readonly Subject[]): Promise<Map<string, string[]>> {
  const shared = subjects.filter(one => (one.hosts?.length ?? 0) > 1)
  const newest = await newestOf(cloud, shared.flatMap(measurersOf))
  return new Map(
    subjects.map(one => [one.id, one.hosts ? speakers(one.hosts, newest).slice(0, sources_max) : [one.id]]),
  )
}

/** All of them have a point so often: their hosts measure themselves as the setting says there, and clusters are summed up each minute. */
async function leastStep_s({ database, settings }: Cloud, subjects: readonly Subject[]): Promise<number> {
  const host_ids = [...new Set(subjects.flatMap(one => one.hosts?.map(host => host.id) ?? one.host_id ?? []))]
  await settings.learn(database.db, host_ids)
  const intervals = host_ids.map(host_id => settings.at('metrics.interval_s', { host_id }) || 10)
  return Math.max(...intervals, subjects.some(one => one.kind === 'cluster') ? 60 : 1)
}

/** The least of the usual distances that is not less than asked for, that history still has, and that is not too many points. */
export function stepFor(from_ms: number, to_ms: number, now_ms: number, least_s: number): number {
  const kept = metricTiers.find(tier => from_ms >= now_ms - tier.keep_s * 1000) ?? metricTiers[2]
  const needed_s = Math.max(least_s, kept.step_s === 10 ? 0 : kept.step_s, (to_ms - from_ms) / 1000 / points_max)
  return steps_s.find(step => step >= needed_s) ?? Math.ceil(needed_s / 86_400) * 86_400
}

/** Coarse history as far as it was put together already, and after that the finer one. */
async function readBlocks(
  { database, metrics }: Cloud,
  ids: readonly string[],
  from_ms: number,
  to_ms: number,
  step_s: number,
): Promise<Map<string, Block[]>> {
  const { store } = metrics
  const upTo = async (tier_s: number) =>
    step_s < tier_s ? from_ms : Math.min(to_ms, Math.max(from_ms, (await rolledUp(database.db, tier_s)) ?? from_ms))
  const hours_ms = await upTo(rings.hours.step_s)
  const minutes_ms = Math.max(hours_ms, await upTo(rings.minutes.step_s))
  const unwritten = metrics.unwritten(ids)
  const parts = await Promise.all([
    // A block begins up to its whole length before what is asked for.
    hours_ms > from_ms ? store.read('hours', ids, from_ms - 24 * hour_ms, hours_ms) : [],
    minutes_ms > hours_ms ? store.read('minutes', ids, hours_ms - hour_ms, minutes_ms) : [],
    store.read('seconds', ids, minutes_ms - 60_000, to_ms),
  ])
  const [hours, minutes, seconds] = parts
  const cut = (blocks: readonly (Block & { resource_id: string })[], before_ms: number, since_ms: number) =>
    blocks.map(block => within(block, since_ms, before_ms))
  const written = new Set(seconds.map(keyOf))
  const missing = unwritten.filter(one => !written.has(keyOf(one)))
  const all = [
    ...cut(hours, hours_ms, from_ms),
    ...cut(minutes, minutes_ms, hours_ms),
    ...cut(seconds, to_ms, minutes_ms),
    ...cut(missing, to_ms, minutes_ms),
  ]
  return Map.groupBy(all, one => one.resource_id)
}

function keyOf({ resource_id, at_ms }: { resource_id: string; at_ms: number }): string {
  return `${resource_id} ${at_ms}`
}

/** So that no time counts twice where one history gives way to the next. */
function within<B extends Block>(block: B, since_ms: number, before_ms: number): B {
  const width = block.series.length
  const place = (at_ms: number) => Math.max(0, Math.ceil((at_ms - block.at_ms) / (block.step_s * 1000))) * width
  const [first, end] = [place(since_ms), place(before_ms)]
  if (first === 0 && end >= block.mean.length) return block
  const at_ms = block.at_ms + (first / Math.max(1, width)) * block.step_s * 1000
  return { ...block, at_ms, mean: block.mean.subarray(first, end), peak: block.peak?.subarray(first, end) ?? null }
}

function seriesOf(key: SeriesKey, { mean, peak }: Line): MetricSeries {
  const is_same = mean.every((value, n) => Object.is(value, peak[n]))
  return { ...describe(key), mean: Array.from(mean, rounded), peak: is_same ? null : Array.from(peak, rounded) }
}

function describe(key: SeriesKey) {
  const { name, device } = splitSeries(key) ?? { name: key as MetricName, device: null }
  return { name, device, unit: metricOf(name).unit }
}

/** What was measured with 32 bits has no more digits. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(7)) : null
}

export async function latestMetrics(cloud: Cloud, caller: Caller, query: Asked): Promise<{ resources: MetricsNow[] }> {
  const subjects = await subjectsOf(cloud, caller, query.resource)
  const newest = await newestOf(cloud, subjects.flatMap(measurersOf))
  return {
    resources: subjects.map(one => {
      const now = one.hosts ? roomNow(one.hosts, newest) : newest.get(one.id)
      if (now) return nowOf(one, now, query)
      return { resource_id: one.id, kind: one.kind, name: one.name, at: null, values: [] }
    }),
  }
}

/** What is known of these of the last three minutes: from memory where their link is here, else as it was written last. */
async function newestOf({ metrics, clock }: Cloud, ids: readonly string[]): Promise<Map<string, Newest>> {
  const found = new Map<string, Newest>()
  const elsewhere: string[] = []
  for (const id of new Set(ids)) {
    const latest = metrics.latest(id)
    if (latest) found.set(id, latest)
    else elsewhere.push(id)
  }
  const now_ms = clock.now_ms()
  const since_ms = now_ms - 180_000
  const unwritten = metrics.unwritten(elsewhere).filter(one => one.at_ms >= since_ms)
  for (const block of [...(await metrics.store.newest(elsewhere, since_ms, now_ms + 1000)), ...unwritten]) {
    const last = lastOf(block)
    if (last.at_ms >= (found.get(block.resource_id)?.at_ms ?? 0)) found.set(block.resource_id, last)
  }
  return found
}

/** The last point of a block. */
export function lastOf(block: Block): Newest {
  const width = block.series.length
  const last = Math.floor(block.mean.length / width) - 1
  const values = block.mean.subarray(last * width)
  return { at_ms: block.at_ms + last * block.step_s * 1000, series: block.series, values }
}

function nowOf(one: Subject, latest: Newest, query: Asked): MetricsNow {
  const block = { at_ms: 0, step_s: 1, series: latest.series, mean: Float32Array.from(latest.values), peak: null }
  const lines = putTogether([block], { from_ms: 0, step_s: 1, points: 1 }, namesAsked(query))
  const values = [...lines].map(([key, line]) => ({ ...describe(key), value: rounded(line.mean[0] ?? Number.NaN) }))
  return { resource_id: one.id, kind: one.kind, name: one.name, at: new Date(latest.at_ms).toISOString(), values }
}

/**
 * Calls for each sample of these, as the latest values are, until the returned function is called. `speaking`: who spoke last for
 * each pool; given again, a watch that takes over from another goes on with the same.
 */
export async function watchMetrics(
  cloud: Cloud,
  caller: Caller,
  query: Asked,
  told: (now: MetricsNow) => void,
  speaking: Speaking = new Map(),
): Promise<() => void> {
  const subjects = await subjectsOf(cloud, caller, query.resource)
  const about = new Map<string, Subject[]>()
  for (const one of subjects) {
    for (const id of measurersOf(one)) about.set(id, [...(about.get(id) ?? []), one])
  }
  const { settings } = cloud
  await settings.learn(
    cloud.database.db,
    subjects.flatMap(one => (one.hosts ? measurersOf(one) : [])),
  )
  const silent_ms = (host_id: string) => 1500 * (settings.at('metrics.interval_s', { host_id }) || 10)
  return cloud.metrics.watch([...about.keys()], latest => {
    for (const one of about.get(latest.resource_id) ?? []) {
      const now = one.kind === 'pool' ? roomOf(latest) : latest
      if (now && (one.kind !== 'pool' || hearOne(speaking, one.id, latest, silent_ms))) told(nowOf(one, now, query))
    }
  })
}
