/**
 * What hosts have left of instances that are another's, or of moves that never came to anything, after a restore of the database: they are told
 * to clear it. Which host an instance belongs to is restored-place.ts's.
 */
import type { MigrationId } from '../../model/ids.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { json, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type HeldRow, held } from '../store/held.ts'
import { heldPlace } from '../store/held-place.ts'
import { host } from '../store/host.ts'
import type { LockedInstance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { wanted } from '../store/wanted.ts'
import { changed, newSecret } from './migration-steps.ts'
import { tellMarked } from './restored-marks.ts'

export const restored = 'the database was restored from an older backup'

export const recordOf = (row: LockedInstance) => ({
  instance_id: row.id,
  instance_name: row.name,
  project_id: row.project_id,
  cause: 'restore',
})

/** A host that has what is left of an older time, of an instance that is another's, is told so. */
export async function clear(
  cloud: Cloud,
  tx: Tx,
  row: LockedInstance,
  hold: HeldRow,
  step: 'leave' | 'discard',
): Promise<void> {
  const { host_id } = hold
  await heldPlace.setPlacement(tx, row.id, hold.placement)
  if (step === 'leave') await insertLeaving(cloud, tx, row, { host_id, to_host_id: row.host_id, hold })
  else {
    const move = hold.wanted?.migration
    const id = hold.migration_id ?? makeId<MigrationId>(cloud)
    await migration.insert(tx, {
      ...recordOf(row),
      id: (await migration.find(tx, id)) === null ? id : makeId<MigrationId>(cloud),
      kind: move?.kind ?? 'cold',
      source_host_id: row.host_id,
      target_host_id: host_id,
      phase: 'discarding',
      outcome: 'failed',
      reason: restored,
      copied_volumes: json(move?.copied_volumes ?? []),
      told: json(await toldOf(tx, row, hold)),
      secret: newSecret(cloud),
      ...nothing,
      given_up_at: await migrationContent.now(tx),
    })
  }
  await settled(tx, row, [host_id])
}

/** Nobody knows the instance, and this host only made ready for it: its source has it, and the host clears what it made. */
export async function discardHalfCome(cloud: Cloud, { host_id, instance_id }: HeldRow): Promise<boolean> {
  return await cloud.database.transaction(async tx => {
    const hold = (await held.ofInstance(tx, instance_id)).find(one => one.host_id === host_id)
    const move = hold?.wanted?.migration
    if (hold?.kind !== 'orphaned' || !hold.wanted || move?.step !== 'prepare' || hold.here || hold.purging) return false
    const known = (await migration.find(tx, move.id)) !== null
    if (known || move.peer_host_id === host_id || !(await host.exists(tx, move.peer_host_id))) return false
    const { name, project_id } = hold.wanted.metadata
    const { migration: _, ...told } = hold.wanted
    await migration.insert(tx, {
      instance_id,
      instance_name: name,
      project_id,
      cause: 'restore',
      id: move.id,
      kind: move.kind,
      source_host_id: move.peer_host_id,
      target_host_id: host_id,
      phase: 'discarding',
      outcome: 'failed',
      reason: restored,
      copied_volumes: json(move.copied_volumes),
      told: json(told),
      secret: newSecret(cloud),
      ...nothing,
      given_up_at: await migrationContent.now(tx),
    })
    await held.remove(tx, host_id, [instance_id])
    await event.record(
      tx,
      [changed(move, 'created'), { noun: 'host', kind: 'changed', resource_id: host_id, project_id: null }],
      [host_id],
    )
    return true
  })
}

/** An operator gives up what only hosts know, on one of several that have it on the same disks: it goes from there, and they stay. */
export async function leaveOrphan(
  cloud: Cloud,
  tx: Tx,
  { host_id, instance_id, placement }: HeldRow,
  wanted: WantedInstance,
  other_host_id: string,
): Promise<void> {
  const { migration: _, ...told } = wanted
  await migration.insert(tx, {
    instance_id,
    instance_name: wanted.metadata.name,
    project_id: wanted.metadata.project_id,
    cause: 'restore',
    id: makeId<MigrationId>(cloud),
    kind: 'evacuation',
    source_host_id: host_id,
    target_host_id: other_host_id,
    phase: 'leaving',
    outcome: 'succeeded',
    reason: restored,
    told: json({ ...told, placement }),
    secret: newSecret(cloud),
    ...nothing,
    switched_at: await migrationContent.now(tx),
  })
  await held.remove(tx, host_id, [instance_id])
  await event.wakeHosts(tx, [host_id])
}

const nothing = { vcpus: 0, memory_mib: 0, disk_gib: 0 }

/** Copies nothing, so that no disk goes with it. */
export async function insertLeaving(
  cloud: Cloud,
  tx: Tx,
  row: LockedInstance,
  { host_id, to_host_id, hold }: { host_id: string; to_host_id: string; hold?: HeldRow },
): Promise<void> {
  const id = makeId<MigrationId>(cloud)
  await migration.insert(tx, {
    ...recordOf(row),
    id,
    kind: 'evacuation',
    source_host_id: host_id,
    target_host_id: to_host_id,
    phase: 'leaving',
    outcome: 'succeeded',
    reason: restored,
    told: json(await toldOf(tx, row, hold)),
    secret: newSecret(cloud),
    ...nothing,
    switched_at: await migrationContent.now(tx),
  })
  await event.record(tx, [changed({ id }, 'created')])
}

/** What the host knows best itself; told under a placement that it does not take for older than its own. */
async function toldOf(tx: Tx, row: LockedInstance, hold?: HeldRow): Promise<WantedInstance | null> {
  const [found] = await wanted.instances(tx, [row.id], { stopTimeout: () => 1 })
  const base = hold?.wanted ?? found?.instance
  if (!base) return null
  const { migration: _, ...told } = base
  return { ...told, placement: Math.max(row.placement, hold?.placement ?? 0) }
}

/** What hosts hold of it is looked at anew: they say it again. */
export async function settled(tx: Tx, row: LockedInstance, host_ids: readonly string[]): Promise<void> {
  for (const host_id of host_ids) await held.remove(tx, host_id, [row.id])
  await tellMarked(tx, await heldPlace.mark(tx, [row.id]))
  await heldPlace.askAgain(tx, host_ids)
  await event.record(
    tx,
    [
      { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id },
      ...host_ids.map(resource_id => ({ noun: 'host', kind: 'changed', resource_id, project_id: null })),
    ],
    host_ids,
  )
}
