/** Places instances and claims the room, in the caller's transaction; keeps why, also when there is none. */
import type { Placement } from '../../api/placement.ts'
import { CloudError, type ErrorDetail, notFound } from '../../model/errors.ts'
import type { PlacementId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { inWords } from '../scheduler/filters/index.ts'
import { type Decision, place } from '../scheduler/place.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import type { Tx } from '../store/database.ts'
import { host } from '../store/host.ts'
import type { Claim } from '../store/host-claim.ts'
import { type NewPlacement, placement } from '../store/placement.ts'
import { type Caller, mayOnSystem, projectOf } from './caller.ts'

export interface Placed {
  host_id: string
  zone_id: string
  decision: Decision
}

/** No host can take it: the decision is kept once the transaction that asked has been rolled back. */
export class NoCapacity extends CloudError {
  readonly placement: NewPlacement

  constructor(sentence: string, detail: ErrorDetail, refused: NewPlacement) {
    super('no_capacity', sentence, detail)
    this.placement = refused
  }
}

/**
 * Keeps the explanation of a refusal, in a transaction of its own, since the refused one leaves nothing. Not within that
 * one: to ask for a second connection while holding a first is how pools lock up.
 */
export async function keepRefusal(cloud: Cloud, error: unknown): Promise<void> {
  if (error instanceof NoCapacity) await placement.insert(cloud.database.db, [error.placement])
}

/** Another transaction may take the room between looking and claiming; then it is looked at again. */
const attempts_max = 5

/** What would be decided now. */
interface Plan {
  /** One per instance, up to the first that no host can take. */
  decisions: Decision[]
  placed: Placed[]
  /** Of all hosts, by id. */
  zones: ReadonlyMap<string, string>
}

async function decide(tx: Tx, asked: PlacementAsked, count: number): Promise<Plan> {
  const hosts = await host.snapshot(tx)
  const decisions = place(hosts, asked, count)
  const zones = new Map(hosts.map(one => [one.id, one.zone_id]))
  const placed = decisions.flatMap(decision => {
    const { host_id } = decision
    return host_id ? [{ host_id, zone_id: zones.get(host_id) ?? '', decision }] : []
  })
  return { decisions, placed, zones }
}

/** Decides as placeAndClaim does, and claims nothing; with what that would throw if not all find room. */
export async function tryPlacing(
  tx: Tx,
  caller: Caller,
  asked: PlacementAsked,
  count: number,
): Promise<Plan & { refused: CloudError | null }> {
  const plan = await decide(tx, asked, count)
  if (plan.placed.length === count) return { ...plan, refused: null }
  const { sentence, detail } = noRoom(caller, asked, count, plan.decisions)
  return { ...plan, refused: new CloudError('no_capacity', sentence, detail) }
}

/**
 * Decides for `count` like instances and claims on their hosts, all or nothing. Throws NoCapacity, with the explanation to
 * be kept under the id in the error's detail.
 */
export async function placeAndClaim(
  cloud: Cloud,
  tx: Tx,
  caller: Caller,
  asked: PlacementAsked,
  count: number,
): Promise<Placed[]> {
  let decisions: Decision[] = []
  for (let attempt = 0; attempt < attempts_max; attempt++) {
    const plan = await decide(tx, asked, count)
    decisions = plan.decisions
    if (plan.placed.length < count) break
    if (await claimAll(tx, plan.placed, asked)) return plan.placed
  }
  throw refused(cloud, caller, asked, count, decisions)
}

/** Sums up per host, so that a batch locks and writes each host once. */
async function claimAll(tx: Tx, placed: readonly Placed[], asked: PlacementAsked): Promise<boolean> {
  const perHost = new Map<string, number>()
  for (const { host_id } of placed) perHost.set(host_id, (perHost.get(host_id) ?? 0) + 1)
  const claims: Claim[] = [...perHost].map(([host_id, n]) => ({
    host_id,
    vcpus: n * asked.vcpus,
    memory_mib: n * asked.memory_mib,
    disk_gib: n * asked.disk_gib,
  }))
  return await host.claim(tx, claims)
}

function refused(
  cloud: Cloud,
  caller: Caller,
  asked: PlacementAsked,
  count: number,
  decisions: readonly Decision[],
): NoCapacity {
  const { sentence, detail } = noRoom(caller, asked, count, decisions)
  const last = decisions.at(-1) ?? { host_id: null, hosts: [], refusals: {} }
  const id = makeId<PlacementId>(cloud)
  const none = { ...last, host_id: null }
  return new NoCapacity(
    `${sentence} The whole decision: croft placement get ${id}.`,
    { placement_id: id, ...detail },
    { id, project_id: projectOf(caller), instance_id: null, request_id: caller.request.id, asked, decision: none },
  )
}

/** Hosts' names, and how each stands, are for who may see hosts; others learn what it fails for. */
export const maySeeHosts = (caller: Caller): boolean => mayOnSystem(caller, 'topology.read')

function noRoom(
  caller: Caller,
  asked: PlacementAsked,
  count: number,
  decisions: readonly Decision[],
): { sentence: string; detail: ErrorDetail } {
  const last = decisions.at(-1) ?? { hosts: [], refusals: {} }
  const fitted = decisions.filter(decision => decision.host_id !== null).length
  const why = maySeeHosts(caller)
    ? last.hosts.flatMap(one => (one.refused === null ? [] : [`${one.host}: ${one.refused}`])).slice(0, 3)
    : Object.entries(last.refusals).map(([filter, hosts]) => inWords(filter, hosts))
  const most =
    count > 1
      ? `Only ${fitted} of ${count} would fit`
      : `No host can take ${asked.vcpus} vCPUs, ${asked.memory_mib} MiB, ${asked.disk_gib} GiB`
  const reasons = why.length > 0 ? ` (${why.join('; ')})` : ' (there is no host yet: join one with croft host invite)'
  return {
    sentence: `${most}${reasons}. Choose a smaller flavor, free some room, or add a host.`,
    detail: { refusals: last.refusals, fitted },
  }
}

export async function getPlacement(cloud: Cloud, caller: Caller, id: string): Promise<Placement> {
  const project_id = mayOnSystem(caller, 'instance.read') ? null : projectOf(caller)
  const found = await placement.find(cloud.database.db, id, project_id)
  if (!found) throw notFound('placement', id)
  return asTold(caller, found)
}

/** A decision, without the hosts that were looked at for who may not see hosts. */
export function asTold(caller: Caller, decision: Placement): Placement {
  return maySeeHosts(caller) ? decision : { ...decision, hosts: [] }
}
