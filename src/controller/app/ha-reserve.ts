/** Admission control: what a cluster must keep free for hosts that may be lost, for who places, and for who looks. */
import type { ClusterReserve } from '../../api/cluster.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import {
  type ReserveHost,
  reserveObstacle,
  roomBeforeReserve,
  withoutPlace,
  worstHosts,
} from '../../model/ha-reserve.ts'
import type { Cloud } from '../cloud.ts'
import type { ClusterRoom, HostSnapshot } from '../scheduler/snapshot.ts'
import { cluster } from '../store/cluster.ts'
import type { Tx } from '../store/database.ts'
import { type DemandByHost, type HaDemand, haReserve } from '../store/ha-reserve.ts'

/** What is lost already is no room, and needs none: its instances are restarted from the reserve. */
function reserveHosts(hosts: readonly HostSnapshot[], demand: DemandByHost | undefined): ReserveHost[] {
  return hosts
    .filter(host => host.answers && host.schedulable && !host.maintenance)
    .map(host => ({
      id: host.id,
      vcpus_free: Math.max(0, host.vcpus_limit - host.vcpus_claimed),
      memory_free_mib: Math.max(0, host.memory_limit_mib - host.memory_claimed_mib),
      ha_vcpus: demand?.get(host.id)?.vcpus ?? 0,
      ha_memory_mib: demand?.get(host.id)?.memory_mib ?? 0,
    }))
}

/** What clusters keep free, and for whom; by cluster. */
export interface Reserves {
  readonly tolerated: ReadonlyMap<string, number>
  readonly demand: ReadonlyMap<string, DemandByHost>
  /** Whether what there is to be restarted was read just now, and not up to a second ago. */
  readonly fresh: boolean
}

/** By the steady clock of who asks. */
const demand_kept_ms = 1000
interface Kept {
  readonly demand: ReadonlyMap<string, DemandByHost>
  readonly until_ms: number
}
const kept = new WeakMap<Cloud, Kept>()

/**
 * What is known of reserves without holding anything up; null where no cluster keeps one. What may be promised of one is for sure only once it
 * is held (holdReserves). So all highly available instances are looked at once a second, and not with each placement, but for who wants it `fresh`.
 */
export async function reservesNow(cloud: Cloud, tx: Tx, { fresh = false } = {}): Promise<Reserves | null> {
  const tolerated = await haReserve.tolerated(tx)
  if (tolerated.size === 0) return null
  const now_ms = cloud.clock.steady_ms()
  const known = kept.get(cloud)
  const misses = [...tolerated.keys()].some(id => !known?.demand.has(id))
  if (!fresh && known && !misses && now_ms < known.until_ms) return { tolerated, demand: known.demand, fresh }
  const demand = await haReserve.demand(tx, [...tolerated.keys()])
  kept.set(cloud, { demand, until_ms: now_ms + demand_kept_ms })
  return { tolerated, demand, fresh: true }
}

/** Nobody else takes of what these clusters keep until the transaction ends. With what they keep, and for whom, as it is then. `wait`: haReserve.hold. */
export async function holdReserves(
  cloud: Cloud,
  tx: Tx,
  known: Reserves,
  clusters: readonly string[],
  how: { wait: boolean },
): Promise<Reserves> {
  const held = await haReserve.hold(tx, clusters, how)
  const exact = await haReserve.demand(tx, clusters)
  const [before, others] = [kept.get(cloud), [...known.tolerated].filter(([id]) => !clusters.includes(id))]
  if (before) kept.set(cloud, { ...before, demand: new Map([...before.demand, ...exact]) })
  return { ...known, tolerated: new Map([...others, ...held]), demand: new Map([...known.demand, ...exact]) }
}

/** How much may still be promised in each cluster that keeps a reserve. */
export function roomOfClusters(
  { tolerated, demand }: Reserves,
  hosts: readonly HostSnapshot[],
): Map<string, ClusterRoom> {
  const by_cluster = Map.groupBy(
    hosts.filter(host => tolerated.has(host.cluster_id)),
    host => host.cluster_id,
  )
  return new Map(
    [...tolerated].map(([id, failures]) => [
      id,
      roomBeforeReserve(reserveHosts(by_cluster.get(id) ?? [], demand.get(id)), failures),
    ]),
  )
}

/** What of an instance comes to count on its host: promised of it, and to be started elsewhere when the host is lost. */
export interface ReserveChange {
  host_id: string
  name: string
  promised: Size
  to_restart: Size
}

interface Size {
  vcpus: number
  memory_mib: number
}

const nothing: Size = { vcpus: 0, memory_mib: 0 }

/** Whether it is to be started elsewhere when its host is lost, and so counts in what is kept free. */
export function needsReserve(row: { availability: string; wanted_power: string; deleted_at: Date | null }): boolean {
  return row.availability === 'high' && row.wanted_power === 'running' && row.deleted_at === null
}

