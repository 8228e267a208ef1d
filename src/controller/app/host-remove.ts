/**
 * Hosts are taken out of the cloud, empty or lost. What is on a lost one and in a pool that others have, too, is none of what is lost: it goes to them
 * first, as if the host had been evacuated.
 */
import { hostRoutes } from '../../api/host.ts'
import type { QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { counted } from '../../model/words.ts'
import type { Cloud } from '../cloud.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { evacuation } from '../store/evacuation.ts'
import { host } from '../store/host.ts'
import type { LockedHost } from '../store/host-lock.ts'
import { lockClaims } from '../store/host-claim.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { maintenance } from '../store/maintenance.ts'
import { migration } from '../store/migration.ts'
import { observed } from '../store/observed.ts'
import { operation } from '../store/operation.ts'
import { pool } from '../store/pool.ts'
import { type VolumeRow, volume } from '../store/volume.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { begin } from './change-in-steps.ts'
import { evacuateAll, notFenced } from './evacuate.ts'
import { alsoWent, type Evacuated, someOf } from './evacuation-told.ts'
import { takeOut } from './instance-gone.ts'
import type { LostHost } from './lost-instance.ts'
import { endWithInstances } from './migration-steps.ts'
import { takeOutVolume } from './volume-gone.ts'

/**
 * Takes a host out. One with instances, deleted ones that can still be recovered included, only as lost: then those whose disks others reach go
 * there, and the records of the rest go with it, which has to be said (`gives_up`). Whoever says so vouches that it is off for good, as nothing
 * stops what may still run there; should it dial in again, its certificate is refused and its disks are as they were.
 */
export async function removeHost(
  cloud: Cloud,
  caller: Caller,
  id: string,
  { lost = false, gives_up = 0 }: QueryOf<typeof hostRoutes.remove>,
): Promise<null> {
  const went = lost ? await goElsewhere(cloud, caller, id, gives_up) : []
  const removed = change(cloud, caller, async tx => {
    await pool.lockOfHost(tx, id)
    // Instances, volumes, quota and claims come before the row is shut to whoever places something there: store/database.ts.
    const found = await host.lock(tx, id)
    if (!found) throw notFound('host', id)
    const ids = lost ? (await observed.ofHosts(tx, [id])).map(one => one.id) : []
    const rows = await instance.lockAll(tx, ids)
    await leaveLoose(tx, id)
    if (!lost) await lockClaims(tx, [id])
    const moves = (await migration.openOfHost(tx, id)).length
    if (lost) await mustBeGone(tx, found, moves)
    else await mustBeEmpty(tx, found, moves)
    await mustBeDecided(tx, found)
    const loose = await volume.lockLoose(tx, id)
    if (lost) mustExpect(found, rows, loose, gives_up)
    await giveUp(tx, rows, loose, `the host ${found.name} was removed as lost by ${caller.user_name}`)
    if (lost) await waitForPlacing(tx, found)
    await endMaintenance(tx, found, caller, lost)
    await host.remove(tx, id)
    // Where it has a part in a migration, the loop for those sees that it is gone.
    await event.notify(tx, channels.work, 'migration')
    await event.record(tx, [{ noun: 'host', kind: 'deleted', resource_id: id, project_id: null, ...by(caller) }])
    await event.notify(tx, channels.network, '')
    return null
  })
  return await removed.catch(error => {
    throw alsoWent(caller, went, error)
  })
}

/** What is not there is not in maintenance. Its operation was to empty the host, which it is unless it is lost; one that has ended stays as it is. */
async function endMaintenance(tx: Tx, { id, name }: LockedHost, { user_name }: Caller, lost: boolean): Promise<void> {
  const found = await maintenance.find(tx, id)
  if (!found) return
  await maintenance.remove(tx, id)
  if (!found.operation_id) return
  const why = `the host ${name} was removed as lost by ${user_name}`
  await operation.end(tx, found.operation_id, lost ? 'cancelled' : 'succeeded', lost ? why : null)
}

/** Before anything is given up: what others have the disks of goes there, each instance by itself. Gives what went; throws when any cannot. */
async function goElsewhere(
  cloud: Cloud,
  caller: Caller,
  id: string,
  gives_up: number,
): Promise<Evacuated['evacuated']> {
  // The removal is told when it is done, by a row of its own.
  const { name: action, status } = hostRoutes.evacuate
  const evacuating = { ...caller, request: { ...caller.request, action, status } }
  const begun = await begin(cloud, evacuating, tx => whatGoes(tx, id, gives_up))
  // What was answered before is answered by the removal itself.
  if ('answered' in begun || !begun.found) return []
  const done = await evacuateAll(cloud, caller, begun.found)
  if (done.left.length === 0) return done.evacuated
  throw stillOn(begun.found.name, done)
}

function stillOn(name: string, { evacuated, left, host_reason }: Evacuated): CloudError {
  const went =
    evacuated.length > 0 ? ` ${counted(evacuated.length, 'other has', 'others have')} gone to other hosts.` : ''
  // What of the host has to be done first helps all: room for them does not.
  const remedy = host_reason ?? 'Make room, or delete and purge what cannot go; then ask again.'
  const each = someOf(
    left.map(one => `${one.instance}: ${one.reason}`),
    ' ',
  )
  return new CloudError(
    'in_use',
    `The host ${name} is not removed: ${counted(left.length, 'instance on it has its', 'instances on it have their')} disks in a pool that others have, and cannot go there now. ${each}${went} ${remedy}`,
    { evacuated, left, host_reason },
  )
}

/** Null: nothing of it goes elsewhere. Throws what can be known to keep it from being removed afterwards. */
async function whatGoes(tx: Tx, id: string, gives_up: number): Promise<LostHost | null> {
  const found = await host.find(tx, id)
  // That it answers is said by the removal itself.
  if (!found || found.state === 'up') return null
  if ((await pool.ofHost(tx, id))?.shared !== true) return null
  if ((await evacuation.instancesOf(tx, id)).length === 0) return null
  const { name } = found
  if (!found.absence?.fenced_by) throw notFenced(name)
  // All of it is in that pool: nothing is left to be given up. Whether a move of one is undecided is seen as that one is to go.
  mustExpect(found, [], [], gives_up)
  return { id, name }
}

async function mustBeEmpty(tx: Tx, { id, name }: LockedHost, moves: number): Promise<void> {
  if (moves > 0) {
    throw new CloudError(
      'in_use',
      `The host ${name} still has a part in ${counted(moves, 'migration')} (croft migration list --host ${name} --open). Wait for their end. If it will never be back, remove it as lost: croft host remove ${name} --lost.`,
      { migrations: moves },
    )
  }
  const instances = await host.instanceCount(tx, id)
  if (instances > 0) {
    throw new CloudError(
      'in_use',
      `The host ${name} still holds ${counted(instances, 'instance')} (deleted ones count until they are purged). Empty it first: croft host maintenance start ${name}; or delete them. If it will never be back, remove it as lost.`,
      { instances },
    )
  }
  const volumes = await volume.looseCount(tx, id)
  if (volumes > 0) {
    throw new CloudError(
      'in_use',
      `The host ${name} still holds ${counted(volumes, 'volume')} that no instance has (croft volume list). Delete them first. If it will never be back, remove it as lost.`,
      { volumes },
    )
  }
}

async function mustBeGone(tx: Tx, { id, name, session_controller_id }: LockedHost, moves: number): Promise<void> {
  if (session_controller_id === null) return
  const content = (await host.instanceCount(tx, id)) + (await volume.looseCount(tx, id)) + moves
  const instead = content > 0 ? 'Move or delete its instances and volumes first' : 'It is empty'
  throw new CloudError(
    'wrong_state',
    `The host ${name} answers, so it is not lost. ${instead}; then: croft host remove ${name}.`,
  )
}

async function mustBeDecided(tx: Tx, { id, name: from }: LockedHost): Promise<void> {
  const undecided = await migration.undecidedFrom(tx, id)
  if (!undecided) return
  const { instance_name: name, target_host } = undecided
  throw new CloudError(
    'wrong_state',
    `The instance ${name} was on its way from ${from} to ${target_host}, which does not answer and may have it. Taken out now, ${name} would go with its records. Wait until ${target_host} is back; if it never will be, remove that one as lost first.`,
  )
}

/** Who has something removed for good says how much that is. */
function mustExpect(
  { name }: Pick<LockedHost, 'name'>,
  rows: readonly LockedInstance[],
  loose: readonly VolumeRow[],
  gives_up: number,
): void {
  const count = rows.length + loose.length
  if (count === gives_up) return
  const instances = rows.map(row => ({ id: row.id, name: row.name, deleted: row.deleted_at !== null }))
  const volumes = loose.map(row => ({ id: row.id, name: row.name }))
  const lists = [
    ...(rows.length > 0
      ? [
          `the ${rows.length === 1 ? 'instance' : 'instances'} ${someOf(instances.map(one => (one.deleted ? `${one.name} (deleted)` : one.name)))}`,
        ]
      : []),
    ...(loose.length > 0
      ? [`the ${loose.length === 1 ? 'volume' : 'volumes'} ${someOf(volumes.map(one => one.name))}`]
      : []),
  ].join(' and ')
  const sentence =
    count === 0
      ? `Nothing would be given up with the host ${name}, and not ${counted(gives_up, 'thing')}. Ask again: croft host remove ${name} --lost.`
      : `With the host ${name}, ${counted(count, 'thing')} would be given up for good, with disks that are on it alone: ${lists}. To confirm, say how many: croft host remove ${name} --lost --gives-up ${count}.`
  throw new CloudError('in_use', sentence, { gives_up: count, instances, volumes })
}

/**
 * Who is placing something there just now is waited for, and who comes after that finds the host gone. What was placed meanwhile is in nobody's
 * list, and would be on a host that is no more for ever: throws in_use.
 */
async function waitForPlacing(tx: Tx, { id, name }: LockedHost): Promise<void> {
  await lockClaims(tx, [id])
  if ((await host.instanceCount(tx, id)) + (await volume.looseCount(tx, id)) === 0) return
  throw new CloudError(
    'in_use',
    `Something was placed on the host ${name} at this very moment. Look what it is, and ask again.`,
  )
}

/** Where volumes that no instance has are in a pool that another host has, too, that one sees to them from now on. After pool.lockOfHost. */
export async function leaveLoose(tx: Tx, host_id: string): Promise<void> {
  const heir = await pool.neighbour(tx, host_id, false)
  if (heir === null) return
  const loose = await volume.lockLoose(tx, host_id)
  await pool.rehome(
    tx,
    loose.map(row => row.id),
    heir,
  )
  if (loose.some(row => row.deleted_at !== null)) await event.wakeHosts(tx, [heir])
}

async function giveUp(
  tx: Tx,
  rows: readonly LockedInstance[],
  loose: readonly VolumeRow[],
  why: string,
): Promise<void> {
  await endWithInstances(
    tx,
    rows.map(row => row.id),
    why,
  )
  await event.record(tx, await takeOut(tx, rows, why, true))
  for (const row of loose) await takeOutVolume(tx, row)
}
