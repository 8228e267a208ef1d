/**
 * How much of a cluster must stay free so that any `failures` of its hosts may be lost and their highly available instances
 * still find room. Pure. Which instances are highly available is theirs to say; what is not is not restarted, and needs no room.
 *
 * Let free(h) be what may still be promised of host h, and ha(h) what its highly available instances need. When the hosts F are
 * lost, what is left free is Σ free over the others, and what is needed Σ ha over F. It suffices when
 * Σ free(all) ≥ Σ over F of (free + ha), and so for every F of n hosts exactly when it does for the n hosts with the greatest
 * free + ha. That is taken for each resource by itself, which is on the safe side. A sum says nothing of pieces: `fits` packs the
 * instances of those hosts one by one onto what is left, the largest first.
 * So is each thing of hardware that instances have by name or number: the sum of what is left over all hosts, of huge pages of one size, or of
 * devices by one alias. A device with several aliases is in the sum of each, so of those that differ in this the sums may promise too much; `withoutPlace`
 * gives out each device once, and names who would have none.
 */
import { addTo, fitsIn, lackingOf, nothing, plus, type ReserveSize, type Things } from './reserve-size.ts'

export interface ReserveHost {
  readonly id: string
  readonly vcpus_free: number
  readonly memory_free_mib: number
  /** Sums of its highly available instances that are wanted running. */
  readonly ha_vcpus: number
  readonly ha_memory_mib: number
  /** Absent: nothing, or it is not asked for. */
  readonly hardware_free?: Things
  readonly ha_hardware?: Things
}

/** What may still be promised before the reserve is touched; negative: it is touched already. */
export function roomBeforeReserve(hosts: readonly ReserveHost[], failures: number): ReserveSize {
  const worst = (size: (host: ReserveHost) => number) =>
    hosts
      .map(size)
      .sort((a, b) => b - a)
      .slice(0, failures)
      .reduce((sum, one) => sum + one, 0)
  const left = (free: (host: ReserveHost) => number, needed: (host: ReserveHost) => number) =>
    hosts.reduce((all, host) => all + free(host), 0) - worst(host => free(host) + needed(host))
  const of = (name: string) =>
    left(
      host => host.hardware_free?.get(name) ?? 0,
      host => host.ha_hardware?.get(name) ?? 0,
    )
  const names = hardwareNames(hosts)
  return {
    vcpus: left(
      host => host.vcpus_free,
      host => host.ha_vcpus,
    ),
    memory_mib: left(
      host => host.memory_free_mib,
      host => host.ha_memory_mib,
    ),
    ...(names.length > 0 && { hardware: new Map(names.map(name => [name, of(name)])) }),
  }
}

function hardwareNames(hosts: readonly ReserveHost[]): string[] {
  const names = new Map<string, number>()
  for (const { hardware_free, ha_hardware } of hosts) {
    for (const name of hardware_free?.keys() ?? []) addTo(names, name, 1)
    for (const name of ha_hardware?.keys() ?? []) addTo(names, name, 1)
  }
  return [...names.keys()].sort()
}

/** Why nothing would fit with so many hosts: none would be left. Null: some would. */
export function tooManyTolerated(hosts: number, failures: number): string | null {
  if (failures === 0 || failures < hosts) return null
  const has = hosts === 0 ? 'it has none' : `it has ${hosts}`
  const most =
    hosts > 1 ? `Have it tolerate ${hosts - 1} at most (croft cluster update --ha-failures-tolerated), or add` : 'Add'
  return `Room is to be kept for the loss of ${failures} ${failures === 1 ? 'host' : 'hosts'}, and ${has}: none would be left, so nothing can be placed in this cluster. ${most} hosts.`
}

/** Why nothing more fits beside what is to be kept free; null: something may. */
export function reserveObstacle(hosts: number, failures: number, room: ReserveSize): string | null {
  if (failures === 0) return null
  const none_left = tooManyTolerated(hosts, failures)
  if (none_left !== null) return none_left
  if (room.vcpus > 0 && room.memory_mib > 0) return null
  const what = lackingOf(nothing, plus(nothing, room, -1)).join(' and ')
  const why = what ? `of that ${what} are lacking` : 'that is all there is'
  return `What is free is kept for lost hosts, and ${why}, so nothing more can be placed in this cluster. Free some room, add a host, or have it tolerate fewer (croft cluster update --ha-failures-tolerated).`
}

/** The hosts whose loss would be the hardest, by memory. */
export function worstHosts(hosts: readonly ReserveHost[], failures: number): ReserveHost[] {
  const need = (host: ReserveHost) => host.memory_free_mib + host.ha_memory_mib
  return [...hosts].sort((a, b) => need(b) - need(a) || (a.id < b.id ? -1 : 1)).slice(0, failures)
}

/** Its size as it counts elsewhere. */
export interface ReserveInstance extends ReserveSize {
  readonly id: string
  readonly host_id: string
}

/**
 * Those of the instances on `lost` that would find no place, packed the largest first onto the hosts that have most room. `takes`: whether such a host
 * can give one the hardware that it has of its own; if so, that is given out.
 */
export function withoutPlace(
  hosts: readonly ReserveHost[],
  instances: readonly ReserveInstance[],
  lost: ReadonlySet<string>,
  takes: (host_id: string, one: ReserveInstance) => boolean = () => true,
): ReserveInstance[] {
  const left = hosts
    .filter(host => !lost.has(host.id))
    .map(({ id, vcpus_free: vcpus, memory_free_mib: memory_mib }) => ({ id, vcpus, memory_mib }))
  const waiting = instances
    .filter(one => lost.has(one.host_id))
    .sort((a, b) => b.memory_mib - a.memory_mib || (a.id < b.id ? -1 : 1))
  return waiting.filter(one => {
    const { hardware: _, ...plain } = one
    const fitting = new Set(left.filter(host => fitsIn(host, plain)))
    let best = roomiest(fitting)
    while (best && !takes(best.id, one)) {
      fitting.delete(best)
      best = roomiest(fitting)
    }
    if (!best) return true
    best.vcpus -= one.vcpus
    best.memory_mib -= one.memory_mib
    return false
  })
}

function roomiest<T extends { memory_mib: number }>(hosts: Iterable<T>): T | null {
  let best: T | null = null
  for (const host of hosts) if (best === null || host.memory_mib > best.memory_mib) best = host
  return best
}
