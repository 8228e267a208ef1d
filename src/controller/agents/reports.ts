/**
 * What an agent's words change in the database, each in one transaction: facts, sessions, and reports with the ends of the
 * operations that waited for them. A host can report only on what is placed on it.
 */
import type { HostFacts } from '../../protocol/host-facts.ts'
import type { InstanceReport } from '../../protocol/messages.ts'
import type { ForeignDomain } from '../../protocol/messages.ts'
import type { Static } from 'typebox'
import { followMigrations, type Said } from '../app/migration-steps.ts'
import { atOnce, channels, type Database, type Tx } from '../store/database.ts'
import { event, type NewEvent } from '../store/event.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { host } from '../store/host.ts'
import { instance } from '../store/instance.ts'
import { held } from '../store/held.ts'
import { migration } from '../store/migration.ts'
import { type AppliedReport, observed } from '../store/observed.ts'
import { operation, type TargetEnded } from '../store/operation.ts'
import { volume } from '../store/volume.ts'
import type { HeldLink } from './links.ts'

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
  write: (tx: Tx) => Promise<unknown>,
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
    const [outcomes, moving] = await atOnce(
      tx,
      part => host.noteReports(part, sent),
      part => migration.concerned(part, wordsOf(sent)),
    )
    // Before what they say is written: with the switch an instance becomes another host's.
    await followMigrations(tx, saidOfMigrations(sent, outcomes), moving)
    const said = new Map<string, InstanceReport>()
    const rows = sent.flatMap(({ host_id, report, instances }, n) =>
      outcomes[n] === 'applied'
        ? [...lastOfEach(instances)].flatMap(one => (isBeforeItCame(one) ? [] : { ...one, host_id, report }))
        : [],
    )
    const applied = await observed.apply(tx, rows)
    const hosts = new Map(applied.map(row => [row.id, row.host_id]))
    for (const row of rows) if (hosts.get(row.id) === row.host_id) said.set(row.id, row)
    const ahead = new Set(applied.filter(row => isAhead(row, said.get(row.id))))
    // What a host has done by another wish than the database's ends no operation, and changes nothing that is wanted.
    const known = applied.filter(row => !ahead.has(row))
    // Room first: operations come last of all that is locked (store/database.ts).
    await follow(tx, known, said)
    await atOnce(
      tx,
      part => operation.endTargets(part, endedBy(known, said)),
      part => event.record(part, eventsOf(applied, said)),
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

/** The operations that have come to their end with what was said. */
function endedBy(known: readonly AppliedReport[], said: ReadonlyMap<string, InstanceReport>): TargetEnded[] {
  return known.flatMap(row => {
    const one = said.get(row.id)
    // What is to be tried elsewhere has not failed yet: app/refused.ts.
    if (!one || isRefusal(row, one)) return []
    const outcome = one.failure === null ? ('succeeded' as const) : ('failed' as const)
    return [{ resource_id: row.id, generation: one.applied_generation, outcome, reason: one.failure }]
  })
}

function eventsOf(applied: readonly AppliedReport[], said: ReadonlyMap<string, InstanceReport>): NewEvent[] {
  const ofInstance = (row: AppliedReport) => ({ noun: 'instance', resource_id: row.id, project_id: row.project_id })
  return [
    ...applied.filter(row => row.changed).map(row => ({ ...ofInstance(row), kind: 'changed' })),
    ...applied
      .filter(row => row.watchdog_fired)
      .map(row => ({ ...ofInstance(row), kind: 'watchdog', detail: said.get(row.id)?.watchdog ?? {} })),
  ]
}

const wordsOf = (sent: readonly SentReport[]) =>
  sent.flatMap(({ host_id, instances }) => instances.map(({ id }) => ({ host_id, id })))

function saidOfMigrations(sent: readonly SentReport[], outcomes: readonly ReportOutcome[]): Said[] {
  return sent.flatMap(({ host_id, instances }, n) =>
    outcomes[n] === 'applied'
      ? instances.map(({ id, power, migration, guarded_version }) => ({
          id,
          power,
          migration,
          guarded_version,
          host_id,
        }))
      : [],
  )
}

/**
 * Said by a target that has not taken the guest over. When the source's word that it has gone is heard first, the instance is
 * the target's already, and this would show it as off.
 */
function isBeforeItCame({ migration }: InstanceReport): boolean {
  return migration?.phase === 'preparing' || migration?.phase === 'ready'
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
