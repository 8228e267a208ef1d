/**
 * From what a host measured to values: which series a sample has, and rates from counters, over resets. Pure. A host is not
 * trusted: whatever it says, the outcome is a finite number or nothing.
 */
import type { MetricKind, MetricName, SeriesKey } from '../../model/metrics.ts'
import { metricOf } from '../../model/metrics.ts'
import {
  type DiskSample,
  diskFields,
  type HostSample,
  type InstanceSample,
  nicFields,
  type NicSample,
  type PackedSample,
} from '../../protocol/samples.ts'

/** The series of a resource in their order; the same for all that have the same devices. */
export interface Layout {
  readonly key: string
  readonly series: readonly SeriesKey[]
  /** Which of them are rates of counters, by place. */
  readonly counters: readonly number[]
}

/** Beyond these, rates would say nothing: a link was away, or the host's clock is no clock. */
const between_s_min = 0.5
const between_s_max = 600

const diskMetrics = {
  read_bytes: 'disk_read_bytes_per_s',
  write_bytes: 'disk_write_bytes_per_s',
  read_ops: 'disk_read_ops_per_s',
  write_ops: 'disk_write_ops_per_s',
} as const satisfies Record<Exclude<keyof DiskSample, 'name'>, MetricName>

const nicMetrics = {
  receive_bytes: 'net_receive_bytes_per_s',
  transmit_bytes: 'net_transmit_bytes_per_s',
  receive_packets: 'net_receive_packets_per_s',
  transmit_packets: 'net_transmit_packets_per_s',
  drops: 'net_drops_per_s',
} as const satisfies Record<Exclude<keyof NicSample, 'name'>, MetricName>

export type Sample = InstanceSample | PackedSample | HostSample

/** Names of devices, with commas between. */
function devicesOf(sample: Sample): { pools: string; disks: string; nics: string } {
  if ('values' in sample) return { pools: '', disks: sample.disks, nics: sample.nics }
  const names = (all: readonly { name: string }[]) => all.map(one => one.name).join()
  return { pools: 'pools' in sample ? names(sample.pools) : '', disks: names(sample.disks), nics: names(sample.nics) }
}

/** Two samples with the same devices have the same key. */
export function layoutKey(kind: MetricKind, sample: Sample): string {
  const { pools, disks, nics } = devicesOf(sample)
  return `${kind}|${pools}|${disks}|${nics}`
}

export function layoutOf(kind: MetricKind, sample: Sample): Layout {
  const { pools, disks, nics } = devicesOf(sample)
  const each = (names: string) => (names === '' ? [] : names.split(','))
  const series: SeriesKey[] = ['cpu_percent', 'memory_used_bytes', 'memory_size_bytes']
  if ('load1' in sample) series.push('load1')
  for (const name of each(pools)) series.push(`pool_used_bytes/${name}`, `pool_size_bytes/${name}`)
  for (const name of each(disks)) for (const field of diskFields) series.push(`${diskMetrics[field]}/${name}`)
  for (const name of each(nics)) for (const field of nicFields) series.push(`${nicMetrics[field]}/${name}`)
  return { key: layoutKey(kind, sample), series, counters: countersOf(series) }
}

/** The places of those series that are rates of counters. */
export function countersOf(series: readonly SeriesKey[]): number[] {
  return series.flatMap((key, at) => (metricOf(key.split('/', 1)[0] as MetricName).counter === undefined ? [] : at))
}

/**
 * Into `standing`, in the layout's order: gauges, and counters as they stand. NaN for what the host cannot tell. Ten thousand
 * samples a second pass here: nothing is made anew.
 */
export function standingInto(sample: Sample, standing: Float64Array): void {
  if ('values' in sample) {
    const { values } = sample
    for (let at = 0; at < values.length; at++) standing[at] = values[at] ?? Number.NaN
    return
  }
  standing[0] = sample.cpu_s
  standing[1] = sample.memory_used_bytes ?? Number.NaN
  standing[2] = sample.memory_size_bytes
  let at = 3
  if ('load1' in sample) standing[at++] = sample.load1
  if ('pools' in sample) {
    for (const { used_bytes, size_bytes } of sample.pools) {
      standing[at++] = used_bytes
      standing[at++] = size_bytes
    }
  }
  for (const disk of sample.disks) for (const field of diskFields) standing[at++] = disk[field]
  for (const nic of sample.nics) for (const field of nicFields) standing[at++] = nic[field]
}

/**
 * Into `values` what to keep of a sample: gauges as they are, and each counter's growth a second since the sample before. A counter
 * that went back began anew at 0. Without a sample before, or after too long, there are no rates.
 */
export function valuesInto(
  layout: Layout,
  { before, now, between_s, cpus }: { before: Float64Array | null; now: Float64Array; between_s: number; cpus: number },
  values: Float32Array,
): void {
  for (let at = 0; at < values.length; at++) values[at] = now[at] ?? Number.NaN
  const has_rates = before !== null && between_s >= between_s_min && between_s <= between_s_max
  for (const at of layout.counters) {
    const [last, next] = [before?.[at] ?? 0, now[at] ?? 0]
    const grown = next < last ? next : next - last
    const rate = has_rates ? grown / between_s : Number.NaN
    // The CPU's time comes first.
    values[at] = at === 0 ? Math.min(100, (rate * 100) / cpus) : rate
  }
}
