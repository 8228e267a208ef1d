/**
 * The steps for one host that is not there, each of which may be taken again: other hosts are asked about it, it is declared dead, its
 * power is cut, or its lease is noted to be over. Which is due: model/host-state.ts.
 */
import { isOfMachine } from '../../lib/ip.ts'
import { type Absence, type FencingMethod, heardOf, lossRules, supersedes, verdictOf } from '../../model/host-state.ts'
import { opinionOf, opinionsOf, witnesses_max } from '../app/host-opinions.ts'
import { cutPower } from '../app/host-power.ts'
import type { Cloud } from '../cloud.ts'
import { FenceFailed } from '../fencing/fence.ts'
import { type AbsentHost, absence } from '../store/absence.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { hostBmc } from '../store/host-bmc.ts'
import { hostReach, type UnreachedHost } from '../store/host-reach.ts'
import { powerCut } from '../store/power-cut.ts'

/** Hosts of which it is found out in one pass who reaches them. */
const learnt_max = 40
/** Between attempts to cut power: longer and longer. */
const again_first_ms = 2000

function told(one: AbsentHost, reason: string, kind = 'changed') {
  return { noun: 'host', kind, resource_id: one.host_id, project_id: null, detail: { availability: reason } }
}

/**
 * In a transaction that holds the host, if it is absent as it was when `one` was read, and not fenced, or not as surely as by `method`. What was found out of an
 * absence says nothing of the next: who came back meanwhile has new leases, and guests. `work` is given what is noted by now: a pass may have read what was
 * before its last step.
 */
async function whileAbsent(
  cloud: Cloud,
  one: AbsentHost,
  work: (tx: Tx, now: Absence) => Promise<void>,
  method: FencingMethod = 'lease',
): Promise<void> {
  await cloud.database.transaction(async tx => {
    const locked = await host.lock(tx, one.host_id)
    const now = locked && (await absence.lock(tx, one.host_id))
    if (!now || !isSame(one, { epoch: locked.session_epoch, absence: now })) return
    if (!supersedes(method, now.fenced_by)) return
    await work(tx, now)
    await event.notify(tx, channels.absence, one.host_id)
  })
}

type Which = Pick<AbsentHost, 'epoch'> & { absence: Pick<Absence, 'since_ms'> }

/** One link may be late more than once. */
function isSame(one: Which, now: Which): boolean {
  return one.epoch === now.epoch && one.absence.since_ms === now.absence.since_ms
}

export async function askOthers(cloud: Cloud, one: AbsentHost): Promise<void> {
  const opinions = await opinionsOf(cloud, one)
  await whileAbsent(cloud, one, async (tx, now) => {
    const verdict = verdictOf(opinions)
    // Only what is seen now counts: one that was dead may be reached again.
    const revived = now.dead_ms !== null && verdict !== 'dead'
    await absence.note(tx, one.host_id, { asked: true, opinions, ...(revived && { dead_at: null }) })
    if (now.asked_ms === null || verdict !== verdictOf(now.opinions))
      await event.record(tx, [told(one, `others were asked: ${heardOf(opinions)}`)])
  })
}

/** Finds out of hosts that are there who reaches them; for when they are lost. */
export async function learnReach(cloud: Cloud, looked: () => void): Promise<void> {
  const { db } = cloud.database
  const learn = async (one: UnreachedHost, there: readonly Neighbour[]) => {
    if (!isOfMachine(one.address)) return await hostReach.note(db, one, { asked: witnesses_max, by: [] })
    const others = neighboursOf(one, there)
    const found = await Promise.all(others.map(other => opinionOf(cloud, other, one.address)))
    const by = found.flatMap(({ host_id, reached }) => (reached === 'service' || reached === 'machine' ? host_id : []))
    await hostReach.note(db, one, { asked: others.length, by })
  }
  const due = await hostReach.due(db, witnesses_max, learnt_max)
  // Read once for all of them: choosing for each among ten thousand would cost more than asking.
  const there = due.length > 0 ? await absence.there(db, [...new Set(due.map(one => one.zone_id))]) : []
  looked()
  await Promise.all(due.map(one => learn(one, there)))
}

