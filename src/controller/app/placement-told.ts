/** What is told of the scheduler's decisions, and to whom; those that found no host are kept, too. Not its job: to decide. */
import type { Placement } from '../../api/placement.ts'
import { CloudError, type ErrorDetail, notFound } from '../../model/errors.ts'
import type { PlacementId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { inWords, whatHelps } from '../scheduler/filters/index.ts'
import type { Decision } from '../scheduler/place.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import type { Tx } from '../store/database.ts'
import { type NewPlacement, placement } from '../store/placement.ts'
import { type Caller, mayOnSystem, projectOf } from './caller.ts'
import { counted, vcpusText } from '../../model/words.ts'

/** No host can take it: the decision is kept once the transaction that asked has been rolled back. */
export class NoCapacity extends CloudError {
  readonly placement: NewPlacement

  constructor(sentence: string, detail: ErrorDetail, refused: NewPlacement) {
    super('no_capacity', sentence, detail)
    this.placement = refused
  }
}

/** There was room, and others were quicker each time. That is no decision: of the hosts that it had found nothing is wrong, and none is kept. */
export class RoomTaken extends CloudError {
  constructor(times: number) {
    super(
      'unavailable',
      `Room was found, and others took it first, ${times} times in a row; nothing was changed. Try again in a few seconds.`,
    )
  }
}

/**
 * Keeps the explanation of a refusal, in a transaction of its own, since the refused one leaves nothing. Not within that
 * one: to ask for a second connection while holding a first is how pools lock up.
 */
export async function keepRefusal(cloud: Cloud, error: unknown): Promise<void> {
  if (error instanceof NoCapacity) await placement.insert(cloud.database.db, [error.placement])
}

/** The same of what is tried again and again by itself, when it is news; in the transaction that tells of it. */
export async function keepNews(tx: Tx, error: CloudError, is_told: boolean): Promise<void> {
  if (!(error instanceof NoCapacity)) return
  // What is told of it names it.
  if (is_told) await placement.insert(tx, [error.placement])
  else await placement.insertNews(tx, error.placement)
}

/** For whom and for what a place was looked for. `caller`: null for Croft itself, which is told all. */
export interface Wanting {
  caller: Caller | null
  project_id: string
  instance_id: string | null
  asked: PlacementAsked
  count: number
}

/** Hosts' names, and how each stands, are for who may see hosts; others learn what it fails for. */
export const maySeeHosts = (caller: Caller): boolean => mayOnSystem(caller, 'topology.read')

export function refused(cloud: Cloud, wanting: Wanting, decisions: readonly Decision[]): NoCapacity {
  const { sentence, detail } = noRoom(wanting, decisions)
  const last = decisions.at(-1) ?? {
    host_id: null,
    zone_id: null,
    cpu_baseline: null,
    hosts: [],
    fitting: 0,
    refusals: {},
  }
  const { caller, project_id, instance_id, asked } = wanting
  const id = makeId<PlacementId>(cloud)
  return new NoCapacity(
    `${sentence} The whole decision: croft placement get ${id}.`,
    { placement_id: id, ...detail },
    {
      id,
      project_id,
      instance_id,
      request_id: caller?.request.id ?? null,
      asked,
      decision: { ...last, host_id: null },
    },
  )
}

/** Reasons that a sentence has room for. */
const reasons_max = 3

export function noRoom(
  { caller, instance_id, asked, count }: Omit<Wanting, 'project_id'>,
  decisions: readonly Decision[],
): { sentence: string; detail: ErrorDetail } {
  const last: Pick<Decision, 'hosts' | 'refusals' | 'remarks'> = decisions.at(-1) ?? { hosts: [], refusals: {} }
  const fitted = decisions.filter(decision => decision.host_id !== null).length
  const reasons = reasonsOf(last, caller === null || maySeeHosts(caller))
  const why = reasons.slice(0, reasons_max).map(({ reason, hosts, examples: [example] }) => {
    const counted = `${reason}: ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`
    return example ? `${counted}, ${hosts === 1 ? '' : 'as '}${example.host} ${example.why}` : counted
  })
  const more = reasons.length > reasons_max ? [`and ${counted(reasons.length - reasons_max, 'more reason')}`] : []
  const size = `${vcpusText(asked.vcpus)}, ${asked.memory_mib} MiB, ${asked.disk_gib} GiB`
  const what = whatHelps(
    reasons.map(one => one.filter),
    instance_id !== null,
    asked,
  )
  const helps = [...(last.remarks ?? []), what].join(' ')
  const detail = { refusals: last.refusals, fitted }
  const [own] = reasons
  if (count === 1 && asked.host_id !== null && own && own.filter !== another_host)
    return { sentence: `${askedHostCannot(own, size)}. ${helps}`, detail }
  const most = count > 1 ? `Only ${fitted} of ${count} would fit` : `No host can take ${size}`
  const told =
    why.length > 0 ? ` (${[...why, ...more].join('; ')})` : ' (there is no host yet: join one with croft host invite)'
  return { sentence: `${most}${told}. ${helps}`, detail }
}

/** That others were not asked for is not what keeps it from the one that was. */
const another_host = 'asked_host'

function askedHostCannot({ reason, examples: [example] }: Placement['reasons'][number], size: string): string {
  return example
    ? `The host ${example.host} cannot take ${size}: it ${example.why}`
    : `The host that was asked for cannot take ${size}: ${reason}`
}

const examples_max = 3

/** Summed up, the commonest first, and what the host that was asked for lacks before all; examples name hosts. */
function reasonsOf({ hosts, refusals }: Pick<Decision, 'hosts' | 'refusals'>, with_examples: boolean) {
  const examples = Map.groupBy(hosts, one => one.filter)
  return Object.entries(refusals)
    .filter(([, n]) => n > 0)
    .sort(([a, one], [b, other]) => Number(a === another_host) - Number(b === another_host) || other - one)
    .map(([filter, n]): Placement['reasons'][number] => ({
      filter,
      reason: inWords(filter),
      hosts: n,
      examples: (with_examples ? (examples.get(filter) ?? []) : [])
        .slice(0, examples_max)
        .map(({ host, host_id, refused: why }) => ({ host, host_id, why: why ?? '' })),
    }))
}

type Kept = Omit<Placement, 'reasons'>

export async function getPlacement(cloud: Cloud, caller: Caller, id: string): Promise<Placement> {
  const project_id = mayOnSystem(caller, 'instance.read') ? null : projectOf(caller)
  const found = await placement.find(cloud.database.db, id, project_id)
  if (!found) throw notFound('placement', id)
  return asTold(caller, await placement.withRemoved(cloud.database.db, found))
}

/** A decision with its reasons, without the hosts that were looked at for who may not see hosts. */
export function asTold<T extends Pick<Kept, 'hosts' | 'refusals'>>(
  caller: Caller,
  decision: T,
): T & Pick<Placement, 'reasons'> {
  const may = maySeeHosts(caller)
  return { ...decision, hosts: may ? decision.hosts : [], reasons: reasonsOf(decision, may) }
}
