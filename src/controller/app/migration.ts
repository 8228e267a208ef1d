/**
 * Moving instances: who may, whether it can be done now, where to, and the row that both hosts act by. What follows from their
 * words is migration-steps.ts.
 */
import type { Instance } from '../../api/instance.ts'
import type { Migration, MigrationCreate, MigrationOptions, migrationRoutes } from '../../api/migration.ts'
import type { Operation } from '../../api/operation.ts'
import type { QueryOf } from '../../api/route.ts'
import type { Hardware } from '../../model/hardware.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { MigrationId, OperationId } from '../../model/ids.ts'
import { isMoving } from '../../model/migration.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { json, type Tx } from '../store/database.ts'
import { evacuation } from '../store/evacuation.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { operation } from '../store/operation.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller, checkVersion } from './caller.ts'
import { change } from './change.ts'
import { evacuateInstance } from './evacuate.ts'
import { needsReserve } from './ha-reserve-change.ts'
import { mustSee } from './instance.ts'
import { seesItsHost } from './instance-cpu.ts'
import { askCancel, changed, newSecret } from './migration-steps.ts'
import { placeExisting } from './placement.ts'
import { keepRefusal } from './placement-told.ts'

export interface Moved {
  migration: Migration
  instance: Instance
  operation: Operation
}

export function listMigrations(cloud: Cloud, query: QueryOf<typeof migrationRoutes.list>): Promise<Page<Migration>> {
  return migration.list(cloud.database.db, query)
}

export async function getMigration(cloud: Cloud, id: string): Promise<Migration> {
  const found = await migration.find(cloud.database.db, id)
  if (!found) throw notFound('migration', id)
  return found
}

export async function migrateInstance(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: MigrationCreate,
): Promise<Moved> {
  const lost = await evacuation.silentHostOf(cloud.database.db, id)
  if (lost) return await evacuateInstance(cloud, caller, lost, id, asked)
  const moved = change(cloud, caller, async tx => {
    const row = mustSee(caller, await instance.lock(tx, id), id)
    checkVersion(caller, row.version)
    const { kind, host_id, ...options } = asked
    const begun = await beginMove(cloud, tx, row, { kind, host_id, options, cause: 'user', who: by(caller), caller })
    const [moved] = await migration.byIds(tx, [begun.id])
    const [shown] = await instance.byIds(tx, [id])
    const [started] = await operation.byIds(tx, [begun.operation_id])
    if (!moved || !shown || !started) throw new Error('what was just made is not there')
    return { migration: moved, instance: shown, operation: started }
  })
  try {
    return await moved
  } catch (error) {
    await keepRefusal(cloud, error)
    throw error
  }
}

export function cancelMigration(cloud: Cloud, caller: Caller, id: string): Promise<Migration> {
  return change(cloud, caller, async tx => {
    const seen = await migration.find(tx, id)
    if (!seen) throw notFound('migration', id)
    await cancelLocked(tx, caller, seen)
    return (await migration.find(tx, id)) ?? seen
  })
}

/** The same by the operation that was answered when it began. */
export async function cancelOfOperation(tx: Tx, caller: Caller, operation_id: string): Promise<void> {
  const id = await migration.ofOperation(tx, operation_id)
  const seen = id === null ? null : await migration.find(tx, id)
  if (seen) await cancelLocked(tx, caller, seen)
}

async function cancelLocked(tx: Tx, caller: Caller, seen: Migration): Promise<void> {
  await instance.lockAll(tx, [seen.instance_id])
  const row = await migration.lock(tx, seen.id)
  // Until it was locked it may have gone on.
  if (!row || !isMoving(row.phase)) throw tooLate((await migration.find(tx, seen.id)) ?? seen)
  await askCancel(tx, row, 'cancelled', `cancelled by ${caller.user_name}`)
}

function tooLate(seen: Migration): CloudError {
  const { phase, outcome } = seen
  const why = whyTooLate(seen)
  return new CloudError('wrong_state', `This migration cannot be cancelled any more: ${why}.`, { phase, outcome })
}

