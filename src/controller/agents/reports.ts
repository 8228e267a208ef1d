/**
 * What an agent's words change in the database, each in one transaction: facts, sessions, and reports with the ends of the
 * operations that waited for them. A host can report only on what is placed on it.
 */
import type { HostFacts } from '../../protocol/host-facts.ts'
import type { InstanceReport } from '../../protocol/messages.ts'
import type { ForeignDomain } from '../../protocol/messages.ts'
import type { Static } from 'typebox'
import type { AbsenceCause } from '../../model/host-state.ts'
import type { ControllerIdentity } from '../cloud.ts'
import { followMigrations, type Said } from '../app/migration-steps.ts'
import { absence } from '../store/absence.ts'
import { controller } from '../store/controller.ts'
import { channels, type Database, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { host } from '../store/host.ts'
import type { SessionRow } from '../store/host-link.ts'
import { instance } from '../store/instance.ts'
import { held } from '../store/held.ts'
import { type AppliedReport, observed } from '../store/observed.ts'
import { operation } from '../store/operation.ts'
import { volume } from '../store/volume.ts'
import { type Holds, noteHolds } from './holds.ts'

/** Takes the host's link for this controller; its instances' states are known again. */
export function beginSession(
  database: Database,
  host_id: string,
  self: Pick<ControllerIdentity, 'id' | 'agent_url'>,
  facts: HostFacts,
  reserved_memory_mib: number,
  holds: Holds,
  keeps_leases: boolean,
): Promise<SessionRow & { show: string[]; forget: string[]; agent_urls: string[] }> {
  return database.transaction(async tx => {
    const session = await host.beginSession(tx, host_id, self.id, keeps_leases)
    await host.setFacts(tx, host_id, facts, reserved_memory_mib)
    const noted = await noteHolds(tx, host_id, holds)
    await hostsChanged(tx, [{ host_id, detail: { back_from: await absence.end(tx, host_id) } }])
    return { ...session, ...noted, agent_urls: await controller.urls(tx, self.agent_url) }
  })
}

/** A link that is no more, and why. */
export interface EndedLink extends HeldLink {
  cause: AbsenceCause
  /**
   * How long the host's highly available guests may still run, counted from when it is called, as the controller knows that held the
   * link and grants nothing more; null: it is another's.
   */
  left_ms: (() => number) | null
}

/** Links are gone: their hosts are unreachable, their instances unknown, unless a newer link has taken over. */
export async function endSessions(database: Database, links: readonly EndedLink[]): Promise<void> {
  await database.transaction(async tx => {
    const ended = await host.endSessions(
      tx,
      links.map(({ host_id, epoch, left_ms }) => ({ host_id, epoch, left_ms: left_ms?.() ?? null })),
    )
    const lost = ended.flatMap(({ id, epoch }) => links.find(one => one.host_id === id && one.epoch === epoch) ?? [])
    if (lost.length === 0) return
    await absence.begin(tx, lost)
    await hostsChanged(
      tx,
      lost.map(({ host_id, cause }) => ({ host_id, detail: { lost: cause } })),
    )
    await event.notify(tx, channels.absence, '')
  })
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

/** A host that comes or goes changes how its instances are shown, so they get events too; and gateways may move. */
async function hostsChanged(
  tx: Tx,
  hosts: readonly { host_id: string; detail: Record<string, unknown> }[],
): Promise<void> {
  const instances = await observed.ofHosts(
    tx,
    hosts.map(one => one.host_id),
  )
  await event.record(tx, [
    ...hosts.map(({ host_id, detail }) => ({ ...hostEvent(host_id), detail })),
    ...instances.map(one => ({ noun: 'instance', kind: 'changed', resource_id: one.id, project_id: one.project_id })),
  ])
  await event.notify(tx, channels.network, '')
}

/** A link as the database knows it, or knew it. */
export interface HeldLink {
  host_id: string
  epoch: number
}

export function noteFacts(
  database: Database,
  link: HeldLink,
  facts: HostFacts,
  reserved_mib: number,
): Promise<'applied' | 'foreign'> {
  return noteOnHost(database, link, tx => host.setFacts(tx, link.host_id, facts, reserved_mib))
}

export function noteForeign(
  database: Database,
  link: HeldLink,
  domains: readonly Static<typeof ForeignDomain>[],
): Promise<'applied' | 'foreign'> {
  return noteOnHost(database, link, tx => host.setForeign(tx, link.host_id, domains))
}

async function noteOnHost(
  database: Database,
  { host_id, epoch }: HeldLink,
  write: (tx: Tx) => Promise<void>,
): Promise<'applied' | 'foreign'> {
  return await database.transaction(async tx => {
    if (!(await host.lockLink(tx, host_id, epoch))) return 'foreign'
    await write(tx)
    await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: host_id, project_id: null }])
    return 'applied'
  })
}

/** One host's report, as its link sent it. */
export interface SentReport extends HeldLink {
  report: number
  instances: readonly InstanceReport[]
}

/** 'ahead': the host has done what this database does not know of; its next hello says all that it holds. */
export type ReportOutcome = 'applied' | 'stale' | 'foreign' | 'ahead'

/**
 * Applies reports, of many hosts at once. Everything that follows from them commits with them: observed state, outcomes of
 * operations, a guest's own shutdown becoming what is wanted, room given up by deleted instances, events.
 */
