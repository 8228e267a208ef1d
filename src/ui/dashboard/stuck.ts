/** Which highly available instances were to run elsewhere, and do not. Pure. */
import type { HaRestart } from '../../api/ha-restart.ts'
import type { Host } from '../../api/host.ts'
import type { Instance } from '../../api/instance.ts'

export interface Stuck {
  id: string
  name: string
  reason: string
}

/**
 * That a host is lost, and not only silent for the seconds that an agent takes to begin anew: it is taken for dead, or the storm brake of its zone
 * keeps that from being said.
 */
export function isLost(
  { availability, state, zone }: Pick<Host, 'availability' | 'state' | 'zone'>,
  stormy: ReadonlySet<string>,
): boolean {
  return availability === 'dead' || availability === 'fenced' || (state !== 'up' && stormy.has(zone))
}

/** Zones, by name, where the storm brake holds. */
export function stormyOf(zones: readonly { name: string; storm: { overridden_at: string | null } | null }[]) {
  return new Set(zones.filter(one => one.storm !== null && one.storm.overridden_at === null).map(one => one.name))
}

/** One line for each instance; of its restarts the newest, which comes first. `lost`: hosts, by id. */
export function stuckOf(
  restarts: readonly Pick<HaRestart, 'instance_id' | 'instance' | 'ended_at' | 'failure'>[],
  waiting: readonly Pick<Instance, 'id' | 'name' | 'ha_obstacle' | 'host_id'>[],
  lost: ReadonlySet<string>,
): Stuck[] {
  const found = new Map<string, Stuck>()
  for (const { instance_id: id, instance, ended_at, failure } of restarts)
    if (ended_at === null && failure !== null && !found.has(id))
      found.set(id, { id, name: instance ?? id.slice(-8), reason: failure })
  for (const { id, name, ha_obstacle, host_id } of waiting)
    if (ha_obstacle !== null && !found.has(id) && host_id !== null && lost.has(host_id))
      found.set(id, { id, name, reason: ha_obstacle })
  return [...found.values()]
}