function whyTooLate({ id, instance: name, source_host, target_host, phase, outcome }: Migration): string {
  if (phase === 'leaving' || outcome === 'succeeded')
    return `${name} has gone over to ${target_host} already. To bring it back, migrate it again`
  if (phase === 'ended') return `it has ended already: ${outcome}`
  return `it is ${outcome === 'cancelled' ? 'cancelled' : 'given up'} already, ${name} stays on ${source_host}, and it ends when ${target_host} has cleared what came: croft migration get ${id}`
}

export interface MoveAsked {
  kind?: 'live' | 'cold' | undefined
  /** Where to; without it the scheduler chooses. */
  host_id?: string | undefined
  /** Where not. */
  not_host_ids?: readonly string[]
  /** Where not now: each with why, to follow the host's name. */
  busy?: ReadonlyMap<string, string>
  options: MigrationOptions
  cause: string
  caller?: Caller
  /** Null: nobody in person. */
  who: { user_id: string | null; request_id: string | null } | null
}

/**
 * Begins to move an instance, which is locked: place, claim, row, operation, events, all in the caller's transaction. Throws
 * wrong_state, host_unreachable or no_capacity when that cannot be done now.
 */
export async function beginMove(
  cloud: Cloud,
  tx: Tx,
  row: LockedInstance,
  asked: MoveAsked,
): Promise<{ id: string; operation_id: string; target_host_id: string }> {
  const kind = kindOf(row, asked.kind)
  const source_host_id = row.host_id
  if (asked.host_id !== undefined && !(await host.exists(tx, asked.host_id))) throw notFound('host', asked.host_id)
  const here = await migrationContent.content(tx, {
    instance_id: row.id,
    source_host_id,
    target_host_id: source_host_id,
  })
  const compute = {
    // A deleted one has given its share of these up.
    vcpus: row.compute_claimed ? row.vcpus : 0,
    memory_mib: row.compute_claimed ? row.memory_mib : 0,
  }
  // Within one pool no disk is copied, so none is claimed: a full pool keeps nobody from moving.
  const { host_id: target_host_id, disk_gib } = await placeExisting(
    cloud,
    tx,
    { ...row, ...compute },
    {
      exclude: await excluded(tx, row, asked.not_host_ids ?? []),
      busy: asked.busy,
      host_id: asked.host_id,
      disk_gib: here.reduce((sum, one) => sum + one.size_gib, 0),
      disks_pool_id: here[0]?.pool_id ?? null,
      // Who names the host may name one in another zone.
      ...(asked.host_id !== undefined && { zone_id: null }),
      cpu_flags: await seenFlags(tx, row, kind),
      caller: asked.caller,
      // Its restart goes on: into what is kept for it, if it is one of those for which that is kept.
      uses_reserve: asked.cause === 'ha' && needsReserve(row),
      ...(asked.cause === 'maintenance' && { leaves: { host_id: source_host_id, for_good: false } }),
    },
  )
  await cloud.settings.learn(tx, [source_host_id])
  const id = makeId<MigrationId>(cloud)
  const operation_id = makeId<OperationId>(cloud)
  const who = { user_id: asked.who?.user_id ?? null, request_id: asked.who?.request_id ?? null }
  const content = await migrationContent.content(tx, { instance_id: row.id, source_host_id, target_host_id })
  await migration.insert(tx, {
    id,
    instance_id: row.id,
    instance_name: row.name,
    project_id: row.project_id,
    kind,
    cause: asked.cause,
    source_host_id,
    target_host_id,
    phase: 'preparing',
    copied_volumes: json(content.filter(one => !one.is_shared).map(one => one.id)),
    options: json(optionsOf(cloud, asked.options, source_host_id)),
    secret: newSecret(cloud),
    ...compute,
    disk_gib,
    operation_id,
    ...who,
  })
  const made = { id: operation_id, project_id: null, ...who, kind: 'instance.migrate', noun: 'instance' }
  await operation.start(
    tx,
    [{ ...made, resource_id: row.id, targets: [] }],
    [
      { ...changed({ id }, 'created'), ...who },
      { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id, ...who },
      { noun: 'host', kind: 'changed', resource_id: target_host_id, project_id: null, ...who },
    ],
    [row.host_id, target_host_id],
  )
  return { id, operation_id, target_host_id }
}

