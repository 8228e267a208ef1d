/**
 * Compares what a host says it holds with what the database knows. A host that holds newer things shows that the database was
 * restored from an older backup: that is kept and shown, and nothing is stopped or destroyed because of it.
 */
import type { AgentFrame } from '../../protocol/messages.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { isMoving, type MigrationSide, stepFor } from '../../model/migration.ts'
import { giveUp } from '../app/migration-steps.ts'
import { tellMarked } from '../app/restored-marks.ts'
import { channels, type Database, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type Hold, held, type KnownInstance } from '../store/held.ts'
import { heldPlace } from '../store/held-place.ts'
import { host } from '../store/host.ts'
import { migration } from '../store/migration.ts'
import { type KnownMove, migrationParts } from '../store/migration-parts.ts'
import { powerOf } from '../store/wanted.ts'
import type { HeldLink } from './links.ts'

export type Hello = Extract<AgentFrame, { type: 'hello' }>
export type Holds = Hello['holds']

export interface Compared {
  /** What the host holds beyond the database, or lacks of it. */
  differing: Hold[]
  /** Of the same generation, with later details. */
  details: { id: string; details_version: number }[]
  /** This host's, which it was told of later than the database knows. */
  placements: { id: string; placement: number }[]
  /** It has cleared what it was to clear after a migration, and holds but the note of that. */
  cleared: string[]
  /** Moves that ended after the backup, with the instance where it was. */
  over: string[]
}

/** What the database knows of what a host says. */
export interface KnownOfHost {
  /** The held instances that there are, wherever; of the host those that are marked, and with `forgot` all. */
  instances: readonly KnownInstance[]
  /** The open moves in which it has a part, and those that it names. */
  moves: readonly KnownMove[]
  /** It has heard of more than the database counts: the database is older. */
  forgot: boolean
  /** Instances that it was found to lack before. */
  lacked: ReadonlySet<string>
}

/** Pure. */
export function compareHolds(host_id: string, known: KnownOfHost, holds: Holds): Compared {
  const rows = new Map(known.instances.map(row => [row.id, row]))
  const differing: Hold[] = []
  const details: Compared['details'] = []
  const placements: Compared['placements'] = []
  const cleared: string[] = []
  for (const hold of holds) {
    const row = rows.get(hold.id)
    const { id, generation, details_version } = hold
    const here = row?.host_id === host_id ? row : undefined
    const kind = here ? kindHere(here, hold, known.moves) : kindElsewhere(host_id, row, hold, known.moves)
    if (kind === 'cleared') cleared.push(id)
    else if (kind) differing.push(asHold(kind, hold))
    if (!here) continue
    if (!kind && here.generation === generation && details_version > here.details_version)
      details.push({ id, details_version })
    const is_back = kind !== 'missing' && kind !== 'moving' && (hold.placement ?? 0) > here.placement
    if (is_back) placements.push({ id, placement: hold.placement ?? 0 })
  }
  const held_ids = new Set(holds.map(hold => hold.id))
  for (const row of known.instances) {
    if (row.host_id !== host_id || held_ids.has(row.id) || !(known.forgot || known.lacked.has(row.id))) continue
    const { id: instance_id, generation, details_version, placement } = row
    const nothing = { power: 'absent', placement, migration_id: null, step: null, here: false }
    differing.push({ instance_id, kind: 'missing', generation, details_version, ...nothing })
  }
  // Made ready for here, as the database has it; so it came and went, or never will.
  for (const { id, instance_id, phase, target_host_id } of known.moves) {
    if (target_host_id !== host_id || !isMoving(phase) || held_ids.has(instance_id)) continue
    if (!(known.forgot || known.lacked.has(instance_id))) continue
    const nothing = { generation: 0, details_version: 0, power: 'absent', placement: 0, step: null, here: false }
    differing.push({ instance_id, kind: 'missing', ...nothing, migration_id: id })
  }
  return { differing, details, placements, cleared, over: movesOver(host_id, known, holds) }
}

/** Moves from here of which the host has heard the end, and kept its instance; the database has not. */
function movesOver(host_id: string, { moves, instances, forgot }: KnownOfHost, holds: Holds): string[] {
  if (!forgot) return []
  const plain = new Set(holds.flatMap(one => (one.migration ? [] : one.id)))
  const here = new Set(instances.flatMap(row => (row.host_id === host_id ? row.id : [])))
  return moves.flatMap(({ id, instance_id, phase, source_host_id }) =>
    source_host_id === host_id && isMoving(phase) && plain.has(instance_id) && here.has(instance_id) ? id : [],
  )
}

function asHold(kind: Hold['kind'], hold: Holds[number]): Hold {
  const { id, generation, details_version, placement = 0, power = 'unknown', migration, here = false } = hold
  const move = { migration_id: migration?.id ?? null, step: migration?.step ?? null, here }
  return { instance_id: id, kind, generation, details_version, power, placement, ...move }
}

