/**
 * An instance of a lost host is made another host's, in the caller's transaction: placed, claimed, its disks and ports the new host's, and the
 * old host to be told that it is to leave it alone, before anything else, should it be back. Here it is made sure of, under locks, that the
 * host has no link and that the instance surely does not run there, nor comes up there unasked. Who wants it: ha-recover.ts, evacuate.ts.
 */
import { CloudError } from '../../model/errors.ts'
import { type Absence, fencedHow, type FencingMethod } from '../../model/host-state.ts'
import type { MigrationId } from '../../model/ids.ts'
import { isMoving } from '../../model/migration.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { absence } from '../store/absence.ts'
import { channels, json, type Tx } from '../store/database.ts'
import { haRestart } from '../store/ha-restart.ts'
import { hardwareClaim } from '../store/hardware-claim.ts'
import { host } from '../store/host.ts'
import { event, type NewEvent } from '../store/event.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { type MigrationRow, migration } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { wanted } from '../store/wanted.ts'
import type { Caller } from './caller.ts'
import { changed as migrationChanged, giveUp, newSecret } from './migration-steps.ts'
import { placeExisting } from './placement.ts'
import type { Elsewhere } from './placement-elsewhere.ts'

export interface LostHost {
  id: string
  name: string
}

export interface LostInstance {
  from: LostHost
  row: LockedInstance
  lost: Absence & { fenced_by: FencingMethod }
}

/** `why`: what of the host keeps all such from being started elsewhere, and what to do. `alone`: what that says of this one. */
interface Stays {
  row: LockedInstance
  lost: null
  why: string
  alone: string
}

/** Of one that is on the host: either it is surely off, or why that is not known. All locked. Null: it is not there, or is no more. */
export async function lockLost(tx: Tx, from: LostHost, instance_id: string): Promise<LostInstance | Stays | null> {
  // With those that it may have gone over to: hosts before instances, in the order of ids.
  const others = await migration.targetsOf(tx, instance_id)
  const locked = (await host.lockEach(tx, [from.id, ...others])).get(from.id)
  const lost = await absence.lock(tx, from.id)
  const row = await instance.lock(tx, instance_id)
  if (!locked || row?.host_id !== from.id) return null
  const stays = (why: string, alone: string): Stays => ({ row, lost: null, why, alone })
  if (locked.session_controller_id !== null)
    return stays(`The host ${from.name} answers.`, 'It is on its host, which answers.')
  if (!lost || lost.fenced_by === null) return stays(mayRun(from.name), 'It may well be running there.')
  const kept = await haRestart.keptOff(tx, row.id)
  if (kept.guarded) return { from, row, lost: { ...lost, fenced_by: lost.fenced_by } }
  if (lost.fenced_by === 'lease') return stays(leaseOnly(from.name), 'It may well be running there.')
  if (!kept.asks_first) return stays(comesUp(from.name), 'It starts there when the host is back.')
  return { from, row, lost: { ...lost, fenced_by: lost.fenced_by } }
}

/** Why nothing of a host that does not answer is started elsewhere as long as it is not fenced. */
export const mayRun = (name: string) =>
  `The host ${name} does not answer, and nobody knows that it is off: what is on it may well be running. Have its power cut (croft host fence ${name}), ` +
  `or see that it is off and say so (croft host fence ${name} --confirm-off); then ask again.`

const leaseOnly = (name: string) =>
  `Of the host ${name} it is only known that its lease is over, which stops what is highly available and under its watchdog, and nothing else: the rest may well be running. ` +
  `Have its power cut (croft host fence ${name}), or see that it is off and say so (croft host fence ${name} --confirm-off); then ask again.`

const comesUp = (name: string) =>
  `The host ${name} would start what is on it by itself should its power come back: it shares its disks with no other host, or its agent is of an older Croft. ` +
  `That starts there when the host is back.`

export interface GoAsked {
  cause: 'ha' | 'user'
  /** Who asks, who is told as much as they may know; without it Croft itself. */
  caller?: Caller
  operation_id?: string
  /** To this host and no other. */
  host_id?: string | undefined
  /** It may take what its cluster keeps free for lost hosts. */
  uses_reserve: boolean
}

export interface Gone {
  migration_id: string
  to_host_id: string
  to_host: string
  generation: number
  events: NewEvent[]
}

