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
  /** When a sample last came, by the steady clock; `at_ms` says it to people. */
  heard_ms: number
  cpus: number
  /** The minute that is being filled; null before its first sample. */
  minute: Minute | null
}

interface Minute {
  /** Of the first point. */
  at_ms: number
  step_s: number
  /** How many points there are, those between that were missed included. None: it was taken away. */
  count: number
  /** NaN where nothing was measured; with room for all. */
  points: Float32Array
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
    heard_ms: 0,
    cpus: 1,
    minute: null,
  }
}

/** Puts the values into their place of the minute; the minute before goes to `finished` when they are the first of a new one. */
export function keep(one: Tracked, step_s: number, finished: PackedBlock[]): void {
  const grid_ms = Math.floor(one.at_ms / (step_s * 1000)) * step_s * 1000
  const before = one.minute
  if (before && (minuteOf(before.at_ms) !== minuteOf(grid_ms) || before.step_s !== step_s)) finish(one, finished)
  const minute = begun(one, step_s, grid_ms)
  const { values } = one
  const width = values.length
  const place = Math.round((grid_ms - minute.at_ms) / (step_s * 1000))
  if (place < 0 || (place + 1) * width > minute.points.length) return
  for (let at = 0; at < width; at++) minute.points[place * width + at] = values[at] ?? Number.NaN
  minute.count = Math.max(minute.count, place + 1)
}

const minuteOf = (at_ms: number) => Math.floor(at_ms / minute_ms)

/** The minute that is open, or a new one in the memory of the last. */
function begun(one: Tracked, step_s: number, at_ms: number): Minute {
  const length = Math.max(1, Math.ceil(60 / step_s)) * one.values.length
  const { minute } = one
  if (minute?.points.length !== length) {
    return (one.minute = { at_ms, step_s, count: 0, points: new Float32Array(length).fill(Number.NaN) })
  }
  if (minute.count > 0) return minute
  minute.points.fill(Number.NaN)
  return Object.assign(minute, { at_ms, step_s })
}

/** Takes what is there of the open minute away, to be written. */
export function finish(one: Tracked, finished: PackedBlock[]): void {
  const { minute, layout, resource_id, standing } = one
  if (!minute || minute.count === 0) return
  const { at_ms, step_s, points } = minute
  const length = minute.count * layout.series.length
  const [mean, counters] = [shelf.of32(length), shelf.of64(layout.counters.length)]
  for (let at = 0; at < length; at++) mean[at] = points[at] ?? Number.NaN
  for (const [at, place] of layout.counters.entries()) counters[at] = standing[place] ?? 0
  minute.count = 0
  finished.push({ resource_id, at_ms, step_s, series: layout.series, mean, peak: null, counters })
}

/** Of all of them. */
export function finishAll(all: Iterable<Tracked>): PackedBlock[] {
  const finished: PackedBlock[] = []
  for (const one of all) finish(one, finished)
  return finished
}

/**
 * Room for what waits to be written. A buffer for each would be two hundred thousand a minute, and V8 collects all of its heap
 * when buffers come and go that fast.
 */
class Shelf {
  private buffer = new ArrayBuffer(0)
  private used = 0

  of32(length: number): Float32Array {
    const at = this.place(length * 4)
    return new Float32Array(this.buffer, at, length)
  }

  of64(length: number): Float64Array {
    const at = this.place(length * 8)
    return new Float64Array(this.buffer, at, length)
  }

  private place(bytes: number): number {
    const wanted = Math.ceil(bytes / 8) * 8
    if (this.used + wanted > this.buffer.byteLength) {
      this.buffer = new ArrayBuffer(Math.max(shelf_bytes, wanted))
      this.used = 0
    }
    this.used += wanted
    return this.used - wanted
  }
}

const shelf_bytes = 256 * 1024
const shelf = new Shelf()
