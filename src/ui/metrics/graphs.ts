/** Which graphs there are for what, and how lines come from an answer. Pure. */
import type { MetricHistory, MetricsNow } from '../../api/metrics.ts'
import { type MetricKind, type MetricName, metricTable, type MetricUnit } from '../../model/metrics.ts'

export interface Graph {
  id: 'cpu' | 'memory' | 'load' | 'disk' | 'disk_ops' | 'network' | 'packets' | 'pool' | 'room'
  metrics: readonly MetricName[]
  kinds: readonly MetricKind[]
  /** From 0 to this, whatever is measured. */
  top?: number
  /** Of these kinds there is a series for each disk, NIC or pool, too. */
  per_device?: readonly MetricKind[]
}

const both = ['instance', 'host'] as const
const host = ['host'] as const

export const graphs: readonly Graph[] = [
  { id: 'cpu', metrics: ['cpu_percent'], kinds: both, top: 100 },
  { id: 'memory', metrics: ['memory_used_bytes', 'memory_size_bytes'], kinds: both },
  { id: 'load', metrics: ['load1'], kinds: host },
  { id: 'network', metrics: ['net_receive_bytes_per_s', 'net_transmit_bytes_per_s'], kinds: both, per_device: both },
  { id: 'disk', metrics: ['disk_read_bytes_per_s', 'disk_write_bytes_per_s'], kinds: both, per_device: both },
  { id: 'disk_ops', metrics: ['disk_read_ops_per_s', 'disk_write_ops_per_s'], kinds: both, per_device: both },
  {
    id: 'packets',
    metrics: ['net_receive_packets_per_s', 'net_transmit_packets_per_s', 'net_drops_per_s'],
    kinds: both,
    per_device: both,
  },
  { id: 'pool', metrics: ['pool_used_bytes', 'pool_size_bytes'], kinds: host, per_device: host },
  { id: 'room', metrics: ['pool_used_bytes', 'pool_size_bytes'], kinds: ['pool'] },
]

/** What an axis reaches at least, so that its marks differ. */
const least: Readonly<Record<MetricUnit, number>> = {
  ...{ percent: 4, bytes: 4096, bytes_per_s: 4096, per_s: 4, load: 1, count: 4 },
}

/** The marks of an axis for values up to `most`: from 0 on, at most six, each a number that reads well. */
export function marksOf(unit: MetricUnit, most: number): number[] {
  const wanted = Math.max(most, least[unit])
  const is_bytes = unit === 'bytes' || unit === 'bytes_per_s'
  const base = is_bytes ? 2 : 10
  const power = base ** Math.floor(Math.log(wanted / 5) / Math.log(base))
  // One more than there is between two powers: a logarithm may be a little off. What is just over a mark has room above it.
  const step = power * ((is_bytes ? [1, 2, 4] : [1, 2, 5, 10, 20]).find(one => one * power * 5 >= wanted) ?? 1)
  return Array.from({ length: Math.ceil(wanted / step - 0.02) + 1 }, (_, n) => n * step)
}

export interface GraphLine {
  resource_id: string
  /** Null: all of them together. */
  device: string | null
  /** Place among the resources compared, or among all their devices: its colour. */
  place: number
  metric: MetricName
  /** Place among the graph's metrics: its dashes. */
  dash: number
  values: readonly (number | null)[]
}

export function unitOf(graph: Graph): MetricUnit {
  const [first] = graph.metrics
  return first ? metricTable[first].unit : 'count'
}

/** Lines of more would not be told apart. */
export const devices_max = 8

type Resources = Pick<MetricHistory, 'resources'>
type Drawn = { resource: MetricHistory['resources'][number]; device: string | null }

/** The devices of which the graph has series, in the order of the resources. */
export function devicesOf(graph: Graph, { resources }: Resources): (Drawn & { device: string })[] {
  return resources.flatMap(resource => {
    const own = resource.series.filter(one => graph.metrics.includes(one.name))
    return [...new Set(own.flatMap(one => one.device ?? []))].map(device => ({ resource, device }))
  })
}

/** Those that have the most of what the graph shows. */
function busiest(graph: Graph, history: Resources): Drawn[] {
  const all = devicesOf(graph, history)
  if (all.length <= devices_max) return all
  const weighed = all.map(one => ({ one, weight: weightOf(graph, one) }))
  const kept = new Set(weighed.toSorted((a, b) => b.weight - a.weight).slice(0, devices_max))
  return weighed.filter(each => kept.has(each)).map(each => each.one)
}

function weightOf({ metrics }: Graph, { resource, device }: Drawn): number {
  const own = resource.series.filter(one => one.device === device && metrics.includes(one.name))
  return own.reduce((sum, { mean }) => sum + mean.reduce((total: number, value) => total + (value ?? 0), 0), 0)
}

/**
 * In the order of the resources, then of their devices, then of the graph's metrics. `each`: a line for each device, as soon as any
 * is there; else for all of a resource's together.
 */
export function linesOf(graph: Graph, history: Resources, each = false): GraphLine[] {
  const devices = each ? busiest(graph, history) : []
  const drawn: Drawn[] = devices.length > 0 ? devices : history.resources.map(resource => ({ resource, device: null }))
  return drawn.flatMap(({ resource, device }, place) =>
    graph.metrics.flatMap((metric, dash) => {
      const found = resource.series.find(one => one.name === metric && one.device === device)
      return found ? { resource_id: resource.resource_id, device, place, metric, dash, values: found.mean } : []
    }),
  )
}

/** The same for the same line, and for no other one of its graph. */
export function keyOf({ resource_id, device, metric }: GraphLine): string {
  return [resource_id, device ?? '', metric].join(' ')
}

/** Seconds since 1970 of each point. */
export function timesOf({ from, step_s, resources }: MetricHistory): number[] {
  const begin_s = Date.parse(from) / 1000
  const points = Math.max(0, ...resources.flatMap(one => one.series.map(series => series.mean.length)))
  return Array.from({ length: points }, (_, n) => begin_s + n * step_s)
}

/**
 * A sample at the end of a history that follows the present. A point that is there already takes its share of it; the window
 * moves on, as long as it was.
 */
export function withSample(history: MetricHistory, now: MetricsNow, interval_s = 10): MetricHistory {
  const { step_s } = history
  const at_s = now.at === null ? Number.NaN : Date.parse(now.at) / 1000
  const begin_s = Date.parse(history.from) / 1000
  const place = Math.floor((at_s - begin_s) / step_s)
  const length = timesOf(history).length
  if (!(place >= 0) || place > length + 1000 || length === 0) return history
  const gone = Math.max(0, place + 1 - length)
  const moved = (values: readonly (number | null)[]) => [
    ...values.slice(gone),
    ...Array.from({ length: Math.min(gone, length) }, () => null),
  ]
  const resources = history.resources.map(resource => ({
    ...resource,
    series: resource.series.map(series => {
      const mean = moved(series.mean)
      const said = now.values.find(one => one.name === series.name && one.device === series.device)?.value ?? null
      if (resource.resource_id === now.resource_id && said !== null) {
        const before = mean[place - gone] ?? null
        mean[place - gone] = before === null ? said : before + (said - before) * Math.min(1, interval_s / step_s)
      }
      return { ...series, mean, peak: series.peak && moved(series.peak) }
    }),
  }))
  const shifted = (time: string) => new Date(Date.parse(time) + gone * step_s * 1000).toISOString()
  return { ...history, from: shifted(history.from), to: shifted(history.to), resources }
}
