/**
 * What would come of a request for instances, with nothing taken, locked or written: the very steps of making them
 * (instance-create.ts), in a transaction in which PostgreSQL lets nothing be changed. What is told is true of that moment only.
 */
import { instanceRoutes } from '../../api/instance.ts'
import type { InstancePlan } from '../../api/placement.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError, type ErrorCode } from '../../model/errors.ts'
import type { QuotaCharge } from '../../model/quota.ts'
import type { Cloud } from '../cloud.ts'
import type { Verdict } from '../scheduler/place.ts'
import { onlyLook, type Tx } from '../store/database.ts'
import { quota } from '../store/quota.ts'
import { zone } from '../store/zone.ts'
import { bootOf, newRootGib } from './boot-source.ts'
import { type Caller, mayInProject, mayOnSystem, projectOf } from './caller.ts'
import { tryPorts } from './instance-ports.ts'
import { chargedTo, chargeOf, checkTexts, keysFor, networksFor, placementAsked, sizeOf } from './instance-request.ts'
import { type Placed, tryPlacing } from './placement.ts'
import { asTold, maySeeHosts } from './placement-told.ts'

/** As it is answered, but for what goes wrong, which http/ makes problem documents of. */
export type Planned = Omit<InstancePlan, 'problems'> & { problems: CloudError[] }

/**
 * `problems` has what creation would throw, in the order in which it would meet them; the first is what it would answer. Throws
 * not_found for what is named and is not there.
 */
export function planInstances(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof instanceRoutes.plan>,
): Promise<Planned> {
  const project_id = projectOf(caller)
  const count = asked.count ?? 1
  return onlyLook(cloud.database.db, async tx => {
    const problems: CloudError[] = []
    const step = async <T>(run: () => T | Promise<T>): Promise<T | undefined> => {
      try {
        return await run()
      } catch (error) {
        problems.push(refusalIn(error))
        return undefined
      }
    }
    await step(() => checkTexts(asked))
    const size = await sizeOf(tx, asked)
    const boot = await step(() => bootOf(tx, project_id, asked, size, false))
    await step(() => keysFor(tx, caller, asked))
    const networks = await step(() => networksFor(tx, project_id, asked))
    const root_gib = boot
      ? newRootGib(boot)
      : asked.boot_volume_id === undefined
        ? (asked.disk_gib ?? size.disk_gib)
        : 0
    const charge = chargeOf(size, root_gib, count)
    const over = await quota.refusal(tx, chargedTo(caller, project_id), charge)
    if (over) problems.push(over)
    const wish = boot && (await step(() => placementAsked(cloud, tx, { project_id, asked, size, boot })))
    const plan = wish && (await step(() => tryPlacing(cloud, tx, caller, wish, count)))
    if (plan?.refused) problems.push(plan.refused)
    if (networks) await step(() => tryPorts(tx, project_id, networks, count))
    return {
      possible: problems.length === 0,
      problems,
      quota: await quotaAfter(tx, caller, project_id, charge),
      placement: plan ? await placementOf(tx, caller, plan) : null,
    }
  })
}

const refusals: ReadonlySet<ErrorCode> = new Set(instanceRoutes.create.errors.filter(code => code !== 'not_found'))

/** Of a step that failed; throws what is no refusal. */
function refusalIn(error: unknown): CloudError {
  if (error instanceof CloudError && refusals.has(error.code)) return error
  throw error
}

/** Null for who may not read quotas. */
async function quotaAfter(tx: Tx, caller: Caller, project_id: string, charge: QuotaCharge): Promise<Planned['quota']> {
  if (!mayInProject(caller, 'quota.read') && !mayOnSystem(caller, 'quota.read')) return null
  const rows = await quota.list(tx, 'project', project_id)
  return rows.flatMap(row => {
    const asked = charge[row.resource]
    return asked === undefined ? [] : [{ ...row, asked, after: row.used + asked }]
  })
}

/** Beside the best and the examples that a decision tells, when a batch spreads over many. */
const hosts_told_max = 50

async function placementOf(
  tx: Tx,
  caller: Caller,
  { decisions, placed, hosts, refused }: Awaited<ReturnType<typeof tryPlacing>>,
): Promise<NonNullable<Planned['placement']>> {
  const zones = new Map(hosts.map(one => [one.id, one.zone_id]))
  const in_zones = Map.groupBy(placed, one => one.zone_id)
  // As hosts stand before any is there; or, if not all find room, when the first finds none.
  const told = refused ? decisions.at(-1) : decisions[0]
  const verdicts = maySeeHosts(caller) ? verdictsOf(told?.hosts ?? [], placed) : null
  const zone_ids = verdicts ? [...new Set(zones.values())] : [...in_zones.keys()]
  const names = await zone.names(tx, zone_ids)
  return {
    fitted: placed.length,
    fitting: told?.fitting ?? 0,
    zones: [...in_zones].map(([zone_id, all]) => ({
      zone_id,
      zone: names.get(zone_id) ?? '',
      instances: all.length,
    })),
    hosts: verdicts?.map(one => ({ ...one, zone: names.get(zones.get(one.host_id) ?? '') ?? '' })) ?? null,
    refusals: told?.refusals ?? {},
    reasons: asTold(caller, { hosts: told?.hosts ?? [], refusals: told?.refusals ?? {} }).reasons,
  }
}

/** With how many would run there; those first, then by score. */
function verdictsOf(told: readonly Verdict[], placed: readonly Placed[]): (Verdict & { instances: number })[] {
  const verdicts = new Map(told.map(one => [one.host_id, one]))
  const counts = new Map<string, number>()
  for (const { host_id, decision } of placed) {
    counts.set(host_id, (counts.get(host_id) ?? 0) + 1)
    const own = decision.hosts.find(one => one.host_id === host_id)
    if (own && verdicts.size < hosts_told_max && !verdicts.has(host_id)) verdicts.set(host_id, own)
  }
  return [...verdicts.values()]
    .map(one => ({ ...one, instances: counts.get(one.host_id) ?? 0 }))
    .sort((one, other) => other.instances - one.instances || (other.score ?? -1) - (one.score ?? -1))
}
