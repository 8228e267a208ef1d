/**
 * Compares what a host says it holds with what the database knows. A host that holds newer things shows that the database was
 * restored from an older backup: that is kept and shown, and nothing is stopped or destroyed because of it.
 */
import type { AgentFrame } from '../../protocol/messages.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { type Database, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type Hold, held, type KnownInstance } from '../store/held.ts'
import { host } from '../store/host.ts'
import { migrationParts } from '../store/migration-parts.ts'
import { powerOf } from '../store/wanted.ts'
import type { HeldLink } from './reports.ts'

export type Holds = Extract<AgentFrame, { type: 'hello' }>['holds']

export interface Compared {
  /** What the host holds beyond the database. */
  differing: Hold[]
  /** Instances of this host to be marked with the generation that the host holds, or to lose their mark. */
  marks: { id: string; generation: number | null }[]
  /** Of the same generation, with later details. */
  details: { id: string; details_version: number }[]
  /** It has cleared what it was to clear after a migration, and holds but the note of that. */
  cleared: string[]
}

/**
 * Pure. `known`: the held instances that there are, wherever, and those of the host that are marked. `moving`: those in whose
 * moving the host has a part; it is told what to do with them.
 */
export function compareHolds(
  host_id: string,
  known: readonly KnownInstance[],
  holds: Holds,
  moving: ReadonlySet<string> = new Set(),
): Compared {
  const rows = new Map(known.map(row => [row.id, row]))
  const differing: Hold[] = []
  const details: Compared['details'] = []
  const cleared: string[] = []
  for (const hold of holds) {
    const row = rows.get(hold.id)
    if (row?.host_id !== host_id) {
      if (moving.has(hold.id)) continue
      if (hold.migration?.step === 'leave' || hold.migration?.step === 'discard') {
        cleared.push(hold.id)
        continue
      }
    }
    const kind = kindOf(host_id, row, hold)
    const { id, generation, details_version } = hold
    if (kind) differing.push({ instance_id: id, kind, generation, details_version, power: hold.power ?? 'unknown' })
    else if (row?.generation === generation && details_version > row.details_version)
      details.push({ id, details_version })
  }
  const ahead = new Map(differing.flatMap(one => (one.kind === 'ahead' ? [[one.instance_id, one.generation]] : [])))
  const marks = known
    .filter(row => row.host_id === host_id && row.held_generation !== (ahead.get(row.id) ?? null))
    .map(row => ({ id: row.id, generation: ahead.get(row.id) ?? null }))
  return { differing, marks, details, cleared }
}

function kindOf(host_id: string, row: KnownInstance | undefined, hold: Holds[number]): Hold['kind'] | null {
  // A purge that the host was told of before goes on. Agents that do not say the power are older than this comparison.
  if (!row) return hold.power === undefined || hold.power === 'purged' ? null : 'orphaned'
  if (row.host_id !== host_id) return hold.power === 'purged' ? null : 'elsewhere'
  if (hold.generation > row.generation) return 'ahead'
  if (hold.generation < row.generation) return null
  // The same number was given twice: before the restore, and after it for something else.
  const same =
    (hold.power === undefined || hold.power === powerOf(row)) &&
    (hold.reboot_count === undefined || hold.reboot_count === row.reboot_count)
  return same ? null : 'ahead'
}

/**
 * Notes what differs, as the link begins. Returns the instances of which the host is to show what it holds, and those that it
 * may forget.
 */
export async function noteHolds(tx: Tx, host_id: string, holds: Holds): Promise<{ show: string[]; forget: string[] }> {
  const ids = holds.map(hold => hold.id)
  const moving = await migrationParts.instancesOf(tx, host_id)
  const compared = compareHolds(host_id, await held.known(tx, host_id, ids), holds, moving)
  await held.replace(tx, host_id, compared.differing)
  await held.mark(tx, host_id, compared.marks)
  await held.passDetails(tx, host_id, compared.details)
  const count = compared.differing.length
  if (count > 0) {
    const detail = { newer_than_database: count }
    await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: host_id, project_id: null, detail }])
  }
  return { show: compared.differing.map(one => one.instance_id), forget: compared.cleared }
}

/** Keeps what the host shows of those. */
export function noteHeld(
  database: Database,
  { host_id, epoch }: HeldLink,
  shown: readonly WantedInstance[],
): Promise<'applied' | 'foreign'> {
  return database.transaction(async tx => {
    if (!(await host.lockLink(tx, host_id, epoch))) return 'foreign'
    await held.show(tx, host_id, shown)
    await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: host_id, project_id: null }])
    return 'applied'
  })
}
