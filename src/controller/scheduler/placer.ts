/**
 * Places as `place` does, and remembers how hosts were judged for the last few wishes: what is asked for again and again (the same
 * flavor, the same image) costs a look at the hosts that have changed since, and not at ten thousand.
 */
import { type Decision, Judging, place } from './place.ts'
import type { HostSnapshot, PlacementAsked } from './snapshot.ts'

const wishes_max = 16

export class Placer {
  private readonly known = new Map<string, Judging>()

  /** `hosts` in the order of ids. A host that has changed is another object; none is changed in place. */
  place(
    hosts: readonly HostSnapshot[],
    asked: PlacementAsked,
    count: number,
    factors: Readonly<Record<string, number>>,
  ): Decision[] {
    const key = keyOf(asked, factors)
    if (key === null) return place(hosts, asked, count, { factors })
    const known = this.known.get(key)
    const judging = known?.update(hosts) ? known : new Judging(hosts, asked, { factors })
    // The one used last comes last, and the first is the one to forget.
    this.known.delete(key)
    this.known.set(key, judging)
    const [oldest] = this.known.keys()
    if (this.known.size > wishes_max && oldest !== undefined) this.known.delete(oldest)
    return judging.decide(count)
  }

  forget(): void {
    this.known.clear()
  }
}

/** The same for wishes that hosts answer alike; null where something beside hosts decides. */
function keyOf({ around, ...asked }: PlacementAsked, factors: Readonly<Record<string, number>>): string | null {
  const { image_hosts, disks_pool_id, own_host_id, near_host_id, own_cluster_id, ...others } = around ?? {}
  if (
    disks_pool_id !== undefined ||
    own_host_id !== undefined ||
    near_host_id !== undefined ||
    own_cluster_id !== undefined ||
    Object.values(others).some(one => one.size > 0) ||
    asked.group ||
    asked.different_from ||
    asked.same_as
  )
    return null
  // Which hosts have the image changes only with hosts on which something was placed.
  return JSON.stringify([asked, (image_hosts?.size ?? 0) > 0, factors])
}
