/**
 * What is measured: the names of metrics, their units, and how a device's series is named. Shared by controller, command line and
 * UI. Pure. Not its job: measuring (the agent), rates and history (the controller).
 */

export const metricKinds = ['instance', 'host', 'cluster', 'pool'] as const
export type MetricKind = (typeof metricKinds)[number]

export const metricUnits = ['percent', 'bytes', 'bytes_per_s', 'per_s', 'load', 'count'] as const
export type MetricUnit = (typeof metricUnits)[number]

interface Metric {
  unit: MetricUnit
  kinds: readonly MetricKind[]
  /** There is one series for each of these. */
  per?: 'disk' | 'nic' | 'pool'
  /** It is the rate of this counter, which Prometheus is told (its name without `croft_<kind>_`). */
  counter?: string
  summary: string
}

const both = ['instance', 'host'] as const
const room = ['host', 'pool'] as const

function rate(per: 'disk' | 'nic', unit: MetricUnit, counter: string, summary: string): Metric {
  return { unit, kinds: both, per, counter, summary }
}

export const metricTable = {
  cpu_percent: {
    unit: 'percent',
    kinds: both,
    counter: 'cpu_seconds_total',
    summary: 'CPU time used, of all its CPUs',
  },
  memory_used_bytes: {
    unit: 'bytes',
    kinds: both,
    summary: 'Memory in use: as the guest sees it where its balloon driver tells, else what QEMU holds',
  },
  memory_size_bytes: { unit: 'bytes', kinds: both, summary: 'Memory that it has' },
  load1: { unit: 'load', kinds: ['host'], summary: 'Load average over one minute' },
  pool_used_bytes: { unit: 'bytes', kinds: room, per: 'pool', summary: 'Room of the storage pool that is taken' },
  pool_size_bytes: { unit: 'bytes', kinds: room, per: 'pool', summary: 'Room of the storage pool' },
  disk_read_bytes_per_s: rate('disk', 'bytes_per_s', 'disk_read_bytes_total', 'Read from disks'),
  disk_write_bytes_per_s: rate('disk', 'bytes_per_s', 'disk_written_bytes_total', 'Written to disks'),
  disk_read_ops_per_s: rate('disk', 'per_s', 'disk_reads_total', 'Read requests to disks'),
  disk_write_ops_per_s: rate('disk', 'per_s', 'disk_writes_total', 'Write requests to disks'),
  net_receive_bytes_per_s: rate('nic', 'bytes_per_s', 'network_receive_bytes_total', 'Received'),
  net_transmit_bytes_per_s: rate('nic', 'bytes_per_s', 'network_transmit_bytes_total', 'Sent'),
  net_receive_packets_per_s: rate('nic', 'per_s', 'network_receive_packets_total', 'Packets received'),
  net_transmit_packets_per_s: rate('nic', 'per_s', 'network_transmit_packets_total', 'Packets sent'),
  net_drops_per_s: rate('nic', 'per_s', 'network_drops_total', 'Packets dropped, both ways'),
  instances: { unit: 'count', kinds: ['cluster'], summary: 'Instances that have a place' },
  vcpus_claimed: { unit: 'count', kinds: ['cluster'], summary: 'vCPUs given to instances' },
  vcpus_limit: { unit: 'count', kinds: ['cluster'], summary: 'vCPUs that may be given, after overcommit' },
  memory_claimed_bytes: { unit: 'bytes', kinds: ['cluster'], summary: 'Memory given to instances' },
  memory_limit_bytes: { unit: 'bytes', kinds: ['cluster'], summary: 'Memory that may be given' },
  disk_claimed_bytes: { unit: 'bytes', kinds: ['cluster'], summary: 'Storage given to instances' },
  disk_limit_bytes: { unit: 'bytes', kinds: ['cluster'], summary: 'Storage that may be given' },
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof metricTable
export const metricNames = Object.keys(metricTable) as MetricName[]

export function metricOf(name: MetricName): Metric {
  return metricTable[name]
}

/** A series is a metric, or a metric of one device: 'cpu_percent', 'disk_read_ops_per_s/vda'. */
export type SeriesKey = string

/** Null for what is no metric. */
export function splitSeries(key: SeriesKey): { name: MetricName; device: string | null } | null {
  const slash = key.indexOf('/')
  const name = slash < 0 ? key : key.slice(0, slash)
  if (!Object.hasOwn(metricTable, name)) return null
  return { name: name as MetricName, device: slash < 0 ? null : key.slice(slash + 1) }
}

/** How long history goes back, by the distance of its points. A request for older things gets coarser points. */
export const metricTiers = [
  { step_s: 10, keep_s: 6 * 3600 },
  { step_s: 300, keep_s: 8 * 86_400 },
  { step_s: 3600, keep_s: 366 * 86_400 },
] as const
