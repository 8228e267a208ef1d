/**
 * What is measured now: takes hosts' samples, keeps the latest of each resource, tells who watches, and hands whole minutes to the
 * database, many hosts' together. One per controller: it knows the hosts whose links are here; of others it hears what someone
 * here watches.
 */
import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.ts'
import type { MetricKind } from '../../model/metrics.ts'
import type { SamplesFrame } from '../../protocol/samples.ts'
import { channels, type Database } from '../store/database.ts'
import { MetricStore, type PackedBlock } from '../store/metrics.ts'
import { MetricLayouts } from './metric-layouts.ts'
import { type Finished, finish, finishAll, forget, fresh, keep, type Latest, type Tracked } from './metric-minute.ts'
import { type Sample, standingInto, valuesInto } from './metric-rates.ts'
import { MetricWriter } from './metric-writer.ts'

/** Where a sample is taken in before it is kept. */
let scratch = new Float64Array(64)

export type MetricWatcher = (latest: Latest) => void

/** A host that falls silent is forgotten after this long; what it has not filled is written before. */
const silent_ms_max = 90_000
/** Interest in what other controllers have is told anew this often, and holds for twice as long. */
const interest_ms = 30_000
/** What a notice of PostgreSQL takes is 8000 bytes. */
const notice_ids_max = 150
const notice_bytes_max = 7900

export class MetricHub {
  readonly store: MetricStore
  /** For the controller's own metrics. */
  readonly counted = { samples: 0, blocks: 0, lost: 0 }
  private readonly parts: {
    controller_id: string
    database: Database
    clock: Clock
    log: Logger
    interval_s(host_id: string): number
  }
  private readonly tracked = new Map<string, Tracked>()
  private readonly layouts: MetricLayouts
  private readonly writer: MetricWriter
  private readonly watchers = new Map<string, Set<MetricWatcher>>()
  /** What someone at another controller watches, and until when, by the steady clock. */
  private readonly asked = new Map<string, number>()
  private readonly stops: (() => void)[] = []

  constructor(parts: MetricHub['parts']) {
    this.parts = parts
    this.store = new MetricStore(parts.database)
    this.layouts = new MetricLayouts(parts.clock)
    this.writer = new MetricWriter({ ...parts, store: this.store, counted: this.counted })
  }

  start(): void {
    this.stops.push(this.parts.database.listen(channels.metric, payload => this.hear(payload)))
    this.askAgain()
  }

  /** Writes what is there. */
  async close(): Promise<void> {
    for (const stop of this.stops.splice(0)) stop()
    await this.flush()
  }

  /** A host's samples. Of instances only those count that are placed there. */
  take(host_id: string, placed: ReadonlySet<string>, frame: SamplesFrame): void {
    const finished: Finished[] = []
    const taken: Taken = {
      host_id,
      taken_ms: frame.taken_ms,
      at_ms: this.parts.clock.now_ms(),
      heard_ms: this.parts.clock.steady_ms(),
      step_s: Math.max(1, this.parts.interval_s(host_id) || 10),
      finished,
    }
    if (frame.host) this.note('host', host_id, frame.host, taken)
    for (const sample of frame.packed ?? frame.instances) {
      if (placed.has(sample.id)) this.note('instance', sample.id, sample, taken)
    }
    this.writer.write(finished)
  }

  private note(kind: 'instance' | 'host', resource_id: string, sample: Sample, taken: Taken): void {
    const { host_id, taken_ms, at_ms, heard_ms, step_s, finished } = taken
    const layout = this.layouts.of(kind, sample, host_id)
    if (!layout || ('values' in sample && sample.values.length !== layout.series.length)) {
      this.counted.lost += 1
      return
    }
    const known = this.tracked.get(resource_id)
    const is_new = !known || known.layout !== layout || known.host_id !== host_id
    if (known && is_new) {
      finish(known, finished)
      forget(known)
    }
    const one = is_new ? fresh(kind, resource_id, host_id, layout) : known
    if (is_new) this.tracked.set(resource_id, one)
    const width = layout.series.length
    if (scratch.length < width) scratch = new Float64Array(2 * width)
    standingInto(sample, scratch)
    const between_s = (taken_ms - one.taken_ms) / 1000
    const before = is_new ? null : one.standing
    valuesInto(layout, { before, now: scratch, between_s, cpus: sample.cpus }, one.values)
    for (let at = 0; at < width; at++) one.standing[at] = scratch[at] ?? 0
    one.taken_ms = taken_ms
    one.at_ms = at_ms
    one.heard_ms = heard_ms
    one.cpus = sample.cpus
    keep(one, step_s, finished)
    this.counted.samples += 1
    this.tell(one)
  }

  /** Writes what silent hosts have left, and forgets it. */
  sweep(): void {
    const steady_ms = this.parts.clock.steady_ms()
    const silent = [...this.tracked.values()].filter(one => steady_ms - one.heard_ms > silent_ms_max)
    this.writer.write(finishAll(silent))
    for (const one of silent) {
      this.tracked.delete(one.resource_id)
      forget(one)
    }
    for (const [id, until_ms] of this.asked) if (until_ms < steady_ms) this.asked.delete(id)
  }

