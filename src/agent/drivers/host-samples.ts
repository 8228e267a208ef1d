/** What the host itself uses, from /proc. Its NICs and disks are those that facts tell of: hardware, not taps and loops. */
import { join } from 'node:path'
import { deviceName, type DiskSample, type HostSample, type NicSample, ownPool } from '../../protocol/samples.ts'
import { readDisks, readNics } from '../facts/devices.ts'
import { readText } from '../facts/text.ts'

/** Linux tells CPU time in hundredths of a second on every architecture that there is (USER_HZ). */
const ticks_per_s = 100
/** Of /proc/diskstats, whatever the disk's own. */
const sector_bytes = 512

export async function hostSample(
  room: () => Promise<{ total_bytes: number; free_bytes: number }>,
  root = '/',
): Promise<HostSample> {
  const proc = join(root, 'proc')
  const sys = join(root, 'sys')
  const [stat, meminfo, loadavg, netdev, diskstats, nics, disks, pool] = await Promise.all([
    readText(join(proc, 'stat')),
    readText(join(proc, 'meminfo')),
    readText(join(proc, 'loadavg')),
    readText(join(proc, 'net/dev')),
    readText(join(proc, 'diskstats')),
    readNics(sys),
    readDisks(sys),
    room(),
  ])
  const names = (all: readonly { name: string }[]) =>
    new Set(
      all
        .map(one => one.name)
        .filter(name => deviceName.test(name))
        .slice(0, 64),
    )
  return {
    ...parseStat(stat),
    ...parseMemory(meminfo),
    load1: Number(loadavg.split(' ', 1)[0]) || 0,
    nics: parseNetDev(netdev, names(nics)),
    disks: parseDiskstats(diskstats, names(disks)),
    pools: [{ name: ownPool, used_bytes: pool.total_bytes - pool.free_bytes, size_bytes: pool.total_bytes }],
  }
}

/** proc_stat(5). Guests' time is within user time; idle and iowait are time unused. */
export function parseStat(text: string): { cpus: number; cpu_s: number } {
  const lines = text.split('\n')
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (lines[0] ?? '')
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return {
    cpus: Math.max(1, lines.filter(line => /^cpu\d/.test(line)).length),
    cpu_s: (user + nice + system + irq + softirq + steal) / ticks_per_s,
  }
}

/** proc_meminfo(5): used is what is not to be had without swapping. */
export function parseMemory(text: string): { memory_used_bytes: number | null; memory_size_bytes: number } {
  const kib = (name: string) => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]
    return value === undefined ? null : Number(value)
  }
  const [size, available] = [kib('MemTotal') ?? 0, kib('MemAvailable')]
  return {
    memory_size_bytes: size * 1024,
    memory_used_bytes: available === null ? null : Math.max(0, size - available) * 1024,
  }
}

export function parseNetDev(text: string, names: ReadonlySet<string>): NicSample[] {
  return text.split('\n').flatMap(line => {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim()
    if (colon < 0 || !names.has(name)) return []
    const value = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number)
    return {
      name,
      receive_bytes: value[0] ?? 0,
      receive_packets: value[1] ?? 0,
      transmit_bytes: value[8] ?? 0,
      transmit_packets: value[9] ?? 0,
      drops: (value[3] ?? 0) + (value[11] ?? 0),
    }
  })
}

/** Documentation/admin-guide/iostats.rst of the kernel. */
export function parseDiskstats(text: string, names: ReadonlySet<string>): DiskSample[] {
  return text.split('\n').flatMap(line => {
    const value = line.trim().split(/\s+/)
    const name = value[2]
    if (name === undefined || !names.has(name)) return []
    const at = (n: number) => Number(value[n] ?? 0)
    return {
      name,
      read_ops: at(3),
      read_bytes: at(5) * sector_bytes,
      write_ops: at(7),
      write_bytes: at(9) * sector_bytes,
    }
  })
}
