/** What is measured of one resource: as it was last, and the minute that fills before it is written. Whose, and who is told: metric-hub.ts. */
import type { MetricKind, SeriesKey } from '../../model/metrics.ts'
import type { PackedBlock } from '../store/metrics.ts'
import type { Layout } from './metric-rates.ts'
import { MetricSlots, type Slot } from './metric-slots.ts'

const minute_ms = 60_000

/** What a resource was last seen with. As watchers are given it, it is good until they return: the next sample, or another resource's, is written over it. */
export interface Latest {
  resource_id: string
  kind: MetricKind
  at_ms: number
  series: readonly SeriesKey[]
  values: ArrayLike<number>
  /** Counters as they stand and gauges, in the order of the series; null for what another controller told. */
  standing: ArrayLike<number> | null
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
  /** Where standing and values are. */
  readonly slot: Slot
}

interface Minute {
  /** Of the first point. */
  at_ms: number
  step_s: number
  /** How many points there are, those between that were missed included. None: it was taken away. */
  count: number
  /** NaN where nothing was measured; with room for all. */
  points: Float32Array
  readonly slot: Slot
}

const slots = new MetricSlots()

export function fresh(kind: 'instance' | 'host', resource_id: string, host_id: string, layout: Layout): Tracked {
  const width = layout.series.length
  const slot = slots.take(width * 12)
  return {
    resource_id,
    kind,
    host_id,
    layout,
    series: layout.series,
    standing: new Float64Array(slot.buffer, slot.byte_offset, width).fill(0),
    values: new Float32Array(slot.buffer, slot.byte_offset + width * 8, width).fill(0),
    taken_ms: 0,
    at_ms: 0,
    heard_ms: 0,
    cpus: 1,
    minute: null,
    slot,
  }
}

/** It is measured no more, or in another layout: what it had is another's from now on. */
export function forget({ slot, minute }: Tracked): void {
  slots.give(slot)
  if (minute) slots.give(minute.slot)
}

/** Puts the values into their place of the minute; the minute before goes to `finished` when they are the first of a new one. */
export function keep(one: Tracked, step_s: number, finished: Finished[]): void {
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
    if (minute) slots.give(minute.slot)
    const slot = slots.take(length * 4)
    const points = new Float32Array(slot.buffer, slot.byte_offset, length).fill(Number.NaN)
    return (one.minute = { at_ms, step_s, count: 0, points, slot })
  }
  if (minute.count > 0) return minute
  minute.points.fill(Number.NaN)
  return Object.assign(minute, { at_ms, step_s })
}

/** A minute that waits to be written; its memory is to be given back then (release). */
export interface Finished extends PackedBlock {
  readonly slot: Slot
}

/** Takes what is there of the open minute away, to be written. */
export function finish(one: Tracked, finished: Finished[]): void {
  const { minute, layout, resource_id, standing } = one
  if (!minute || minute.count === 0) return
  const { at_ms, step_s, points } = minute
  const [length, counted] = [minute.count * layout.series.length, layout.counters.length]
  const slot = slots.take(counted * 8 + length * 4)
  const counters = new Float64Array(slot.buffer, slot.byte_offset, counted)
  const mean = new Float32Array(slot.buffer, slot.byte_offset + counted * 8, length)
  for (let at = 0; at < length; at++) mean[at] = points[at] ?? Number.NaN
  for (const [at, place] of layout.counters.entries()) counters[at] = standing[place] ?? 0
  minute.count = 0
  finished.push({ resource_id, at_ms, step_s, series: layout.series, mean, peak: null, counters, slot })
}

/** It is written, or lost. */
export function release({ slot }: Finished): void {
  slots.give(slot)
}

/** Of all of them. */
export function finishAll(all: Iterable<Tracked>): Finished[] {
  const finished: Finished[] = []
  for (const one of all) finish(one, finished)
  return finished
}
