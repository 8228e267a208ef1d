/**
 * What placing has to know besides hosts: where the rest of a group is, where instances are that it shall be with or apart from.
 * Read in the transaction that places. A group is locked until that ends, so that two of it never go to one host at the same moment. The
 * instances of hints are not: a hint binds the one that has it, when it is placed, and keeps no other one from being moved. What a move that begins at
 * the same moment may do to it, it might do just as well a moment later.
 */
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { Around, PlacementAsked } from '../scheduler/snapshot.ts'
import { absence } from '../store/absence.ts'
import type { Tx } from '../store/database.ts'
import { instance } from '../store/instance.ts'
import { instanceGroup, type Whereabouts } from '../store/instance-group.ts'

/**
 * A host that all leave who are on it, because it is emptied or lost. Those of a group that stays together and are still there keep nobody from
 * going where there is room: the first goes, and the others follow it. `for_good`: it is lost, and so not even what an instance was to be
 * with keeps it from running elsewhere.
 */
export interface Leaves {
  host_id: string
  for_good: boolean
}

/**
 * `hold`: locks the group; without it nothing is locked. `moving`: the instance that is placed anew, and does not count where
 * it is now. Throws not_found for instances and groups that the project has not, wrong_state where one that it is to be with is being moved.
 */
export async function lookAround(
  cloud: Cloud,
  tx: Tx,
  asked: PlacementAsked,
  { hold, moving, leaves }: LookOptions,
): Promise<PlacementAsked> {
  const around: { -readonly [K in keyof Around]: Around[K] } = { ...asked.around }
  if (asked.group) {
    if (hold && !(await instanceGroup.lock(tx, asked.group.id))) throw notFound('instance group', asked.group.id)
    const group_hosts = await instanceGroup.hosts(tx, asked.group.id, moving ?? null)
    if (leaves && asked.group.policy === 'affinity')
      for (const host_id of await leftBy(tx, leaves, group_hosts.keys())) group_hosts.delete(host_id)
    around.group_hosts = group_hosts
  }
  const { different_from = [], same_as = [] } = asked
  if (different_from.length + same_as.length > 0) {
    const where = await instanceGroup.whereAre(tx, asked.project_id ?? null, [...different_from, ...same_as])
    // Of one that is placed anew, others may be gone since.
    const placesOf = (ids: readonly string[]) =>
      ids.flatMap(id => {
        const place = where.get(id)
        if (!place && moving === undefined) throw notFound('instance', id)
        return place ?? []
      })
    around.different_hosts = new Set(placesOf(different_from).flatMap(bothHosts))
    around.same_hosts = await hostsToShare(tx, placesOf(same_as), moving, leaves)
  }
  const image_hosts = asked.image_id === undefined ? undefined : cloud.hosts.withImage(asked.image_id)
  if (image_hosts) around.image_hosts = image_hosts
  return { ...asked, around }
}

const bothHosts = ({ host_id, target_host_id }: Whereabouts) =>
  target_host_id === null ? [host_id] : [host_id, target_host_id]

/**
 * Where one that is on its way will be is known only when its move has ended. A new instance is refused until then; one that there is waits, as no
 * host has both; and what its host was lost with goes where the other one is going, as waiting would keep it from running.
 */
async function hostsToShare(
  tx: Tx,
  places: readonly Whereabouts[],
  moving: string | undefined,
  leaves: Leaves | undefined,
): Promise<Set<string>> {
  const away = places.find(one => one.target_host_id !== null)
  if (away && moving === undefined) throw isMoved(away)
  const all = new Set(places.flatMap(bothHosts))
  if (!leaves?.for_good) return all
  const lost = new Set(await leftBy(tx, leaves, all))
  const goingTo = ({ host_id, target_host_id }: Whereabouts) =>
    target_host_id === null || lost.has(target_host_id) ? host_id : target_host_id
  const there = new Set(places.filter(one => !lost.has(one.host_id)).map(goingTo))
  if (lost.size > 0 && there.size > 1) there.clear()
  return there
}

