/**
 * What an instance counts as where room is promised of a host, or kept free for lost ones. Memory in huge pages is no usual memory, and CPUs of its
 * own are not promised again, so they take as many vCPUs as might have shared them. Pure. The arithmetic of the reserve is ha-reserve.ts.
 */
import type { AssignedHardware } from './hardware.ts'

/** So much of each thing that hosts have besides vCPUs and usual memory; its unit is in the name. */
export type Things = ReadonlyMap<string, number>

export interface ReserveSize {
  readonly vcpus: number
  /** In usual pages. */
  readonly memory_mib: number
  /** Absent: nothing. */
  readonly hardware?: Things
}

export const nothing: ReserveSize = { vcpus: 0, memory_mib: 0 }

export function pagesName(size_kib: number): string {
  return `MiB in huge pages of ${size_kib} KiB`
}

export function devicesName(alias: string): string {
  return `${alias} devices`
}

export interface HardwareCounts {
  dedicated_vcpus: number
  pinned_cpus: number
  huge_mib: number
}

export function countsOf({ cells, idle_cpus, page_size_kib }: AssignedHardware): HardwareCounts {
  const dedicated_vcpus = cells.reduce((sum, cell) => sum + cell.cpus.length, 0)
  const memory_mib = cells.reduce((sum, cell) => sum + cell.memory_mib, 0)
  const huge_mib = page_size_kib === null ? 0 : memory_mib
  return { dedicated_vcpus, pinned_cpus: dedicated_vcpus + idle_cpus.length, huge_mib }
}

/** A host, as CPUs of one's own count there. */
export interface CpusOfHost {
  readonly vcpus_limit: number
  readonly cpus: number
}

/** Their part of what may be promised, with overcommit and without what is kept back: withoutPinned of store/host-claim.ts has it in SQL. */
export function vcpusOfPinned(pinned_cpus: number, { vcpus_limit, cpus }: CpusOfHost): number {
  return Math.ceil((vcpus_limit * pinned_cpus) / Math.max(cpus, 1))
}

interface Size {
  readonly vcpus: number
  readonly memory_mib: number
}

/** What it takes of what this host may promise, beside `pinned_before` CPUs that are others' own. `assigned`: what of it is its own. */
export function sizeOn(
  host: CpusOfHost,
  { vcpus, memory_mib }: Size,
  assigned: AssignedHardware,
  pinned_before = 0,
): ReserveSize {
  const { dedicated_vcpus, pinned_cpus } = countsOf(assigned)
  const own = vcpusOfPinned(pinned_before + pinned_cpus, host) - vcpusOfPinned(pinned_before, host)
  return { ...besideCpus(memory_mib, assigned), vcpus: vcpus - dedicated_vcpus + own }
}

/**
 * What it needs on another host of its cluster, whichever that is: its CPUs count as on one that keeps none of its own back, where they take the most.
 * `assigned`: what of a host is its own; null: nothing. `cpu_overcommit`: of the cluster.
 */
export function sizeElsewhere(
  { vcpus, memory_mib }: Size,
  assigned: AssignedHardware | null,
  cpu_overcommit: number,
): ReserveSize {
  if (!assigned) return { vcpus, memory_mib }
  const { dedicated_vcpus, pinned_cpus } = countsOf(assigned)
  return {
    ...besideCpus(memory_mib, assigned),
    vcpus: vcpus - dedicated_vcpus + Math.ceil(pinned_cpus * cpu_overcommit),
  }
}

/** Its memory in usual pages, and its hardware. */
function besideCpus(memory_mib: number, assigned: AssignedHardware): Omit<ReserveSize, 'vcpus'> {
  const { huge_mib } = countsOf(assigned)
  const hardware = new Map<string, number>()
  if (assigned.page_size_kib !== null && huge_mib > 0) hardware.set(pagesName(assigned.page_size_kib), huge_mib)
  for (const { alias } of assigned.pci) addTo(hardware, devicesName(alias), 1)
  return { memory_mib: memory_mib - huge_mib, hardware }
}

export function addTo(sums: Map<string, number>, name: string, amount: number): void {
  sums.set(name, (sums.get(name) ?? 0) + amount)
}

/** `sign` -1: what is left of the first without the second. */
export function plus(one: ReserveSize, other: ReserveSize, sign: 1 | -1 = 1): ReserveSize {
  const [vcpus, memory_mib] = [one.vcpus + sign * other.vcpus, one.memory_mib + sign * other.memory_mib]
  if (!other.hardware || other.hardware.size === 0) {
    return { vcpus, memory_mib, ...(one.hardware && { hardware: one.hardware }) }
  }
  const hardware = new Map(one.hardware)
  for (const [name, amount] of other.hardware) addTo(hardware, name, sign * amount)
  return { vcpus, memory_mib, hardware }
}

/** What of `size` there is more than `room` of; empty: it fits. Of what it does not need, no room is needed, be it lacking or not. */
export function lackingOf(room: ReserveSize, size: ReserveSize): string[] {
  const lacks = (need: number, left: number, name: string) =>
    need > 0 && need > left ? [`${need - Math.max(0, left)} ${name}`] : []
  return [
    ...lacks(size.vcpus, room.vcpus, 'vCPUs'),
    ...lacks(size.memory_mib, room.memory_mib, 'MiB of memory'),
    ...[...(size.hardware ?? [])].flatMap(([name, need]) => lacks(need, room.hardware?.get(name) ?? 0, name)),
  ]
}

/** As lackingOf, at once. */
export function fitsIn(room: ReserveSize, size: ReserveSize): boolean {
  if (size.vcpus > 0 && size.vcpus > room.vcpus) return false
  if (size.memory_mib > 0 && size.memory_mib > room.memory_mib) return false
  return !size.hardware || [...size.hardware].every(([name, need]) => need <= (room.hardware?.get(name) ?? 0))
}