/** The change by which an instance, where it is, becomes `next`; null when nothing of the reserve is touched. */
export function reserveChange(
  row: Size & Parameters<typeof needsReserve>[0] & { host_id: string; name: string; compute_claimed: boolean },
  next: Partial<Size & Parameters<typeof needsReserve>[0] & { compute_claimed: boolean }>,
): ReserveChange | null {
  const { host_id, name } = row
  const later = { ...row, ...next }
  const more = (before: Size, after: Size): Size => ({
    vcpus: after.vcpus - before.vcpus,
    memory_mib: after.memory_mib - before.memory_mib,
  })
  const promised = more(row.compute_claimed ? row : nothing, later.compute_claimed ? later : nothing)
  const to_restart = more(needsReserve(row) ? row : nothing, needsReserve(later) ? later : nothing)
  const grows = [promised, to_restart].some(one => one.vcpus > 0 || one.memory_mib > 0)
  return grows ? { host_id, name, promised, to_restart } : null
}

/**
 * The rule by which instances are made (scheduler/filters/ha-reserve.ts) for those that stay where they are: throws no_capacity when,
 * after these changes, less would be left in a cluster than is kept free for lost hosts. Locks those of their clusters that keep a reserve:
 * after instances and their groups, before quota and hosts' claims.
 */
export async function mustKeepReserve(cloud: Cloud, tx: Tx, changes: readonly ReserveChange[]): Promise<void> {
  if (changes.length === 0 || (await haReserve.tolerated(tx)).size === 0) return
  const byHost = Map.groupBy(changes, one => one.host_id)
  const concerned = (await cloud.hosts.view(tx)).flatMap(host => (byHost.has(host.id) ? host.cluster_id : []))
  const tolerated = await haReserve.hold(tx, [...new Set(concerned)], { wait: true })
  if (tolerated.size === 0) return
  const demand = await haReserve.demand(tx, [...tolerated.keys()])
  // What others had promised before they let go of it.
  const clusters = Map.groupBy(await cloud.hosts.view(tx, { with_promised: true }), host => host.cluster_id)
  for (const [id, failures] of tolerated) {
    const hosts = reserveHosts(clusters.get(id) ?? [], demand.get(id))
    const changed = hosts.flatMap(host => byHost.get(host.id) ?? [])
    const [first] = changed
    if (!first) continue
    const now = roomBeforeReserve(hosts, failures)
    const then = roomBeforeReserve(
      hosts.map(host => changedBy(host, byHost.get(host.id) ?? [])),
      failures,
    )
    const short = (['vcpus', 'memory_mib'] as const).filter(what => then[what] < 0 && then[what] < now[what])
    if (short.length === 0) continue
    const lacking = { vcpus: Math.max(0, -then.vcpus), memory_mib: Math.max(0, -then.memory_mib) }
    throw new CloudError(
      'no_capacity',
      `What is free in the cluster of ${first.name} is kept for instances of hosts that may be lost, and this would take ${lacking.vcpus} vCPUs and ${lacking.memory_mib} MiB of it. Stop something highly available, add a host, or have the cluster keep less (croft cluster update --ha-failures-tolerated).`,
      { lacking_vcpus: lacking.vcpus, lacking_memory_mib: lacking.memory_mib },
    )
  }
}

function changedBy(host: ReserveHost, changes: readonly ReserveChange[]): ReserveHost {
  return changes.reduce(
    (sum, { promised, to_restart }) => ({
      ...sum,
      vcpus_free: Math.max(0, sum.vcpus_free - promised.vcpus),
      memory_free_mib: Math.max(0, sum.memory_free_mib - promised.memory_mib),
      ha_vcpus: sum.ha_vcpus + to_restart.vcpus,
      ha_memory_mib: sum.ha_memory_mib + to_restart.memory_mib,
    }),
    host,
  )
}

export async function clusterReserve(cloud: Cloud, id: string): Promise<ClusterReserve> {
  return await cloud.database.transaction(async tx => {
    const found = await cluster.find(tx, id)
    if (!found) throw notFound('cluster', id)
    const demand = (await haReserve.demand(tx, [id])).get(id)
    const all = (await cloud.hosts.view(tx, { with_promised: false })).filter(host => host.cluster_id === id)
    const hosts = reserveHosts(all, demand)
    const room = roomBeforeReserve(hosts, found.ha_failures_tolerated)
    const worst = worstHosts(hosts, found.ha_failures_tolerated).map(host => host.id)
    const instances = await haReserve.instancesOf(tx, worst)
    const names = new Map(instances.map(one => [one.id, one.name]))
    const sums = all.map(host => demand?.get(host.id))
    const sum = (size: (of: HaDemand) => number) => sums.reduce((total, of) => total + (of ? size(of) : 0), 0)
    return {
      failures_tolerated: found.ha_failures_tolerated,
      hosts: hosts.length,
      ha_instances: sum(of => of.count),
      ha_vcpus: sum(of => of.vcpus),
      ha_memory_mib: sum(of => of.memory_mib),
      room_vcpus: Math.max(0, room.vcpus),
      room_memory_mib: Math.max(0, room.memory_mib),
      lacking_vcpus: Math.max(0, -room.vcpus),
      lacking_memory_mib: Math.max(0, -room.memory_mib),
      obstacle: reserveObstacle(hosts.length, found.ha_failures_tolerated, room),
      worst_hosts: all.filter(host => worst.includes(host.id)).map(({ id, name }) => ({ id, name })),
      without_place: withoutPlace(hosts, instances, new Set(worst))
        .slice(0, 100)
        .map(one => ({ id: one.id, name: names.get(one.id) ?? '', memory_mib: one.memory_mib })),
    }
  })
}
