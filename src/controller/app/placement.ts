/**
 * Places instances and claims the room, in the caller's transaction. Not its job: what is told of it (placement-told.ts), what
 * has to be known besides hosts (placement-around.ts), and what there is already asks for (placement-elsewhere.ts).
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
import {
  type Around,
  type CpuNames,
  diskNeeded,
  type HostSnapshot,
  type PlacementAsked,
} from '../scheduler/snapshot.ts'
import { atOnce, type Tx } from '../store/database.ts'
import { host } from '../store/host.ts'
import type { Claim } from '../store/host-claim.ts'
import { type NewPlacement, placement } from '../store/placement.ts'
import type { Caller } from './caller.ts'
import { allHardware, giveHardware, hardwareCounts, noteHardware, withHardware } from './placement-hardware.ts'
import { holdReserves, type Reserves, reservesNow, roomOfClusters } from './ha-reserve.ts'
import { lookAround } from './placement-around.ts'
import { askedOf, type Elsewhere, type ExistingInstance } from './placement-elsewhere.ts'
import { noRoom, refused, RoomTaken, type Wanting } from './placement-told.ts'
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
  /** What clusters keep for lost hosts; null: nothing, or nothing that it may not take. */
  reserves: Reserves | null
}

interface Deciding {
  allowed?: Promise<unknown> | undefined
  hosts?: readonly HostSnapshot[]
  reserves: Reserves | null
}

/**
 * As decide, with the reserves held of those clusters in which something was placed: what they keep is for sure then. Others that place elsewhere
 * are not kept waiting by that. `wait`: nothing is held that comes after reserves (store/database.ts has the order of locks).
 */
async function decideHolding(
  cloud: Cloud,
  tx: Tx,
  wish: PlacementAsked,
  count: number,
  deciding: Deciding & { wait?: boolean },
): Promise<Plan> {
  const { wait = true } = deciding
  const held = new Set<string>()
  let plan = await decide(cloud, tx, wish, count, deciding)
  while (plan.reserves) {
    const { reserves, placed, hosts } = plan
    const chosen = new Set(placed.map(one => one.host_id))
    const clusters = new Set(hosts.flatMap(host => (chosen.has(host.id) ? host.cluster_id : [])))
    const more = [...clusters].filter(id => reserves.tolerated.has(id) && !held.has(id))
    const stale = placed.length < count && !reserves.fresh
    if (more.length === 0 && !stale) return plan
    const known = stale ? await reservesNow(cloud, tx, { fresh: true }) : reserves
    const first = wait && held.size === 0
    for (const id of more) held.add(id)
    const exact = known && (await holdReserves(cloud, tx, known, [...held], { wait: first }))
    // Hosts are looked at anew: others have promised of them until they let go of the reserve.
    plan = await decide(cloud, tx, wish, count, { reserves: exact })
  }
  return plan
}

async function decide(
  cloud: Cloud,
  tx: Tx,
  wish: PlacementAsked,
  count: number,
  { allowed, hosts: seen, reserves }: Deciding,
): Promise<Plan> {
  const whole = await withHardware(tx, wish)
  const hardware = reserves ? await allHardware(tx, whole) : undefined
  const factors = factorsOf(cloud.settings)
  const look = async (with_promised: boolean, known?: readonly HostSnapshot[]) => {
    const hosts = known ?? (await cloud.hosts.view(tx, { with_promised }))
    await allowed
    const asked = reserves ? withRoom(whole, roomOfClusters(reserves, hosts, hardware)) : whole
    const own = await cloud.modules.ask(hosts, asked, count)
    const placed = (one: PlacementAsked) =>
      own ? place(hosts, one, count, { factors, ...own }) : cloud.hosts.placer.place(hosts, one, count, factors)
    return { hosts, asked, decisions: placeNear(hosts, asked, placed, factors.own_cluster > 0) }
  }
  let { hosts, asked, decisions } = await look(true, seen)
  // What others are about to claim may come to nothing, and they may be waited for: that refuses nobody.
  if (decisions.at(-1)?.host_id === null && cloud.hosts.has_promised) ({ hosts, asked, decisions } = await look(false))
  const placed = decisions.flatMap(decision => {
    const { host_id, zone_id, cpu_baseline } = decision
    if (host_id === null || zone_id === null) return []
    return [{ host_id, zone_id, cpu_baseline, decision, disk_gib: diskOn(hosts, host_id, asked) }]
  })
  return { asked, decisions, placed, hosts, reserves }
}

