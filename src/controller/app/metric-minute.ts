/** What is measured of one resource: as it was last, and the minute that fills before it is written. Whose, and who is told: metric-hub.ts. */
import type { MetricKind, SeriesKey } from '../../model/metrics.ts'
import type { PackedBlock } from '../store/metrics.ts'
import type { Layout } from './metric-rates.ts'

const minute_ms = 60_000

/** What a resource was last seen with: good until its next sample, which is written over it. */
export interface Latest {
  resource_id: string
  kind: MetricKind
  at_ms: number
  series: readonly SeriesKey[]
  values: ArrayLike<number>
  /** Counters as they stand and gauges, in the order of the series; null for what another controller told. */
  standing: Float64Array | null
}

export interface Tracked extends Latest {
  kind: 'instance' | 'host'
  host_id: string
  layout: Layout
  standing: Float64Array
  values: Float32Array
  taken_ms: number
  cpus: number
  block: Open | null
}

/** A minute that is being filled. */
interface Open {
  at_ms: number
  step_s: number
  count: number
  mean: Float32Array
}

/** One buffer for both kinds of numbers: a hundred thousand of these are held. */
export function fresh(kind: 'instance' | 'host', resource_id: string, host_id: string, layout: Layout): Tracked {
  const width = layout.series.length
  const buffer = new ArrayBuffer(width * 12)
  return {
    resource_id,
    kind,
    host_id,
    layout,
    series: layout.series,
    standing: new Float64Array(buffer, 0, width),
    values: new Float32Array(buffer, width * 8, width),
    taken_ms: 0,
    at_ms: 0,
    cpus: 1,
    block: null,
  }
}

/** Puts the values into their place of the minute; the minute before is finished when they are the first of a new one. */
export function keep(one: Tracked, step_s: number): PackedBlock[] {
  const grid_ms = Math.floor(one.at_ms / (step_s * 1000)) * step_s * 1000
  const finished: PackedBlock[] = []
  const { block } = one
  const is_other =
    block && (Math.floor(block.at_ms / minute_ms) !== Math.floor(grid_ms / minute_ms) || block.step_s !== step_s)
  if (is_other) finished.push(...finish(one))
  const width = one.layout.series.length
  if (!one.block) {
    const room = Math.max(1, Math.ceil(60 / step_s))
    one.block = { at_ms: grid_ms, step_s, count: 0, mean: new Float32Array(room * width).fill(Number.NaN) }
  }
  const place = Math.round((grid_ms - one.block.at_ms) / (step_s * 1000))
  if (place < 0 || (place + 1) * width > one.block.mean.length) return finished
  one.block.mean.set(one.values, place * width)
  one.block.count = Math.max(one.block.count, place + 1)
  return finished
}

/** Takes the open block away, as it is to be written. */
export function finish(one: Tracked): PackedBlock[] {
  const { block, layout, resource_id, standing } = one
  one.block = null
  if (!block || block.count === 0) return []
  const { at_ms, step_s } = block
  const mean = block.mean.slice(0, block.count * layout.series.length)
  const counters = Float64Array.from(layout.counters, place => standing[place] ?? 0)
  return [{ resource_id, at_ms, step_s, series: layout.series, mean, peak: null, counters }]
}
