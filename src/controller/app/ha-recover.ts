/**
 * One highly available instance of a lost host made to run elsewhere, in one transaction: placed, claimed, its disks and ports the
 * new host's, and the old host to be told that it is to leave it alone, before anything else, should it be back. Whether that may
 * be done is model/host-state.ts; here it is made sure of once more, under locks, that the host is fenced and has no link.
 */
import { type Absence, fencedHow } from '../../model/host-state.ts'
import { CloudError } from '../../model/errors.ts'
import type { HaRestartId, MigrationId } from '../../model/ids.ts'
import { isMoving } from '../../model/migration.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { absence } from '../store/absence.ts'
import { channels, json, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { haRestart } from '../store/ha-restart.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { type MigrationRow, migration } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { wanted } from '../store/wanted.ts'
import { changed as migrationChanged, giveUp, newSecret } from './migration-steps.ts'
import { placeExisting } from './placement.ts'
import type { Elsewhere } from './placement-elsewhere.ts'
import { keepRefusal } from './placement-told.ts'

export interface LostHost {
  id: string
  name: string
}

/** 'begun': another host is told to run it. 'no_room': none can. 'passed': it is not to be restarted (any more). */
export type Recovered = 'begun' | 'no_room' | 'passed'

export async function restartElsewhere(cloud: Cloud, from: LostHost, instance_id: string): Promise<Recovered> {
  try {
    return await cloud.database.transaction(tx => restart(cloud, tx, from, instance_id))
  } catch (error) {
    if (!(error instanceof CloudError && error.code === 'no_capacity')) throw error
    const { message } = error
    // What was made ready for it on the way to another host may be all that keeps it from going there, and what was given up of that is undone.
    if (await cloud.database.transaction(tx => endMovesOfLost(tx, from, instance_id))) return 'passed'
    await keepRefusal(cloud, error)
    await cloud.database.transaction(tx => noteNoRoom(cloud, tx, from, instance_id, message))
    return 'no_room'
  }
}

/** The instance, when it is still to be restarted, and why its host counts as lost; all locked. */
async function lockLost(
  tx: Tx,
  from: LostHost,
  instance_id: string,
): Promise<{ row: LockedInstance; lost: Absence & { fenced_by: NonNullable<Absence['fenced_by']> } } | null> {
  // With those that it may have gone over to: hosts before instances, in the order of ids.
  const others = await migration.targetsOf(tx, instance_id)
  const found = await host.lockEach(tx, [from.id, ...others])
  const locked = found.get(from.id)
  const lost = await absence.lock(tx, from.id)
  if (!locked || locked.session_controller_id !== null || !lost || lost.fenced_by === null) return null
  const row = await instance.lock(tx, instance_id)
  if (row?.host_id !== from.id || !(await haRestart.isDue(tx, row.id))) return null
  return { row, lost: { ...lost, fenced_by: lost.fenced_by } }
}

async function restart(cloud: Cloud, tx: Tx, from: LostHost, instance_id: string): Promise<Recovered> {
  const found = await lockLost(tx, from, instance_id)
  if (!found) return 'passed'
  const { row, lost } = found
  if ((await endMoves(tx, from, row)).may_be_there) return 'passed'
  const placed = await placeExisting(cloud, tx, row, await whereTo(tx, from, row, lost))
  const told = (await wanted.instances(tx, [row.id], { stopTimeout: () => 1 }))[0]?.instance ?? null
  await migrationContent.rehost(tx, { instance_id: row.id, target_host_id: placed.host_id })
  const generation = (await instance.want(tx, [row.id], {})).get(row.id) ?? row.generation
  await noteRestart(cloud, tx, { from, row, lost, to_host_id: placed.host_id, generation, told })
  return 'begun'
}

/**
 * Gives up its moves from the lost host. A guest that was being sent may have gone over at the last moment: it runs nowhere else before that
 * host has nothing of it.
 */
async function endMoves(
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

/** True when there were any. */
async function endMovesOfLost(tx: Tx, from: LostHost, instance_id: string): Promise<boolean> {
  const found = await lockLost(tx, from, instance_id)
  return found !== null && (await endMoves(tx, from, found.row)).ended
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
async function whereTo(tx: Tx, from: LostHost, row: LockedInstance, lost: Absence): Promise<Elsewhere> {
  const exclude = new Map([[from.id, 'was lost']])
  for (const id of await migration.uncleared(tx, row.id)) exclude.set(id, 'has something of it still to be cleared')
  for (const id of await haRestart.triedSince(tx, row.id, lost.since_ms)) exclude.set(id, 'could not bring it up')
  const content = await migrationContent.content(tx, {
    instance_id: row.id,
    source_host_id: from.id,
    target_host_id: from.id,
  })
  // Its disks are in the pool already, and are counted there.
  const elsewhere = { exclude, disk_gib: 0, uses_reserve: true, leaves: { host_id: from.id, for_good: true } }
  if (content.length === 0) return elsewhere
  const pool_id = await absence.poolOf(tx, from.id)
  if (pool_id !== null) return { ...elsewhere, pool_id }
  throw new CloudError(
    'no_capacity',
    `Its disks are on the lost host ${from.name} alone, in no pool that another host reaches. It starts there when the host is back.`,
  )
}

interface Restarted {
  from: LostHost
  row: LockedInstance
  lost: Absence & { fenced_by: NonNullable<Absence['fenced_by']> }
  to_host_id: string
  generation: number
  told: unknown
}

async function noteRestart(cloud: Cloud, tx: Tx, made: Restarted): Promise<void> {
  const { from, row, lost, to_host_id, generation, told } = made
  const to_host = (await absence.nameOf(tx, to_host_id)) ?? ''
  const migration_id = makeId<MigrationId>(cloud)
  await migration.insert(tx, {
    id: migration_id,
    instance_id: row.id,
    instance_name: row.name,
    project_id: row.project_id,
    kind: 'evacuation',
    cause: 'ha',
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
    switched_at: await migrationContent.now(tx),
  })
  const reason = `Restarted on ${to_host}: ${whyLost(from, lost)}`
  const verify_s = cloud.settings.get('ha.verify_s')
  const id = makeId<HaRestartId>(cloud)
  const superseded = await haRestart.supersede(tx, row.id, from.id, `the host ${from.name} was lost, too`)
  await haRestart.insert(tx, {
    id,
    ...restartOf(row, from, lost),
    to_host_id,
    to_host,
    generation,
    reason,
    verify_s,
    outcome: null,
  })
  // Who may not see hosts hears of this, too; the rest is in the restart's own record.
  const detail = { ha: 'restarted', reason: 'its host was lost' }
  await event.record(
    tx,
    [
      migrationChanged({ id: migration_id }, 'created'),
      ...superseded.map(one => restartChanged(one, row, 'changed')),
      restartChanged(id, row, 'created'),
      { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id, detail },
      ...[from.id, to_host_id].map(resource_id => ({
        noun: 'host',
        kind: 'changed',
        resource_id,
        project_id: null,
      })),
    ],
    [to_host_id],
  )
  await event.notify(tx, channels.network, '')
  await event.notify(tx, channels.console, '')
}

const restartChanged = (resource_id: string, { project_id }: Pick<LockedInstance, 'project_id'>, kind: string) => ({
  noun: 'ha-restart',
  kind,
  resource_id,
  project_id,
})

function restartOf(row: LockedInstance, from: LostHost, lost: Restarted['lost']) {
  return {
    instance_id: row.id,
    project_id: row.project_id,
    from_host_id: from.id,
    from_host: from.name,
    fenced_by: lost.fenced_by,
    lost_at: new Date(lost.since_ms),
  }
}

function whyLost(from: LostHost, { fenced_by, fenced_ms, power_was_off }: Restarted['lost']): string {
  const at = fenced_ms === null ? '' : ` at ${new Date(fenced_ms).toISOString()}`
  return `the host ${from.name} was lost; ${fencedHow(fenced_by, power_was_off)}${at}.`
}

/** Told once, and again only when the reason is another one: it is tried again and again. */
async function noteNoRoom(cloud: Cloud, tx: Tx, from: LostHost, instance_id: string, failure: string): Promise<void> {
  const found = await lockLost(tx, from, instance_id)
  if (!found) return
  const { row, lost } = found
  if (await haRestart.hasNoRoomSince(tx, row.id, lost.since_ms)) return
  const reason = `Not restarted yet: ${whyLost(from, lost)}`
  const id = makeId<HaRestartId>(cloud)
  await haRestart.insert(tx, {
    id,
    ...restartOf(row, from, lost),
    to_host_id: null,
    to_host: null,
    generation: null,
    reason,
    verify_s: null,
    outcome: 'no_room',
    failure,
  })
  const detail = { ha: 'no_room', reason: 'its host was lost, and no other one can take it' }
  await event.record(tx, [
    restartChanged(id, row, 'created'),
    { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id, detail },
  ])
}
