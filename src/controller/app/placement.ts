/**
 * Places instances and claims the room, in the caller's transaction. Not its job: what is told of it (placement-told.ts), and what
 * has to be known besides hosts (placement-around.ts).
 *
 * For new instances: `planPlaces` decides and locks nothing but a group, `claimPlaces` claims what was decided, or decides anew
 * where it no longer fits; `tryPlacing` only looks. For one that there is already and that is to go elsewhere (a move, a restart after
 * its host was lost): `placeExisting(cloud, tx, instance, { exclude: new Map([[host_id, 'has refused it']]), disk_gib })`
 * claims on the new host and keeps the explanation; `tryPlacingExisting` only looks. Both honour its group and all that it was made with.
 */
import { CloudError } from '../../model/errors.ts'
import type { AssignedHardware } from '../../model/hardware.ts'
import type { PlacementId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { placeNear } from '../scheduler/near.ts'
import { type Decision, place } from '../scheduler/place.ts'
import { type CpuNames, diskNeeded, type HostSnapshot, type PlacementAsked } from '../scheduler/snapshot.ts'
import { atOnce, type Tx } from '../store/database.ts'
import { host } from '../store/host.ts'
import type { Claim } from '../store/host-claim.ts'
import { instanceGroup } from '../store/instance-group.ts'
import { type NewPlacement, placement } from '../store/placement.ts'
import type { Caller } from './caller.ts'
import { giveHardware, hardwareCounts, noteHardware, withHardware } from './placement-hardware.ts'
import { type Leaves, lookAround } from './placement-around.ts'
import { noRoom, refused, type Wanting } from './placement-told.ts'
import { factorsOf } from './settings-in-force.ts'

export interface Placed {
  /** Of its host, what is the instance's own; of a new one to be noted with it: hardwareClaim.insert. */
  hardware?: AssignedHardware | undefined
  host_id: string
  zone_id: string
  decision: Decision
  /** What its disks claim there, GiB. */
  disk_gib: number
  /** What the hosts of its cluster have in common, for its guest. */
  cpu_baseline: CpuNames | null
}

/** Another transaction may take the room between looking and claiming; then it is looked at again. */
const attempts_max = 5

/** What would be decided now. */
interface Plan {
  asked: PlacementAsked
  /** One per instance, up to the first that no host can take. */
  decisions: Decision[]
  placed: Placed[]
  /** As they were; to be used at once. */
  hosts: readonly HostSnapshot[]
}

async function decide(
  cloud: Cloud,
  tx: Tx,
  wish: PlacementAsked,
  count: number,
  { allowed, hosts: seen }: { allowed?: Promise<unknown> | undefined; hosts?: readonly HostSnapshot[] } = {},
): Promise<Plan> {
  const asked = await withHardware(tx, wish)
  const factors = factorsOf(cloud.settings)
  const look = async (with_promised: boolean, known?: readonly HostSnapshot[]) => {
    const hosts = known ?? (await cloud.hosts.view(tx, { with_promised }))
    await allowed
    const own = await cloud.modules.ask(hosts, asked, count)
    const placed = (one: PlacementAsked) =>
      own ? place(hosts, one, count, { factors, ...own }) : cloud.hosts.placer.place(hosts, one, count, factors)
    return { hosts, decisions: placeNear(hosts, asked, placed, factors.own_cluster > 0) }
  }
  let { hosts, decisions } = await look(true, seen)
  // What others are about to claim may come to nothing, and they may be waited for: that refuses nobody.
  if (decisions.at(-1)?.host_id === null && cloud.hosts.has_promised) ({ hosts, decisions } = await look(false))
  const placed = decisions.flatMap(decision => {
    const { host_id, zone_id, cpu_baseline } = decision
    if (host_id === null || zone_id === null) return []
    return [{ host_id, zone_id, cpu_baseline, decision, disk_gib: diskOn(hosts, host_id, asked) }]
  })
  return { asked, decisions, placed, hosts }
}

function diskOn(hosts: readonly HostSnapshot[], host_id: string, asked: PlacementAsked): number {
  const { disk_gib, around } = asked
  const found = around?.disks_pool_id === undefined ? undefined : hosts.find(one => one.id === host_id)
  return found ? diskNeeded(found, asked) : disk_gib
}

/** Decides as planPlaces and claimPlaces do, and claims nothing; with what they would throw if not all find room. */
export async function tryPlacing(
  cloud: Cloud,
  tx: Tx,
  caller: Caller,
  wish: PlacementAsked,
  count: number,
): Promise<Plan & { refused: CloudError | null }> {
  const plan = await decide(cloud, tx, await lookAround(cloud, tx, wish, { hold: false }), count)
  if (plan.placed.length === count) return { ...plan, refused: null }
  const { sentence, detail } = noRoom({ caller, instance_id: null, asked: wish, count }, plan.decisions)
  return { ...plan, refused: new CloudError('no_capacity', sentence, detail) }
}

/**
 * Decides for `count` like instances, of which perhaps not all find room. Only a group is locked by it. Hosts are read at once, but nothing is
 * decided, nor a module asked, before `allowed` is fulfilled; throws what that does.
 */
export async function planPlaces(
  cloud: Cloud,
  tx: Tx,
  wish: PlacementAsked,
  count: number,
  allowed?: Promise<unknown>,
): Promise<Plan> {
  const around = (part: Tx) => lookAround(cloud, part, wish, { hold: true })
  // Whose first statement locks a group, and others after it, reads hosts once it has all of them.
  if (wish.group ?? wish.different_from ?? wish.same_as)
    return await decide(cloud, tx, await around(tx), count, { allowed })
  const [asked, hosts] = await atOnce(tx, around, part => cloud.hosts.view(part, { with_promised: true }))
  return await decide(cloud, tx, asked, count, { allowed, hosts })
}

/**
 * Claims on hosts what was planned for `count` instances, all or nothing; what has lost its room meanwhile is planned anew. Throws
 * NoCapacity, with the explanation to be kept under the id in the error's detail. Before `allowed` is fulfilled nobody here is kept away from
 * the room, nor is anything decided anew; throws what that does.
 */
export async function claimPlaces(
  cloud: Cloud,
  tx: Tx,
  caller: Caller,
  planned: Plan,
  count: number,
  claiming: Claiming = {},
): Promise<Placed[]> {
  const { asked } = planned
  const project_id = asked.project_id ?? caller.project_id ?? ''
  return await claimPlan(cloud, tx, planned, { caller, project_id, instance_id: null, asked, count }, claiming)
}

interface Claiming {
  allowed?: Promise<unknown> | undefined
  /** Keeps the explanations with the claim; who does not keeps them with what else is written of the instances. */
  keep?: boolean
}

async function claimPlan(
  cloud: Cloud,
  tx: Tx,
  planned: Plan,
  wanting: Wanting,
  { allowed, keep = false }: Claiming,
): Promise<Placed[]> {
  const { asked, count } = wanting
  let plan = planned
  for (let attempt = 1; plan.placed.length === count; attempt++) {
    const claims = claimsFor(plan)
    const kept = keep ? explanations(cloud, wanting, plan.placed) : []
    // What is given by name is known only once it is claimed, and may then turn out not to be there.
    const at_once = asked.hardware === undefined
    const claimed = await host.claim(tx, claims, at_once ? placement.asRows(kept) : undefined)
    await allowed
    if (claimed) {
      const placed = await giveHardware(tx, plan)
      if (placed) {
        cloud.hosts.promise(claims, asked.image_id)
        if (wanting.instance_id !== null) await noteHardware(tx, placed, [wanting.instance_id])
        if (!at_once) await placement.insert(tx, kept)
        return placed
      }
      await host.release(tx, claims)
    }
    if (attempt === attempts_max) break
    plan = await decide(cloud, tx, asked, count)
  }
  throw refused(cloud, wanting, plan.decisions)
}

function explanations(cloud: Cloud, wanting: Wanting, placed: readonly Placed[]): NewPlacement[] {
  const { caller, project_id, instance_id, asked } = wanting
  const request_id = caller?.request.id ?? null
  return placed.map(({ decision }) => ({
    id: makeId<PlacementId>(cloud),
    project_id,
    instance_id,
    request_id,
    asked,
    decision,
  }))
}

/** Summed up per host, so that a batch locks and writes each host once. */
function claimsFor({ placed, asked }: Plan): Claim[] {
  const hardware = hardwareCounts(asked, placed)
  const perHost = Map.groupBy(placed, one => one.host_id)
  return [...perHost].map(([host_id, there]) => ({
    host_id,
    vcpus: there.length * asked.vcpus,
    memory_mib: there.length * asked.memory_mib,
    disk_gib: there.reduce((sum, one) => sum + one.disk_gib, 0),
    ...hardware.get(host_id),
  }))
}

/** What of an instance's row placing it anew needs; the row is locked by who asks. */
export interface ExistingInstance {
  id: string
  project_id: string
  /** Where it is, and does not go. */
  host_id: string
  zone_id: string
  vcpus: number
  memory_mib: number
  group_id: string | null
}

export interface Elsewhere {
  /** Hosts beside its own that it shall not go to, each with why, as words that follow its name: 'has refused it'. */
  exclude: ReadonlyMap<string, string>
  /** Hosts that take it only later, each with why not now. When nothing else is in the way of one, that is told by the filter `busy`. */
  busy?: ReadonlyMap<string, string> | undefined
  /** To this host and no other. */
  host_id?: string | undefined
  /** Room that its disks need there, GiB. */
  disk_gib: number
  /** The pool that they are in and are counted in: hosts that reach it need no room for them. */
  disks_pool_id?: string | null
  /** Only hosts of this pool. */
  pool_id?: string | undefined
  /** Another zone than its own; null: any. */
  zone_id?: string | null
  /** It has never run, and so no cluster is its own yet. */
  any_cluster?: boolean | undefined
  /** The host that it leaves holds others to it no longer. */
  leaves?: Leaves
  /** It may take what its cluster keeps free for lost hosts: that is what it is kept for. */
  uses_reserve?: boolean | undefined
  /** What its CPU must have beside what was asked for when it was made: all that a guest may have seen that goes on running. */
  cpu_flags?: readonly string[]
  /** Who asks, which is told as much as they may know; without it Croft itself. */
  caller?: Caller | undefined
}

/**
 * Finds an instance another host and claims its vCPUs, memory and disk there. What it has where it is stays claimed: that is
 * given back by who asks, with host.release, when nothing is left there. Throws NoCapacity (keepRefusal once rolled back).
 * Locks its group, then hosts' claims.
 */
export async function placeExisting(
  cloud: Cloud,
  tx: Tx,
  instance: ExistingInstance,
  elsewhere: Elsewhere,
): Promise<Placed> {
  const { id, project_id } = instance
  const asked = await askedOf(cloud, tx, instance, elsewhere, true)
  const planned = await decide(cloud, tx, asked, 1)
  const caller = elsewhere.caller ?? null
  const wanting = { caller, project_id, instance_id: id, asked, count: 1 }
  const [placed] = await claimPlan(cloud, tx, planned, wanting, { keep: true })
  if (!placed) throw new Error('it was claimed on a host, and on none')
  return placed
}

/** What placeExisting would decide; nothing is claimed or locked. A decision with host_id null: no host can take it. */
export async function tryPlacingExisting(
  cloud: Cloud,
  tx: Tx,
  instance: ExistingInstance,
  elsewhere: Elsewhere,
): Promise<Decision> {
  const asked = await askedOf(cloud, tx, instance, elsewhere, false)
  const { decisions } = await decide(cloud, tx, asked, 1)
  return decisions[0] ?? { host_id: null, zone_id: null, cpu_baseline: null, hosts: [], fitting: 0, refusals: {} }
}

/** What it was made with, as far as that still counts. */
async function askedOf(
  cloud: Cloud,
  tx: Tx,
  instance: ExistingInstance,
  {
    exclude,
    busy,
    host_id,
    disk_gib,
    disks_pool_id,
    pool_id,
    zone_id,
    any_cluster,
    leaves,
    uses_reserve,
    cpu_flags = [],
  }: Elsewhere,
  hold: boolean,
): Promise<PlacementAsked> {
  const made = await placement.askedOf(tx, instance.id)
  const { volume_host_id: _, group: __, pool_id: ___, ...kept } = made ?? { arch: null, cpu_flags: [], labels: {} }
  const group = instance.group_id === null ? null : await instanceGroup.find(tx, instance.group_id)
  const asked: PlacementAsked = {
    ...kept,
    project_id: instance.project_id,
    vcpus: instance.vcpus,
    memory_mib: instance.memory_mib,
    disk_gib,
    zone_id: zone_id === undefined ? instance.zone_id : zone_id,
    host_id: host_id ?? null,
    cpu_flags: [...new Set([...kept.cpu_flags, ...cpu_flags])],
    ...(pool_id !== undefined && { pool_id }),
    ...(group && { group: { id: group.id, name: group.name, policy: group.policy } }),
    around: {
      own_host_id: instance.host_id,
      ...(!any_cluster && { near_host_id: instance.host_id }),
      excluded: exclude,
      ...(busy && { busy }),
      ...(disks_pool_id && { disks_pool_id }),
    },
  }
  return await lookAround(cloud, tx, asked, { hold, moving: instance.id, leaves, uses_reserve })
}
