/** Links of hosts in the database: how they begin and end, and hosts that are late on theirs. What comes over them: reports.ts. */
import type { AbsenceCause } from '../../model/host-state.ts'
import type { HostFacts } from '../../protocol/host-facts.ts'
import type { HardwareId } from '../../model/hardware-id.ts'
import { isHostItself, isSettledMachine } from '../app/host-identity.ts'
import { roomCame } from '../app/maintenance.ts'
import type { ControllerIdentity } from '../cloud.ts'
import { absence } from '../store/absence.ts'
import { controller } from '../store/controller.ts'
import { channels, type Database, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import type { SessionRow } from '../store/host-link.ts'
import { migration } from '../store/migration.ts'
import { observed } from '../store/observed.ts'
import { type Holds, noteHolds, settledHolds } from './holds.ts'

/** A link as the database knows it, or knew it. */
export interface HeldLink {
  host_id: string
  epoch: number
}

/** What a host says as its link begins. */
export interface Greeting {
  host_id: string
  facts: HostFacts
  /** Memory of the host that is for nobody's guests. */
  reserved_mib: number
  holds: Holds
  /** What it has heard of: messages.ts. */
  heard_as_of: number
  keeps_leases: boolean
  /** After a boot it starts nothing unasked of what other hosts may have by now. */
  asks_first: boolean
  /** Where it comes from, as the controller sees it. */
  link_address: string | null
  /** By what its machine is known, as it says. */
  hardware?: HardwareId | undefined
  /** Nobody waits for it any more. */
  isGone(): boolean
}

export interface BegunSession extends SessionRow {
  show: string[]
  forget: string[]
  /** What it said to hold is what it is known to hold. */
  settled: boolean
  agent_urls: string[]
}

type Self = Pick<ControllerIdentity, 'id' | 'agent_url'>

/**
 * Takes the host's link for this controller; its instances' states are known again. Null when nobody waits for it any more. 'other': it is
 * not the host, but a machine with its key; nothing has changed of the host.
 */
export async function beginSession(
  database: Database,
  self: Self,
  greeting: Greeting,
): Promise<BegunSession | 'other' | null> {
  const { host_id, facts, reserved_mib, holds, heard_as_of, hardware, link_address } = greeting
  if (greeting.isGone()) return null
  return await database.transaction(async tx => {
    if (!(await isHostItself(tx, host_id, hardware, link_address))) return 'other'
    const session = await host.beginSession(tx, host_id, self.id, greeting)
    const is_unreached = await host.setFacts(tx, host_id, facts, reserved_mib)
    const { counted_at_end } = session
    const noted = await noteHolds(tx, host_id, holds, { heard_as_of, counted_at_end })
    await comeBack(tx, new Map([[host_id, session]]))
    if (is_unreached) await event.notify(tx, channels.absence, host_id)
    return { ...session, ...noted, agent_urls: await controller.urls(tx, self.agent_url) }
  })
}

/**
 * As beginSession for many hosts at once, as they come when a controller was lost: those that hold what they are to hold, and whose pool and
 * hardware are known. Null for the others, of which more is to be written: nothing has changed of them.
 */
export function beginSessions(
  database: Database,
  self: Self,
  greetings: readonly Greeting[],
): Promise<(BegunSession | null)[]> {
  return database.transaction(async tx => {
    const asked = greetings.filter(one => !one.isGone())
    const machines = await host.lockAll(
      tx,
      asked.map(one => one.host_id),
    )
    // Of which machine nothing is known, or another thing, is seen to alone.
    const waiting = asked.filter(one => isSettledMachine(machines.get(one.host_id) ?? null, one.hardware))
    const settled = await settledHolds(tx, waiting)
    const known = await host.setFactsOfMany(
      tx,
      waiting.filter(one => settled.has(one)),
    )
    const sessions = await host.beginSessions(
      tx,
      self.id,
      waiting.filter(one => known.has(one.host_id)),
    )
    if (sessions.size === 0) return greetings.map(() => null)
    await comeBack(tx, sessions)
    if ([...known.values()].some(one => one.is_unreached)) await event.notify(tx, channels.absence, '')
    const agent_urls = await controller.urls(tx, self.agent_url)
    // An older link of the same host has none of it: what it then says of its end would be said of the newer one.
    return greetings.map(one => {
      const session = settled.has(one) ? sessions.get(one.host_id) : undefined
      return session ? { ...session, show: [], forget: [], settled: true, agent_urls } : null
    })
  })
}

/** Of hosts that were there all along, as far as anybody knew, nobody is told but that they have dialled anew; nor of instances that are shown as before. */
async function comeBack(tx: Tx, sessions: ReadonlyMap<string, SessionRow>): Promise<void> {
  const absences = await absence.end(tx, [...sessions.keys()])
  const isShownAnew = (host_id: string) => sessions.get(host_id)?.was_linked !== true
  const isBack = (host_id: string) => absences.has(host_id) || isShownAnew(host_id)
  const back = [...sessions.keys()].filter(isBack)
  const stayed = [...sessions.keys()].filter(host_id => !isBack(host_id))
  await event.record(tx, stayed.map(hostEvent))
  if (back.length === 0) return
  await hostsChanged(
    tx,
    back.map(host_id => ({ host_id, detail: { back_from: absences.get(host_id) ?? null } })),
    back.filter(isShownAnew),
  )
  await roomCame(tx)
}

/** A link that is no more, and why. */
export interface EndedLink extends HeldLink {
  cause: AbsenceCause
  /**
   * How long the host's highly available guests may still run, counted from when it is called, as the controller knows that held the
   * link and grants nothing more; null: it is another's.
   */
  left_ms: (() => number) | null
  /** For how long nothing was heard of the host when it is called; null: that is another's, too. */
  silent_ms: (() => number) | null
}

/**
 * Links are gone: their hosts are unreachable, their instances unknown, unless a newer link has taken over. `expected`: hosts that will dial
 * again in a moment, whose instances are shown as they were until endExpected.
 */
export async function endSessions(
  database: Database,
  links: readonly EndedLink[],
  { expected = false } = {},
): Promise<void> {
  await database.transaction(async tx => {
    const ended = await host.endSessions(
      tx,
      links.map(({ host_id, epoch, left_ms, silent_ms }) => ({
        host_id,
        epoch,
        left_ms: left_ms?.() ?? null,
        silent_ms: silent_ms?.() ?? null,
      })),
      expected,
    )
    const lost = ended.flatMap(({ id, epoch, heard_at }) => {
      const link = links.find(one => one.host_id === id && one.epoch === epoch)
      return link ? { host_id: id, cause: link.cause, heard_at } : []
    })
    if (lost.length === 0) return
    await absence.begin(tx, lost)
    await hostsChanged(
      tx,
      lost.map(({ host_id, cause }) => ({ host_id, detail: { lost: cause } })),
      expected ? [] : lost.map(one => one.host_id),
    )
    await event.notify(tx, channels.absence, '')
  })
}

/** How long hosts may take that were expected to dial again: by then thousands have. */
const expected_ms = 30_000
/** And where others are still coming, one after the other: to show theirs as unknown would take the time that these need. */
const expected_ms_max = 180_000
/** Others were coming if one came within this time. */
const coming_ms = 5000
const expected_batch = 100

/** How long those may take of which nothing was heard, when the last of the others came so long ago. */
export function expectedFor_ms(none_came_ms: number): number {
  return none_came_ms < coming_ms ? expected_ms_max : expected_ms
}

/** They did not come for so long: what is shown of their instances says so. */
export async function endExpected(database: Database, after_ms: number): Promise<void> {
  for (let left = true; left; ) {
    left = await database.transaction(async tx => {
      const { ended, shown } = await host.endExpected(tx, after_ms, expected_batch)
      if (shown.length > 0) await event.record(tx, await instanceEvents(tx, shown))
      return ended === expected_batch
    })
  }
}

/** Links from which nothing has come for a while: what others think of their hosts is asked early. */
export async function noteLate(
  database: Database,
  late: readonly { host_id: string; epoch: number; silent_ms: number }[],
): Promise<void> {
  await database.transaction(async tx => {
    const fresh = await absence.noteLate(tx, late)
    if (fresh.length === 0) return
    await event.record(tx, fresh.map(hostEvent))
    await event.notify(tx, channels.absence, '')
  })
}

/** They speak again. */
export async function noteHeardAgain(database: Database, host_id: string): Promise<void> {
  await database.transaction(async tx => {
    if (await absence.heardAgain(tx, host_id)) await event.record(tx, [hostEvent(host_id)])
  })
}

function hostEvent(host_id: string) {
  return { noun: 'host', kind: 'changed', resource_id: host_id, project_id: null }
}

async function instanceEvents(tx: Tx, host_ids: readonly string[]) {
  if (host_ids.length === 0) return []
  const instances = await observed.ofHosts(tx, host_ids)
  return instances.map(one => ({ noun: 'instance', kind: 'changed', resource_id: one.id, project_id: one.project_id }))
}

/** A host that comes or goes changes how its instances are shown (those of `shown_anew`), so they get events too; and gateways may move. */
async function hostsChanged(
  tx: Tx,
  hosts: readonly { host_id: string; detail: Record<string, unknown> }[],
  shown_anew: readonly string[],
): Promise<void> {
  const instances = await instanceEvents(tx, shown_anew)
  const moves = await migration.openOfHosts(
    tx,
    hosts.map(one => one.host_id),
  )
  await event.record(tx, [
    ...hosts.map(({ host_id, detail }) => ({ ...hostEvent(host_id), detail })),
    ...instances,
    // Whose word they wait for is shown with them.
    ...moves.map(resource_id => ({ noun: 'migration', kind: 'changed', resource_id, project_id: null })),
  ])
  await event.notify(tx, channels.network, '')
}
