/**
 * How much of a cluster must stay free so that any `failures` of its hosts may be lost and their highly available instances
 * still find room. Pure. Which instances are highly available is theirs to say; what is not is not restarted, and needs no room.
 *
 * Let free(h) be what may still be promised of host h, and ha(h) what its highly available instances need. When the hosts F are
 * lost, what is left free is Σ free over the others, and what is needed Σ ha over F. It suffices when
 * Σ free(all) ≥ Σ over F of (free + ha), and so for every F of n hosts exactly when it does for the n hosts with the greatest
 * free + ha. That is taken for each resource by itself, which is on the safe side. A sum says nothing of pieces: `fits` packs the
 * instances of those hosts one by one onto what is left, the largest first.
 */

export interface ReserveHost {
  readonly id: string
  readonly vcpus_free: number
  readonly memory_free_mib: number
  /** Sums of its highly available instances that are wanted running. */
  readonly ha_vcpus: number
  readonly ha_memory_mib: number
}

export interface Room {
  readonly vcpus: number
  readonly memory_mib: number
}

/** What may still be promised before the reserve is touched; negative: it is touched already. */
export function roomBeforeReserve(hosts: readonly ReserveHost[], failures: number): Room {
  const worst = (size: (host: ReserveHost) => number) =>
    hosts
      .map(size)
      .sort((a, b) => b - a)
      .slice(0, failures)
      .reduce((sum, one) => sum + one, 0)
  const sum = (size: (host: ReserveHost) => number) => hosts.reduce((all, host) => all + size(host), 0)
  return {
    vcpus: sum(host => host.vcpus_free) - worst(host => host.vcpus_free + host.ha_vcpus),
    memory_mib: sum(host => host.memory_free_mib) - worst(host => host.memory_free_mib + host.ha_memory_mib),
  }
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
export function reserveObstacle(hosts: number, failures: number, room: Room): string | null {
  if (failures === 0) return null
  const none_left = tooManyTolerated(hosts, failures)
  if (none_left !== null) return none_left
  if (room.vcpus > 0 && room.memory_mib > 0) return null
  const lacking = [room.vcpus < 0 && `${-room.vcpus} vCPUs`, room.memory_mib < 0 && `${-room.memory_mib} MiB of memory`]
  const what = lacking.filter(one => one !== false).join(' and ')
  const why = what ? `of that ${what} are lacking` : 'that is all there is'
  return `What is free is kept for lost hosts, and ${why}, so nothing more can be placed in this cluster. Free some room, add a host, or have it tolerate fewer (croft cluster update --ha-failures-tolerated).`
}

/** The hosts whose loss would be the hardest, by memory. */
export function worstHosts(hosts: readonly ReserveHost[], failures: number): ReserveHost[] {
  const need = (host: ReserveHost) => host.memory_free_mib + host.ha_memory_mib
  return [...hosts].sort((a, b) => need(b) - need(a) || (a.id < b.id ? -1 : 1)).slice(0, failures)
}

export interface ReserveInstance {
  readonly id: string
  readonly host_id: string
  readonly vcpus: number
  readonly memory_mib: number
}

/** Those of the instances on `lost` that would find no place, packed the largest first onto the hosts that have most room. */
export function withoutPlace(
  hosts: readonly ReserveHost[],
  instances: readonly ReserveInstance[],
  lost: ReadonlySet<string>,
): ReserveInstance[] {
  const left = hosts
    .filter(host => !lost.has(host.id))
    .map(host => ({ vcpus: host.vcpus_free, memory_mib: host.memory_free_mib }))
  const waiting = instances
    .filter(one => lost.has(one.host_id))
    .sort((a, b) => b.memory_mib - a.memory_mib || (a.id < b.id ? -1 : 1))
  return waiting.filter(one => {
    const fitting = left.filter(host => host.vcpus >= one.vcpus && host.memory_mib >= one.memory_mib)
    const best = fitting.reduce<(typeof left)[number] | null>(
      (found, host) => (found && found.memory_mib >= host.memory_mib ? found : host),
      null,
    )
    if (!best) return true
    best.vcpus -= one.vcpus
    best.memory_mib -= one.memory_mib
    return false
  })
}