type Neighbour = Awaited<ReturnType<typeof absence.there>>[number]

/**
 * Who is to be asked about it: others of its cluster, and of its zone where these are too few. Far from each other in the order in which
 * they joined: what joined one after the other may hang on one switch.
 */
export function neighboursOf(
  one: Pick<UnreachedHost, 'host_id' | 'cluster_id' | 'zone_id'>,
  there: readonly Neighbour[],
): Neighbour[] {
  const others = there.filter(({ id, zone_id }) => zone_id === one.zone_id && id !== one.host_id)
  const own = others.filter(({ cluster_id }) => cluster_id === one.cluster_id)
  const chosen = apart(own, one.host_id, witnesses_max)
  const more = others.filter(({ cluster_id }) => cluster_id !== one.cluster_id)
  return [...chosen, ...apart(more, one.host_id, witnesses_max - chosen.length)]
}

/** The same for the same id, another choice for another. */
function apart<T>(all: readonly T[], id: string, count: number): T[] {
  if (all.length <= count) return all.slice(0, count)
  const from = Number.parseInt(id.replaceAll('-', '').slice(-8), 16) % all.length
  return Array.from({ length: count }, (_, n) => Math.floor((from + (n * all.length) / count) % all.length)).flatMap(
    at => all[at] ?? [],
  )
}

export function declareDead(cloud: Cloud, one: AbsentHost): Promise<void> {
  return whileAbsent(cloud, one, async (tx, now) => {
    if (now.dead_ms !== null) return
    await absence.note(tx, one.host_id, { dead: true })
    await event.record(tx, [told(one, 'dead: other hosts cannot reach it either')])
  })
}

/**
 * Cuts its power, and notes it when it is seen to be off. Done twice it is off all the same. A BMC may be silent for long, as while a switch that both
 * hang on starts: before the power is cut it is looked at once more whether that is still to be done.
 */
export async function fence(cloud: Cloud, one: AbsentHost): Promise<void> {
  const { db } = cloud.database
  const row = await hostBmc.find(db, one.host_id)
  if (!row) return
  try {
    const fenced = await cutPower(cloud, row, () => powerCut.mayCut(db, one.host_id, one.epoch))
    if (fenced === null) return
    const { took_ms, was_off } = fenced
    const how = was_off ? 'its power was off already' : `its power was cut and seen to be off within ${took_ms} ms`
    await noteFenced(cloud, one, { fenced_by: row.kind, power_was_off: was_off }, `fenced by ${row.kind}: ${how}`)
  } catch (error) {
    if (!(error instanceof FenceFailed)) throw error
    const again_ms = Math.min(lossRules.fence_again_max_ms, again_first_ms * 2 ** one.absence.fence_attempts)
    const note = async (tx: Tx) => {
      await absence.noteFenceFailure(tx, one.host_id, error.message, again_ms)
      await event.record(tx, [told(one, `cutting its power failed: ${error.message}`)])
    }
    // Also of one whose lease has run out meanwhile.
    await whileAbsent(cloud, one, note, row.kind)
  }
}

export function noteLeaseOver(cloud: Cloud, one: AbsentHost): Promise<void> {
  return noteFenced(
    cloud,
    one,
    { fenced_by: 'lease' },
    'fenced by lease: it has stopped its highly available instances itself',
  )
}

function noteFenced(
  cloud: Cloud,
  one: AbsentHost,
  how: { fenced_by: FencingMethod; power_was_off?: boolean },
  reason: string,
): Promise<void> {
  const noteIt = async (tx: Tx) => {
    await absence.note(tx, one.host_id, how)
    await event.record(tx, [told(one, reason)])
  }
  return whileAbsent(cloud, one, noteIt, how.fenced_by)
}
