/** Not more in a cluster than leaves room for what runs on hosts that may be lost; around.cluster_room says how much that is. */
import { fitsIn, plus } from '../../../model/reserve-size.ts'
import type { Filter } from '../filter.ts'
import { sizeThere } from '../snapshot.ts'

export const haReserve: Filter = {
  fault: 'what is free is kept for lost hosts',
  remedy: 'free some room, add a host, or have the cluster keep less free for lost hosts',
  applies: asked => (asked.around?.cluster_room?.size ?? 0) > 0,
  refuses: (host, claims, asked) => {
    const room = asked.around?.cluster_room?.get(host.cluster_id)
    const size = room && sizeThere(host, claims, asked)
    // That it has not the hardware is for others to say.
    if (!room || !size) return false
    const taken = claims.round.clusters.get(host.cluster_id)
    return !fitsIn(taken ? plus(room, taken, -1) : room, size)
  },
  why: () => 'has room that its cluster keeps for instances of hosts that may be lost',
}