/** What was not asked for is as the settings say for the host that sends. */
function optionsOf({ settings }: Pick<Cloud, 'settings'>, asked: MigrationOptions, host_id: string): MigrationOptions {
  return {
    bandwidth_mib_s: asked.bandwidth_mib_s ?? settings.at('migration.bandwidth_mib_s', { host_id }),
    downtime_ms_max: asked.downtime_ms_max ?? settings.at('migration.downtime_ms_max', { host_id }),
    auto_converge: asked.auto_converge ?? settings.at('migration.auto_converge', { host_id }),
    postcopy_after_s: asked.postcopy_after_s ?? settings.at('migration.postcopy_after_s', { host_id }),
    timeout_s: asked.timeout_s ?? settings.at('migration.timeout_s', { host_id }),
  }
}

/** How it can be moved now. Throws why it cannot. */
export function kindOf(row: LockedInstance, asked: 'live' | 'cold' | undefined): 'live' | 'cold' {
  const refuse = (why: string) =>
    new CloudError('wrong_state', `The instance ${row.name} ${why}.`, { state: row.state })
  if (row.migration_id !== null) throw refuse(`is being moved already: croft migration get ${row.migration_id}`)
  if (row.purging) throw refuse('is being purged, so it is not moved any more')
  if (row.state === 'deleting' || (row.deleted_at !== null && row.compute_claimed)) {
    throw refuse('is being deleted. It can be moved when it is off')
  }
  if (row.state === 'unknown') {
    throw new CloudError(
      'host_unreachable',
      `The host ${row.host} of ${row.name} does not answer, so nothing can be moved from it now. If it will not be back soon: have its power cut ` +
        `(croft host fence ${row.host}), or see that it is off and say so (croft host fence ${row.host} --confirm-off); then croft host evacuate ${row.host}.`,
      { host_id: row.host_id },
    )
  }
  if (row.state === 'starting' || row.state === 'stopping' || row.state === 'rebooting') {
    throw refuse(`is ${row.state}. Wait until that has ended`)
  }
  const devices = (row.hardware as Hardware | null)?.pci.length ?? 0
  if (devices > 0 && asked !== 'cold' && (row.power === 'running' || row.power === 'paused')) {
    throw refuse('has devices of its host, which do not move while it runs. Stop it first, and move it cold')
  }
  const runs = row.power === 'running' || row.power === 'paused'
  if (asked === 'cold' && runs) throw refuse('runs, and only what is off is moved cold. Stop it first, or move it live')
  if (asked === 'live' && !runs) throw refuse('is off, and only what runs is moved live. Move it cold')
  return runs ? 'live' : 'cold'
}

/** What a guest may have seen of its CPU, and must find again when it goes on running elsewhere. */
async function seenFlags(tx: Tx, row: LockedInstance, kind: 'live' | 'cold'): Promise<readonly string[]> {
  if (kind === 'cold') return []
  const { flags, shown_to_all } = await migrationContent.hostCpu(tx, row.host_id)
  return shown_to_all || seesItsHost(row) ? flags : []
}

/** Where it shall not go, and where something of it is still to be cleared: each with why, to follow the host's name. */
async function excluded(
  tx: Tx,
  row: LockedInstance,
  not_host_ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const why = new Map(not_host_ids.map(id => [id, 'has failed to take it before']))
  for (const id of await migration.uncleared(tx, row.id)) why.set(id, 'still has something of it to clear')
  why.delete(row.host_id)
  return why
}
