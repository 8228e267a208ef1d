/** Not more in a cluster than leaves room for what runs on hosts that may be lost; around.cluster_room says how much that is. */
import type { Filter } from '../filter.ts'

export const haReserve: Filter = {
  fault: 'what is free is kept for lost hosts',
  remedy: 'free some room, add a host, or have the cluster keep less free for lost hosts',
  applies: asked => (asked.around?.cluster_room?.size ?? 0) > 0,
  refuses: (host, { round }, asked) => {
    const room = asked.around?.cluster_room?.get(host.cluster_id)
    if (!room) return false
    const taken = round.clusters.get(host.cluster_id)
    return (
      asked.vcpus > room.vcpus - (taken?.vcpus ?? 0) || asked.memory_mib > room.memory_mib - (taken?.memory_mib ?? 0)
    )
  },
  why: () => 'has room that its cluster keeps for instances of hosts that may be lost',
}