/** Null: it may have gone over to a third host at the last moment, of which nothing is known. Throws no_capacity. Its events are for the caller to record. */
export async function leaveLost(cloud: Cloud, tx: Tx, found: LostInstance, asked: GoAsked): Promise<Gone | null> {
  const { from } = found
  if ((await endMoves(tx, from, found.row)).may_be_there) return null
  const row = await withoutCompute(tx, found.row)
  const size = row.compute_claimed ? {} : { vcpus: 0, memory_mib: 0 }
  const placed = await placeExisting(cloud, tx, { ...row, ...size }, await whereTo(tx, found, asked))
  const told = (await wanted.instances(tx, [row.id], { stopTimeout: () => 1 }))[0]?.instance ?? null
  const to_host_id = placed.host_id
  await migrationContent.rehost(tx, { instance_id: row.id, target_host_id: to_host_id })
  const generation = (await instance.want(tx, [row.id], {})).get(row.id) ?? row.generation
  const migration_id = makeId<MigrationId>(cloud)
  await migration.insert(tx, {
    id: migration_id,
    instance_id: row.id,
    instance_name: row.name,
    project_id: row.project_id,
    kind: 'evacuation',
    cause: asked.cause,
    source_host_id: from.id,
    target_host_id: to_host_id,
    phase: 'leaving',
    outcome: 'succeeded',
    reason: `the host ${from.name} was lost`,
    told: json(told),
    // No host will ask for it; what a host is told of a move has one.
    secret: newSecret(cloud),
    // What is claimed on the lost host until it has cleared it; its disks stay where they are.
    vcpus: row.compute_claimed ? row.vcpus : 0,
    memory_mib: row.compute_claimed ? row.memory_mib : 0,
    disk_gib: 0,
    operation_id: asked.operation_id ?? null,
    user_id: asked.caller?.user_id ?? null,
    request_id: asked.caller?.request.id ?? null,
    switched_at: await migrationContent.now(tx),
  })
  await event.notify(tx, channels.network, '')
  await event.notify(tx, channels.console, '')
  const to_host = (await absence.nameOf(tx, to_host_id)) ?? ''
  const events = [
    migrationChanged({ id: migration_id }, 'created'),
    ...[from.id, to_host_id].map(resource_id => ({ noun: 'host', kind: 'changed', resource_id, project_id: null })),
  ]
  return { migration_id, to_host_id, to_host, generation, events }
}

/** A deleted one that its host never said to be off is off: it needs no vCPUs nor memory elsewhere. */
async function withoutCompute(tx: Tx, row: LockedInstance): Promise<LockedInstance> {
  if (row.deleted_at === null || !row.compute_claimed) return row
  await host.release(tx, await instance.giveUpCompute(tx, [row]))
  await hardwareClaim.releaseIdle(tx, [row.id])
  return { ...row, compute_claimed: false }
}

/**
 * Gives up its moves from the lost host. A guest that was being sent may have gone over at the last moment: it runs nowhere else before that
 * host has nothing of it.
 */
export async function endMoves(
  tx: Tx,
  from: LostHost,
  row: LockedInstance,
): Promise<{ may_be_there: boolean; ended: boolean }> {
  let [may_be_there, ended] = [false, false]
  for (const move of await migration.lockOpen(tx, [row.id])) {
    const sent = move.kind === 'live' && move.sending_at !== null && move.phase !== 'leaving'
    may_be_there ||= sent && !isOverThere(move, row, await absence.lock(tx, move.target_host_id))
    if (!isMoving(move.phase)) continue
    await giveUp(tx, move, 'failed', `the host ${from.name} was lost`)
    ended = true
  }
  return { may_be_there, ended }
}

/**
 * Whether a guest that was sent to a host surely does not run there, whatever that host has of it: it is lost as well, and fenced.
 * Its lease says so only of guests of which it has told that its watchdog guards them. Back again it starts nothing before it is told
 * to discard what came.
 */
function isOverThere(move: MigrationRow, { guard_from }: LockedInstance, there: Absence | null): boolean {
  if (there === null || there.fenced_by === null) return false
  if (there.fenced_by !== 'lease') return true
  return guard_from !== null && move.guarded_version !== null && move.guarded_version >= guard_from
}

/** Not to hosts that could not bring it up, nor to those where something of it is still to be cleared. */
async function whereTo(tx: Tx, { from, row, lost }: LostInstance, asked: GoAsked): Promise<Elsewhere> {
  const exclude = new Map([[from.id, 'was lost']])
  for (const id of await migration.uncleared(tx, row.id)) exclude.set(id, 'has something of it still to be cleared')
  for (const id of await haRestart.triedSince(tx, row.id, lost.since_ms)) exclude.set(id, 'could not bring it up')
  const { host_id, uses_reserve, caller } = asked
  // Its disks are in the pool already, and are counted there.
  const leaves = { host_id: from.id, for_good: true }
  const elsewhere = { exclude, disk_gib: 0, uses_reserve, leaves, host_id, caller }
  const content = await migrationContent.content(tx, {
    instance_id: row.id,
    source_host_id: from.id,
    target_host_id: from.id,
  })
  if (content.length === 0) return elsewhere
  const pool_id = await absence.poolOf(tx, from.id)
  if (pool_id !== null) return { ...elsewhere, pool_id }
  throw new CloudError(
    'no_capacity',
    `Its disks are on the lost host ${from.name} alone, in no pool that another host reaches. It starts there when the host is back.`,
  )
}

export function whyLost({ from, lost: { fenced_by, fenced_ms, power_was_off } }: LostInstance): string {
  const at = fenced_ms === null ? '' : ` at ${new Date(fenced_ms).toISOString()}`
  return `the host ${from.name} was lost; ${fencedHow(fenced_by, power_was_off)}${at}.`
}
