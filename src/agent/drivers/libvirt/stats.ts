/** From libvirt's bulk statistics to samples of instances. libvirt counts a NIC's traffic as the guest sees it. */
import { type DomainRef, type Libvirt, listFlag, statsFlag, statsGroup } from '../../../lib/libvirt/index.ts'
import { deviceName, type DiskSample, type InstanceSample, type NicSample } from '../../../protocol/samples.ts'

type Values = Readonly<Record<string, number | string | boolean>>

const devices_max = 64

/** One call for all guests that run, which waits for none that libvirt is busy with. */
export async function measureGuests(libvirt: Libvirt): Promise<InstanceSample[]> {
  const { state, cpu_total, balloon, vcpu, interface: nics, block } = statsGroup
  const groups = state | cpu_total | balloon | vcpu | nics | block
  return instanceSamples(await libvirt.domains.stats(groups, listFlag.active | statsFlag.nowait))
}

export function instanceSamples(stats: readonly { domain: DomainRef; values: Values }[]): InstanceSample[] {
  return stats.flatMap(({ domain, values }) => {
    // Missing for a domain that libvirt is busy with: half a sample would look like a guest at rest.
    const cpu_ns = values['cpu.time']
    if (typeof cpu_ns !== 'number') return []
    return {
      id: domain.uuid,
      cpus: Math.max(1, count(values, 'vcpu.current')),
      cpu_s: cpu_ns / 1e9,
      ...memory(values),
      disks: disks(values),
      nics: nics(values),
    }
  })
}

function count(values: Values, name: string): number {
  const value = values[name]
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : 0
}

function known(values: Values, name: string): number | null {
  const value = values[name]
  return typeof value === 'number' && value >= 0 ? value : null
}

/** In the guest's own view once its balloon driver has told; else the part of the host's memory that QEMU holds. */
function memory(values: Values): Pick<InstanceSample, 'memory_used_bytes' | 'memory_size_bytes'> {
  const memory_size_bytes = count(values, 'balloon.current') * 1024
  const available = known(values, 'balloon.available')
  const free = known(values, 'balloon.usable') ?? known(values, 'balloon.unused')
  const told = count(values, 'balloon.last-update') > 0
  if (told && available !== null && free !== null) {
    return { memory_used_bytes: Math.max(0, available - free) * 1024, memory_size_bytes }
  }
  const rss = known(values, 'balloon.rss')
  return { memory_used_bytes: rss === null ? null : rss * 1024, memory_size_bytes }
}

function disks(values: Values): DiskSample[] {
  return each(values, 'block', (at, name) => ({
    name,
    read_bytes: count(values, `${at}.rd.bytes`),
    write_bytes: count(values, `${at}.wr.bytes`),
    read_ops: count(values, `${at}.rd.reqs`),
    write_ops: count(values, `${at}.wr.reqs`),
  }))
}

/** Named by their place: a tap's name says nothing to people, and differs on every host. */
function nics(values: Values): NicSample[] {
  return each(values, 'net', (at, _, n) => ({
    name: `nic${n}`,
    receive_bytes: count(values, `${at}.rx.bytes`),
    transmit_bytes: count(values, `${at}.tx.bytes`),
    receive_packets: count(values, `${at}.rx.pkts`),
    transmit_packets: count(values, `${at}.tx.pkts`),
    drops: count(values, `${at}.rx.drop`) + count(values, `${at}.tx.drop`),
  }))
}

/** libvirt numbers devices, and each layer of a disk's chain with `backing`; without it each device is there once. */
function each<T>(values: Values, group: string, make: (at: string, name: string, n: number) => T): T[] {
  const total = Math.min(count(values, `${group}.count`), devices_max)
  return Array.from({ length: total }, (_, n) => n).flatMap(n => {
    const name = String(values[`${group}.${n}.name`] ?? '')
    return deviceName.test(name) ? make(`${group}.${n}`, name, n) : []
  })
}
