/** Admission control: what a cluster must keep free for hosts that may be lost, for who places, and for who looks. */
import type { ClusterReserve } from '../../api/cluster.ts'
import { notFound } from '../../model/errors.ts'
import {
  type ReserveHost,
  reserveObstacle,
  roomBeforeReserve,
  withoutPlace,
  worstHosts,
} from '../../model/ha-reserve.ts'
import { claimsHardware } from '../../model/hardware.ts'
import type { ReserveSize } from '../../model/reserve-size.ts'
import type { Cloud } from '../cloud.ts'
import { fitHardware, type HostHardware, withTaken } from '../scheduler/hardware-fit.ts'
import { hardwareLeft } from '../scheduler/hardware-left.ts'
import type { HostSnapshot } from '../scheduler/snapshot.ts'
import { cluster } from '../store/cluster.ts'
import type { Tx } from '../store/database.ts'
import { type DemandByHost, type HaDemand, type HaInstance, haReserve, type Tolerance } from '../store/ha-reserve.ts'
import { hostHardware } from '../store/host-hardware.ts'

/** What is lost already is no room, and needs none: its instances are restarted from the reserve. `hardware`: of the hosts, where it matters. */
export function reserveHosts(
  hosts: readonly HostSnapshot[],
  demand: DemandByHost | undefined,
  hardware?: ReadonlyMap<string, HostHardware>,
): ReserveHost[] {
  return hosts
    .filter(host => host.answers && host.schedulable && !host.maintenance)
    .map(host => {
      const needed = demand?.get(host.id)
      const has = hardware?.get(host.id)
      return {
        id: host.id,
        vcpus_free: Math.max(0, host.vcpus_limit - host.vcpus_claimed),
        memory_free_mib: Math.max(0, host.memory_limit_mib - host.memory_claimed_mib),
        ha_vcpus: needed?.vcpus ?? 0,
        ha_memory_mib: needed?.memory_mib ?? 0,
        ...(has && { hardware_free: hardwareLeft(has) }),
        ...(hardware && needed?.hardware && { ha_hardware: needed.hardware }),
      }
    })
}

/** What clusters keep free, and for whom; by cluster. */
export interface Reserves {
  readonly tolerated: ReadonlyMap<string, Tolerance>
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

/** How much may still be promised in each cluster that keeps a reserve. `hardware`: of all hosts; absent: of none anything is asked. */
export function roomOfClusters(
  { tolerated, demand }: Reserves,
  hosts: readonly HostSnapshot[],
  hardware?: ReadonlyMap<string, HostHardware>,
): Map<string, ReserveSize> {
  const by_cluster = Map.groupBy(
    hosts.filter(host => tolerated.has(host.cluster_id)),
    host => host.cluster_id,
  )
  return new Map(
    [...tolerated].map(([id, { failures }]) => {
      const mine = reserveHosts(by_cluster.get(id) ?? [], demand.get(id), hardware)
      return [id, roomBeforeReserve(mine, failures)]
    }),
  )
}

export async function clusterReserve(cloud: Cloud, id: string): Promise<ClusterReserve> {
  return await cloud.database.transaction(async tx => {
    const found = await cluster.find(tx, id)
    if (!found) throw notFound('cluster', id)
    const demand = (await haReserve.demand(tx, [id])).get(id)
    const all = (await cloud.hosts.view(tx, { with_promised: false })).filter(host => host.cluster_id === id)
    const hardware = await hostHardware.read(
      tx,
      all.map(host => host.id),
    )
    const hosts = reserveHosts(all, demand, hardware)
    const room = roomBeforeReserve(hosts, found.ha_failures_tolerated)
    const worst = worstHosts(hosts, found.ha_failures_tolerated).map(host => host.id)
    const instances = await haReserve.instancesOf(tx, worst)
    const shown = new Map(instances.map(one => [one.id, one]))
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
      hardware: [...(room.hardware ?? [])].map(([name, left]) => ({
        name,
        needed: sum(of => of.hardware?.get(name) ?? 0),
        room: Math.max(0, left),
        lacking: Math.max(0, -left),
      })),
      obstacle: reserveObstacle(hosts.length, found.ha_failures_tolerated, room),
      worst_hosts: all.filter(host => worst.includes(host.id)).map(({ id, name }) => ({ id, name })),
      without_place: withoutPlace(hosts, instances, new Set(worst), takingHardware(hardware, shown))
        .slice(0, 100)
        .flatMap(one => shown.get(one.id) ?? [])
        .map(one => ({ id: one.id, name: one.name, memory_mib: one.memory_in_all_mib })),
    }
  })
}

/** Gives out what hosts have left, in thought alone. */
function takingHardware(known: ReadonlyMap<string, HostHardware>, instances: ReadonlyMap<string, HaInstance>) {
  const left = new Map(known)
  return (host_id: string, { id }: { id: string }): boolean => {
    const asked = instances.get(id)?.asked
    if (!asked || !claimsHardware(asked)) return true
    const there = left.get(host_id)
    const fit = there && fitHardware(there, asked)
    if (!there || !fit?.assigned) return false
    left.set(host_id, { ...there, taken: withTaken(there.taken, fit.assigned) })
    return true
  }
}