/** Of an instance that the database has on this host. */
function kindHere(row: KnownInstance, hold: Holds[number], moves: readonly KnownMove[]): Hold['kind'] | null {
  const { migration, placement } = hold
  // An older word is one that is still to reach the host; agents that do not count are taken at their word.
  const counts = placement !== undefined && placement >= row.placement
  if (migration && counts) {
    const { step } = migration
    if (step === 'leave' || step === 'discard' || (step === 'prepare' && !hold.here)) return 'missing'
    const move = moves.find(one => one.id === migration.id)
    const sends = step === 'send' || step === 'cancel'
    // A move that has ended here is one of which the host has not heard the end.
    if (sends && (move === undefined || move.phase === 'preparing')) return 'moving'
  }
  if (hold.generation > row.generation) return 'ahead'
  if (hold.generation < row.generation) return null
  // The same number was given twice: before the restore, and after it for something else.
  const same =
    (hold.power === undefined || hold.power === powerOf(row)) &&
    (hold.reboot_count === undefined || hold.reboot_count === row.reboot_count)
  return same ? null : 'ahead'
}

/** The host is told something of the move. */
function isTold({ phase, source_host_id, target_host_id }: KnownMove, host_id: string): boolean {
  const told = (side: MigrationSide) => stepFor({ phase, cancel_asked: false }, side) !== null
  return (source_host_id === host_id && told('source')) || (target_host_id === host_id && told('target'))
}

/** Of one that the database does not have, or has on another host. */
function kindElsewhere(
  host_id: string,
  row: KnownInstance | undefined,
  hold: Holds[number],
  moves: readonly KnownMove[],
): Hold['kind'] | 'cleared' | null {
  const { migration, placement, power } = hold
  const step = migration?.step
  const part = moves.some(move => move.instance_id === hold.id && isTold(move, host_id))
  if (step === 'leave' || step === 'discard') return part ? null : 'cleared'
  const newer = row !== undefined && placement !== undefined && placement > row.placement
  const owns = step !== 'prepare' || hold.here === true
  // It is told what to do with it, unless it knows better than who tells it.
  if (part && !(newer && owns)) return null
  // A purge that the host was told of before goes on. Agents that do not say the power are older than this comparison.
  if (!row) return power === undefined || power === 'purged' ? null : 'orphaned'
  return power === 'purged' && !part ? null : 'elsewhere'
}

/**
 * Notes what differs, as the link begins. Returns the instances of which the host is to show what it holds, and those that it
 * may forget.
 */
export async function noteHolds(
  tx: Tx,
  host_id: string,
  holds: Holds,
  heard: { heard_as_of: number; counted_at_end: number | null },
): Promise<{ show: string[]; forget: string[]; settled: boolean }> {
  const ids = holds.map(hold => hold.id)
  const forgot = await heldPlace.passHeard(tx, host_id, heard.heard_as_of, heard.counted_at_end)
  const before = await held.listed(tx, host_id)
  const moves = await migrationParts.knownTo(
    tx,
    [host_id],
    holds.flatMap(hold => hold.migration?.id ?? []),
  )
  const instances = await held.known(tx, host_id, ids, forgot)
  const lacked = new Set(before.flatMap(one => (one.kind === 'missing' ? one.instance_id : [])))
  const compared = compareHolds(host_id, { instances, moves, forgot, lacked }, holds)
  for (const id of compared.over) {
    const move = await migration.lock(tx, id)
    if (move) await giveUp(tx, move, 'failed', 'it ended after the backup from which the database was restored')
  }
  await held.replace(tx, host_id, compared.differing)
  await heldPlace.passPlacements(tx, host_id, compared.placements)
  const marked = instances.flatMap(row => (row.held_generation === null ? [] : row.id))
  const touched = [...before, ...compared.differing].map(one => one.instance_id)
  await tellMarked(tx, await heldPlace.mark(tx, [...new Set([...touched, ...marked])]))
  await held.passDetails(tx, host_id, compared.details)
  const count = compared.differing.length
  if (count > 0) {
    const detail = { newer_than_database: count }
    await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: host_id, project_id: null, detail }])
    await event.notify(tx, channels.work, 'restored')
  }
  const shown = compared.differing.filter(one => one.kind !== 'missing')
  const settled = !forgot && marked.length === 0 && before.length === 0 && isNothing(compared)
  return { show: shown.map(one => one.instance_id), forget: compared.cleared, settled }
}

/** Those of the hosts that hold what the database says that they hold, and of which nothing was noted: there is nothing to note. */
export async function settledHolds<H extends { host_id: string; holds: Holds; heard_as_of: number }>(
  tx: Tx,
  hosts: readonly H[],
): Promise<Set<H>> {
  const host_ids = hosts.map(one => one.host_id)
  const ids = hosts.flatMap(one => one.holds.map(hold => hold.id))
  const moves = await migrationParts.knownTo(tx, host_ids)
  const rows = await held.knownOf(tx, host_ids, ids)
  const unsettled = await held.unsettled(tx, hosts)
  const byId = new Map(rows.map(row => [row.id, row]))
  const marked = Map.groupBy(
    rows.filter(row => row.held_generation !== null),
    row => row.host_id,
  )
  const isSettled = ({ host_id, holds }: { host_id: string; holds: Holds }) => {
    if (unsettled.has(host_id) || marked.has(host_id)) return false
    const instances = holds.flatMap(hold => byId.get(hold.id) ?? [])
    const compared = compareHolds(host_id, { instances, moves, forgot: false, lacked: new Set() }, holds)
    return isNothing(compared)
  }
  return new Set(hosts.filter(isSettled))
}

function isNothing(compared: Compared): boolean {
  return Object.values(compared).every((part: readonly unknown[]) => part.length === 0)
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
    await event.notify(tx, channels.work, 'restored')
    return 'applied'
  })
}