function withRoom(asked: PlacementAsked, cluster_room: NonNullable<Around['cluster_room']>): PlacementAsked {
  return { ...asked, around: { ...asked.around, cluster_room } }
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
  const around = await lookAround(cloud, tx, wish, { hold: false })
  const plan = await decide(cloud, tx, around, count, { reserves: await reservesNow(cloud, tx, { fresh: true }) })
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
  const reserved = (part: Tx) => reservesNow(cloud, part)
  if (wish.group ?? wish.different_from ?? wish.same_as) {
    const asked = await around(tx)
    return await decideHolding(cloud, tx, asked, count, { allowed, reserves: await reserved(tx) })
  }
  const view = (part: Tx) => cloud.hosts.view(part, { with_promised: true })
  const [asked, hosts, reserves] = await atOnce(tx, around, view, reserved)
  return await decideHolding(cloud, tx, asked, count, { allowed, hosts, reserves })
}

/**
 * Claims on hosts what was planned for `count` instances, all or nothing; what has lost its room meanwhile is planned anew. Throws
 * NoCapacity, with the explanation to be kept under the id in the error's detail, or RoomTaken. Before `allowed` is fulfilled nobody here is kept away from
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
  const { count } = wanting
  let { asked } = wanting
  let plan = planned
  const grounds = new Set<string>()
  for (let attempt = 1; plan.placed.length === count; attempt++) {
    const claims = claimsFor(plan)
    const kept = keep ? explanations(cloud, { ...wanting, asked }, plan.placed) : []
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
    grounds.add(groundOf(plan))
    if (attempt >= attempts_max) {
      // As it was decided all of them fit: whoever was told that decision would be told of no reason.
      if (grounds.size > 1) throw new RoomTaken(attempts_max)
      asked = withoutHosts(asked, plan.placed)
      attempt = 0
      grounds.clear()
    }
    plan = await decideHolding(cloud, tx, asked, count, { reserves: plan.reserves, wait: false })
  }
  throw refused(cloud, { ...wanting, asked }, plan.decisions)
}

/** What of its hosts a plan goes by. Where that stays as it is, nobody was quicker: what is claimed is counted otherwise than what was decided. */
function groundOf({ placed, hosts }: Plan): string {
  const chosen = new Set(placed.map(one => one.host_id))
  return JSON.stringify(
    hosts
      .filter(host => chosen.has(host.id))
      .map(host => [host.id, host.vcpus_claimed, host.memory_claimed_mib, host.disk_claimed_gib]),
  )
}

/** Others may do; and who is refused by all is told of these, too, and does not come again for ever. */
function withoutHosts(asked: PlacementAsked, placed: readonly Placed[]): PlacementAsked {
  const why = 'seems to have room, and did not give it'
  const excluded = new Map([...(asked.around?.excluded ?? []), ...placed.map(one => [one.host_id, why] as const)])
  return { ...asked, around: { ...asked.around, excluded } }
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

/**
 * Finds an instance another host and claims its vCPUs, memory and disk there. What it has where it is stays claimed: that is
 * given back by who asks, with host.release, when nothing is left there. Throws NoCapacity (keepRefusal once rolled back) and RoomTaken.
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
  const reserves = elsewhere.uses_reserve ? null : await reservesNow(cloud, tx)
  const planned = await decideHolding(cloud, tx, asked, 1, { reserves })
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
  const reserves = elsewhere.uses_reserve ? null : await reservesNow(cloud, tx, { fresh: true })
  const { decisions } = await decide(cloud, tx, asked, 1, { reserves })
  return decisions[0] ?? { host_id: null, zone_id: null, cpu_baseline: null, hosts: [], fitting: 0, refusals: {} }
}
