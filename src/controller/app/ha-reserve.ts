/** Admission control: what a cluster must keep free for hosts that may be lost, for who places, and for who looks. */
import type { ClusterReserve } from '../../api/cluster.ts'
import { notFound } from '../../model/errors.ts'
import { type ReserveHost, roomBeforeReserve, withoutPlace, worstHosts } from '../../model/ha-reserve.ts'
import type { Cloud } from '../cloud.ts'
import type { ClusterRoom, HostSnapshot } from '../scheduler/snapshot.ts'
import { cluster } from '../store/cluster.ts'
import type { Tx } from '../store/database.ts'
import { type HaDemand, haReserve } from '../store/ha-reserve.ts'

/** What is lost already is no room, and needs none: its instances are restarted from the reserve. */
function reserveHosts(hosts: readonly HostSnapshot[], demand: ReadonlyMap<string, HaDemand>): ReserveHost[] {
  return hosts
    .filter(host => host.answers && host.schedulable && !host.maintenance)
    .map(host => ({
      id: host.id,
      vcpus_free: Math.max(0, host.vcpus_limit - host.vcpus_claimed),
      memory_free_mib: Math.max(0, host.memory_limit_mib - host.memory_claimed_mib),
      ha_vcpus: demand.get(host.id)?.vcpus ?? 0,
      ha_memory_mib: demand.get(host.id)?.memory_mib ?? 0,
    }))
}

/** How much may still be promised in each cluster that keeps a reserve; null where none does. `hold`: it stays so until the end. */
export async function roomOfClusters(cloud: Cloud, tx: Tx, hold: boolean): Promise<Map<string, ClusterRoom> | null> {
  const tolerated = await haReserve.tolerated(tx, hold)
  if (tolerated.size === 0) return null
  const demand = await haReserve.demand(tx)
  const hosts = Map.groupBy(await cloud.hosts.view(tx, { with_promised: true }), host => host.cluster_id)
  return new Map(
    [...tolerated].map(([id, failures]) => [
      id,
      roomBeforeReserve(reserveHosts(hosts.get(id) ?? [], demand), failures),
    ]),
  )
}

export async function clusterReserve(cloud: Cloud, id: string): Promise<ClusterReserve> {
  return await cloud.database.transaction(async tx => {
    const found = await cluster.find(tx, id)
    if (!found) throw notFound('cluster', id)
    const demand = await haReserve.demand(tx)
    const all = (await cloud.hosts.view(tx, { with_promised: false })).filter(host => host.cluster_id === id)
    const hosts = reserveHosts(all, demand)
    const room = roomBeforeReserve(hosts, found.ha_failures_tolerated)
    const worst = worstHosts(hosts, found.ha_failures_tolerated).map(host => host.id)
    const instances = await haReserve.instancesOf(tx, worst)
    const names = new Map(instances.map(one => [one.id, one.name]))
    const sums = all.map(host => demand.get(host.id))
    const sum = (size: (of: HaDemand) => number) => sums.reduce((total, of) => total + (of ? size(of) : 0), 0)
    return {
      failures_tolerated: found.ha_failures_tolerated,
      hosts: hosts.length,
      ha_instances: sum(of => of.count),
      ha_vcpus: sum(of => of.vcpus),
      ha_memory_mib: sum(of => of.memory_mib),
      room_vcpus: room.vcpus,
      room_memory_mib: room.memory_mib,
      worst_hosts: all.filter(host => worst.includes(host.id)).map(({ id, name }) => ({ id, name })),
      without_place: withoutPlace(hosts, instances, new Set(worst))
        .slice(0, 100)
        .map(one => ({ id: one.id, name: names.get(one.id) ?? '', memory_mib: one.memory_mib })),
    }
  })
}