export function applyReports(database: Database, sent: readonly SentReport[]): Promise<ReportOutcome[]> {
  return database.transaction(async tx => {
    // Before the hosts are locked: who changes a volume locks it before its host.
    await volume.noteMade(tx, sent.flatMap(keptVolumes))
    const outcomes = await host.noteReports(tx, sent)
    // Before what they say is written: with the switch an instance becomes another host's.
    await followMigrations(tx, saidOfMigrations(sent, outcomes))
    const said = new Map<string, InstanceReport>()
    const rows = sent.flatMap(({ host_id, report, instances }, n) =>
      outcomes[n] === 'applied' ? [...lastOfEach(instances)].map(one => ({ ...one, host_id, report })) : [],
    )
    const applied = await observed.apply(tx, rows)
    const hosts = new Map(applied.map(row => [row.id, row.host_id]))
    for (const row of rows) if (hosts.get(row.id) === row.host_id) said.set(row.id, row)
    const ahead = new Set(applied.filter(row => isAhead(row, said.get(row.id))))
    // What a host has done by another wish than the database's ends no operation, and changes nothing that is wanted.
    const known = applied.filter(row => !ahead.has(row))
    // Room first: operations come last of all that is locked (store/database.ts).
    await follow(tx, known, said)
    await operation.endTargets(
      tx,
      known.flatMap(row => {
        const one = said.get(row.id)
        // What is to be tried elsewhere has not failed yet: app/refused.ts.
        if (!one || isRefusal(row, one)) return []
        const outcome = one.failure === null ? ('succeeded' as const) : ('failed' as const)
        return [{ resource_id: row.id, generation: one.applied_generation, outcome, reason: one.failure }]
      }),
    )
    await event.record(
      tx,
      applied
        .filter(row => row.changed)
        .map(row => ({ noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id })),
    )
    await event.record(
      tx,
      applied
        .filter(row => row.watchdog_fired)
        .map(row => ({
          noun: 'instance',
          kind: 'watchdog',
          resource_id: row.id,
          project_id: row.project_id,
          detail: said.get(row.id)?.watchdog ?? {},
        })),
    )
    if (applied.some(row => said.get(row.id)?.power === 'absent')) await event.notify(tx, channels.work, 'purge')
    if (known.some(row => isRefusal(row, said.get(row.id)))) await event.notify(tx, channels.work, 'refused')
    const shorter = await held.gone(
      tx,
      rows.flatMap(({ id, host_id, power }) => (power === 'absent' && !said.has(id) ? [{ host_id, id }] : [])),
    )
    await event.record(
      tx,
      shorter.map(resource_id => ({ noun: 'host', kind: 'changed', resource_id, project_id: null })),
    )
    const unnoted = new Set([...ahead].filter(row => row.held_generation === null).map(row => row.host_id))
    return outcomes.map((outcome, n) =>
      outcome === 'applied' && unnoted.has(sent[n]?.host_id ?? '') ? 'ahead' : outcome,
    )
  })
}

function saidOfMigrations(sent: readonly SentReport[], outcomes: readonly ReportOutcome[]): Said[] {
  return sent.flatMap(({ host_id, instances }, n) =>
    outcomes[n] === 'applied' ? instances.map(({ id, power, migration }) => ({ id, power, migration, host_id })) : [],
  )
}

/** The host goes by something newer than what is known here of the instance. */
function isAhead(row: AppliedReport, said: InstanceReport | undefined): boolean {
  return row.held_generation !== null || (said !== undefined && said.applied_generation > row.generation)
}

/** The host cannot bring up what has never run. */
function isRefusal({ ever_ran, deleted }: AppliedReport, said: InstanceReport | undefined): boolean {
  return said?.refused === true && said.failure !== null && !ever_ran && !deleted
}

/** What purged instances have left behind, as they were told. True for ever, so it does not matter how old the report is. */
function keptVolumes({ host_id, instances }: SentReport) {
  return instances.flatMap(({ id, kept_volumes = [] }) =>
    kept_volumes.map(volume_id => ({ host_id, instance_id: id, volume_id })),
  )
}

/** A report that names an instance twice means what it says last. */
function lastOfEach(instances: readonly InstanceReport[]): Iterable<InstanceReport> {
  return new Map(instances.map(one => [one.id, one])).values()
}

/** What instances' own doing changes of what is wanted and claimed. */
async function follow(
  tx: Tx,
  applied: readonly AppliedReport[],
  said: ReadonlyMap<string, InstanceReport>,
): Promise<void> {
  const woken: string[] = []
  const off: AppliedReport[] = []
  for (const row of applied) {
    const one = said.get(row.id)
    if (!one || one.applied_generation < row.generation) continue
    if (one.stopped_by_guest && row.wanted_power === 'running' && !row.deleted) {
      if (await instance.followShutdown(tx, row.id, row.generation)) woken.push(row.host_id)
    }
    const is_off = one.power === 'stopped' || one.power === 'absent'
    if (row.deleted && is_off && row.compute_claimed) off.push(row)
  }
  await host.release(tx, await instance.giveUpCompute(tx, off))
  await hardwareClaim.releaseIdle(
    tx,
    off.map(row => row.id),
  )
  if (woken.length > 0) await event.wakeHosts(tx, woken)
}
