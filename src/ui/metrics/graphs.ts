/** Which graphs there are for what, and how lines come from an answer. Pure. */
import type { MetricHistory, MetricsNow } from '../../api/metrics.ts'
import { type MetricKind, type MetricName, metricTable, type MetricUnit } from '../../model/metrics.ts'

export interface Graph {
  id: 'cpu' | 'memory' | 'load' | 'disk' | 'disk_ops' | 'network' | 'packets' | 'pool'
  metrics: readonly MetricName[]
  kinds: readonly MetricKind[]
  /** From 0 to this, whatever is measured. */
  top?: number
}

const both = ['instance', 'host'] as const
const host = ['host'] as const

export const graphs: readonly Graph[] = [
  { id: 'cpu', metrics: ['cpu_percent'], kinds: both, top: 100 },
  { id: 'memory', metrics: ['memory_used_bytes', 'memory_size_bytes'], kinds: both },
  { id: 'load', metrics: ['load1'], kinds: host },
  { id: 'network', metrics: ['net_receive_bytes_per_s', 'net_transmit_bytes_per_s'], kinds: both },
  { id: 'disk', metrics: ['disk_read_bytes_per_s', 'disk_write_bytes_per_s'], kinds: both },
  { id: 'disk_ops', metrics: ['disk_read_ops_per_s', 'disk_write_ops_per_s'], kinds: both },
  {
    id: 'packets',
    metrics: ['net_receive_packets_per_s', 'net_transmit_packets_per_s', 'net_drops_per_s'],
    kinds: both,
  },
  { id: 'pool', metrics: ['pool_used_bytes', 'pool_size_bytes'], kinds: host },
]

export interface GraphLine {
  resource_id: string
  /** Place among the resources compared: its colour. */
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

/** In the order of the resources, then of the graph's metrics. */
export function linesOf(graph: Graph, { resources }: Pick<MetricHistory, 'resources'>): GraphLine[] {
  return resources.flatMap(({ resource_id, series }, place) =>
    graph.metrics.flatMap((metric, dash) => {
      const found = series.find(one => one.name === metric && one.device === null)
      return found ? { resource_id, place, metric, dash, values: found.mean } : []
    }),
  )
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
