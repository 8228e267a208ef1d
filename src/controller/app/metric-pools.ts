/**
 * Metrics of pools: no pool measures itself, each host that has it does. All of them see the same room, so one speaks for it and a
 * shared pool counts once. Pure. Not its job: which hosts have it (store/metrics.ts).
 */
import { type MetricName, type SeriesKey, splitSeries } from '../../model/metrics.ts'
import { ownPool } from '../../protocol/samples.ts'
import type { PoolHost } from '../store/metrics.ts'
import type { Line } from './metric-blocks.ts'
import type { Latest } from './metric-minute.ts'

export type Newest = Pick<Latest, 'at_ms' | 'series' | 'values'>

/** What a host's series says of the pool that its disks are in; null for all else. */
export function roomName(key: SeriesKey): MetricName | null {
  if (!key.startsWith('pool_')) return null
  const split = splitSeries(key)
  return split?.device === ownPool ? split.name : null
}

/** Of what a host measured its pool's room, as the pool's own; null when it said nothing of it. */
export function roomOf({ at_ms, series, values }: Newest): Newest | null {
  const found = series.flatMap((key, place) => {
    const name = roomName(key)
    return name === null ? [] : { name, value: values[place] ?? Number.NaN }
  })
  if (found.length === 0) return null
  return { at_ms, series: found.map(one => one.name), values: found.map(one => one.value) }
}

/**
 * In the order in which they are asked: who measured lately before who did not, who is linked before who is not, then by the newest
 * sample, then by id.
 */
export function speakers(hosts: readonly PoolHost[], newest: ReadonlyMap<string, Newest>): string[] {
  const ranked = hosts.map(({ id, linked }) => {
    const said = newest.get(id)
    return { id, linked, at_ms: said && said.series.some(key => roomName(key) !== null) ? said.at_ms : -1 }
  })
  ranked.sort(
    (a, b) =>
      Number(b.at_ms >= 0) - Number(a.at_ms >= 0) ||
      Number(b.linked) - Number(a.linked) ||
      b.at_ms - a.at_ms ||
      (a.id < b.id ? -1 : 1),
  )
  return ranked.map(one => one.id)
}

export function roomNow(hosts: readonly PoolHost[], newest: ReadonlyMap<string, Newest>): Newest | undefined {
  const [first] = speakers(hosts, newest)
  const said = first === undefined ? undefined : newest.get(first)
  return (said && roomOf(said)) ?? undefined
}

/** The lines of the first, and where it has no point those of the next. */
export function fillGaps(told: readonly Map<SeriesKey, Line>[]): Map<SeriesKey, Line> {
  const [first = new Map<SeriesKey, Line>(), ...others] = told
  for (const [key, { mean, peak }] of others.flatMap(lines => [...lines])) {
    const line = first.get(key)
    if (!line) {
      first.set(key, { mean, peak })
      continue
    }
    for (let n = 0; n < mean.length; n++) {
      if (!Number.isNaN(line.mean[n])) continue
      line.mean[n] = mean[n] ?? Number.NaN
      line.peak[n] = peak[n] ?? Number.NaN
    }
  }
  return first
}

/** Which host speaks for each pool that is watched, and when it did last. */
export type Speaking = Map<string, { host_id: string; at_ms: number }>

/** Whether this sample is the pool's: of the host that speaks for it, or of another when that one has been silent for too long. */
export function hearOne(
  speaking: Speaking,
  pool_id: string,
  { resource_id, at_ms }: Pick<Latest, 'resource_id' | 'at_ms'>,
  silent_ms: (host_id: string) => number,
): boolean {
  const before = speaking.get(pool_id)
  if (before && before.host_id !== resource_id && at_ms - before.at_ms < silent_ms(before.host_id)) return false
  speaking.set(pool_id, { host_id: resource_id, at_ms })
  return true
}