function isMoved({ name }: Whereabouts): CloudError {
  return new CloudError(
    'wrong_state',
    `The instance ${name}, whose host it is to share, is being moved to another one just now, and where it will be is not known before that has ended. ` +
      'Ask again then (croft migration list --open), or leave out --same-as.',
  )
}

/** The host that it leaves, and with one that is lost all that are: whoever was on two of them would wait for the other's host for ever. */
async function leftBy(tx: Tx, { host_id, for_good }: Leaves, among: Iterable<string>): Promise<string[]> {
  const found = [...among]
  if (!for_good || found.length === 0) return found.filter(one => one === host_id)
  const fenced = await absence.fencedAmong(tx, found)
  return found.filter(one => one === host_id || fenced.has(one))
}

interface LookOptions {
  hold: boolean
  moving?: string
  leaves?: Leaves | undefined
}

/** The group that is asked for by id. Throws not_found. */
export async function groupOf(tx: Tx, project_id: string, id: string): Promise<NonNullable<PlacementAsked['group']>> {
  const found = await instanceGroup.find(tx, id)
  if (!found || found.project_id !== project_id) throw notFound('instance group', id)
  return { id, name: found.name, policy: found.policy }
}

/** Hints that cannot be followed whatever hosts there are. */
export async function checkHints(
  tx: Tx,
  project_id: string,
  asked: { different_from?: string[] | undefined; same_as?: string[] | undefined },
): Promise<void> {
  const both = asked.different_from?.find(id => asked.same_as?.includes(id))
  if (both === undefined) return
  const [found] = await instance.byIds(tx, [both])
  // Of another project's not even the name is told.
  const name = found?.project_id === project_id ? found.name : both
  throw new CloudError('invalid', `It cannot be on the host of the instance ${name} and on another one at once.`)
}

/** Throws where an instance that is there is to be with or apart from others that are not, or itself, or both. */
export async function mustFindNamed(
  tx: Tx,
  row: { id: string; project_id: string; same_as: string[] | null; different_from: string[] | null },
  asked: { same_as?: string[] | undefined; different_from?: string[] | undefined },
): Promise<void> {
  const known = [...(row.same_as ?? []), ...(row.different_from ?? [])]
  // One that it was made with may be gone since, and stay named.
  const named = [...(asked.same_as ?? []), ...(asked.different_from ?? [])].filter(id => !known.includes(id))
  if (named.includes(row.id)) throw new CloudError('invalid', 'An instance is always where it is itself. Name others.')
  await checkHints(tx, row.project_id, {
    same_as: asked.same_as ?? row.same_as ?? [],
    different_from: asked.different_from ?? row.different_from ?? [],
  })
  if (named.length === 0) return
  const where = await instanceGroup.whereAre(tx, row.project_id, named)
  const missing = named.find(id => !where.has(id))
  if (missing !== undefined) throw notFound('instance', missing)
}

/** Deleted instances are to come back where they are. Throws conflict where their group has moved on without them. Locks the groups. */
export async function checkGroups(tx: Tx, rows: readonly Recovered[]): Promise<void> {
  const in_groups = Map.groupBy(rows, row => row.group_id)
  for (const group_id of [...in_groups.keys()].flatMap(id => id ?? []).sort()) {
    await instanceGroup.lock(tx, group_id)
    const group = await instanceGroup.find(tx, group_id)
    const hosts = new Set((await instanceGroup.hosts(tx, group_id, null)).keys())
    for (const { name, host, host_id } of in_groups.get(group_id) ?? []) {
      const apart = group?.policy === 'anti-affinity' && hosts.has(host_id)
      const away = group?.policy === 'affinity' && hosts.size > 0 && !hosts.has(host_id)
      if (apart || away) {
        const why = apart ? 'has another one of it by now' : 'is not where the others of it are by now'
        throw new CloudError(
          'conflict',
          `The host ${host}, which has the disks of ${name}, ${why}, and the group ${group.name} has the policy ${group.policy}.`,
        )
      }
      hosts.add(host_id)
    }
  }
}

interface Recovered {
  name: string
  host: string
  host_id: string
  group_id: string | null
}
