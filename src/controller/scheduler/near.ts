/**
 * Placing near where it was: which cluster is its own, for the weight `own_cluster`; and where hosts of that are only busy, it waits for
 * them, whatever room others have now. Pure.
 */
import type { Decision } from './place.ts'
import type { HostSnapshot, PlacementAsked } from './snapshot.ts'

/** `decide` places on the same hosts. `waits`: its own cluster is liked better than others. */
export function placeNear(
  hosts: readonly HostSnapshot[],
  asked: PlacementAsked,
  decide: (asked: PlacementAsked) => Decision[],
  waits: boolean,
): Decision[] {
  const near = asked.around?.near_host_id
  const own = near === undefined ? undefined : hosts.find(one => one.id === near)
  if (!own) return decide(asked)
  const { busy, ...around } = { ...asked.around, own_cluster_id: own.cluster_id }
  if (!busy || busy.size === 0) return decide({ ...asked, around })
  const isOwn = ([first]: Decision[]) =>
    first?.host_id != null && hosts.find(one => one.id === first.host_id)?.cluster_id === own.cluster_id
  const decisions = decide({ ...asked, around: { ...around, busy } })
  if (!waits || !decisions[0]?.host_id || isOwn(decisions) || !isOwn(decide({ ...asked, around }))) return decisions
  const others = hosts.filter(one => one.cluster_id !== own.cluster_id)
  const later = new Map(others.map(({ id }) => [id, waits_for_own]))
  return decide({ ...asked, around: { ...around, busy: new Map([...later, ...busy]) } })
}

const waits_for_own = 'is of another cluster, and one of its own takes it once it is less busy'