  /** For tests and shutdown: writes all that is open, and waits for it. */
  async flush(): Promise<void> {
    this.writer.write(finishAll(this.tracked.values()))
    await this.writer.flush()
  }

  /** As it is now: a copy, to be kept as long as one likes. */
  latest(id: string): Latest | undefined {
    const one = this.tracked.get(id)
    if (!one) return undefined
    const { resource_id, kind, at_ms, series, values, standing } = one
    return { resource_id, kind, at_ms, series, values: Array.from(values), standing: Array.from(standing) }
  }

  all(): Iterable<Latest> {
    return this.tracked.values()
  }

  /**
   * What is not in the database yet: minutes that are on their way there, and those that still fill. To be asked for before the
   * database is read: what arrives there meanwhile is then found twice, and otherwise not at all.
   */
  unwritten(ids: readonly string[]): PackedBlock[] {
    const wanted = new Set(ids)
    const leaving = this.writer.leaving().filter(one => wanted.has(one.resource_id))
    // A copy: what was written gives its memory back.
    const copies = leaving.map(({ slot: _, ...one }) => ({ ...one, mean: one.mean.slice(), counters: null }))
    return [...copies, ...ids.flatMap(id => this.openBlock(id) ?? [])]
  }

  private openBlock(id: string): PackedBlock | null {
    const one = this.tracked.get(id)
    if (!one?.minute || one.minute.count === 0) return null
    const { at_ms, step_s, points } = one.minute
    // A copy: the next minute is written over it.
    return {
      resource_id: id,
      at_ms,
      step_s,
      series: one.layout.series,
      mean: points.slice(),
      peak: null,
      counters: null,
    }
  }

  /** Calls for each new sample of these, until the returned function is called. */
  watch(ids: readonly string[], watcher: MetricWatcher): () => void {
    for (const id of ids) this.watchers.set(id, (this.watchers.get(id) ?? new Set()).add(watcher))
    this.askFor(ids)
    return () => {
      for (const id of ids) {
        const all = this.watchers.get(id)
        all?.delete(watcher)
        if (all?.size === 0) this.watchers.delete(id)
      }
    }
  }

  private tell(latest: Latest): void {
    if (this.watchers.size === 0 && this.asked.size === 0) return
    for (const watcher of this.watchers.get(latest.resource_id) ?? []) watcher(latest)
    if ((this.asked.get(latest.resource_id) ?? 0) > this.parts.clock.steady_ms())
      this.notify(told(this.parts.controller_id, latest))
  }

  private askFor(ids: readonly string[]): void {
    const elsewhere = ids.filter(id => !this.tracked.has(id))
    for (let n = 0; n < elsewhere.length; n += notice_ids_max) {
      this.notify(JSON.stringify({ by: this.parts.controller_id, asks: elsewhere.slice(n, n + notice_ids_max) }))
    }
  }

  private askAgain(): void {
    const timer = this.parts.clock.after(interest_ms, () => {
      this.askFor([...this.watchers.keys()])
      this.askAgain()
    })
    this.stops.splice(1, 1, () => timer.cancel())
  }

  private notify(payload: string): void {
    if (Buffer.byteLength(payload) > notice_bytes_max) return
    this.store.notify(payload).catch((error: unknown) => {
      this.parts.log.debug({ err: error }, 'other controllers could not be told of metrics')
    })
  }

  /** What another controller asks for, or has measured. */
  private hear(payload: string | null): void {
    if (payload === null) return
    const notice = JSON.parse(payload) as { by: string; asks?: string[]; tells?: Told }
    if (notice.by === this.parts.controller_id) return
    const until_ms = this.parts.clock.steady_ms() + 2 * interest_ms
    for (const id of notice.asks ?? []) this.asked.set(id, until_ms)
    if (!notice.tells) return
    const { id, kind, at_ms, values } = notice.tells
    const latest = { resource_id: id, kind, at_ms, series: Object.keys(values), standing: null }
    const numbers = Object.values(values).map(value => value ?? Number.NaN)
    for (const watcher of this.watchers.get(id) ?? []) watcher({ ...latest, values: numbers })
  }
}

/** A frame of samples: whose, when, how often, and the minutes that it ends. */
interface Taken {
  host_id: string
  taken_ms: number
  at_ms: number
  heard_ms: number
  step_s: number
  finished: Finished[]
}

interface Told {
  id: string
  kind: MetricKind
  at_ms: number
  values: Record<string, number | null>
}

function told(by: string, { resource_id, kind, at_ms, series, values }: Latest): string {
  const round = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? null : Number(value.toPrecision(6))
  const tells: Told = {
    id: resource_id,
    kind,
    at_ms,
    values: Object.fromEntries(series.map((key, n) => [key, round(values[n])])),
  }
  return JSON.stringify({ by, tells })
}
