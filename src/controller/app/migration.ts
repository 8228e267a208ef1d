/**
 * Moving instances: who may, whether it can be done now, where to, and the row that both hosts act by. What follows from their
 * words is migration-steps.ts.
 */
import type { Instance } from '../../api/instance.ts'
import type { Migration, MigrationCreate, MigrationOptions, migrationRoutes } from '../../api/migration.ts'
import type { Operation } from '../../api/operation.ts'
import type { QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { MigrationId, OperationId, PlacementId } from '../../model/ids.ts'
import { isMoving } from '../../model/migration.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { type Decision, place } from '../scheduler/place.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import { json, type Tx } from '../store/database.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { operation } from '../store/operation.ts'
import type { Page } from '../store/page.ts'
import { placement } from '../store/placement.ts'
import { by, type Caller, checkVersion } from './caller.ts'
import { change } from './change.ts'
import { mustSee } from './instance.ts'
import { askCancel, changed } from './migration-steps.ts'

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

export function migrateInstance(cloud: Cloud, caller: Caller, id: string, asked: MigrationCreate): Promise<Moved> {
  return change(cloud, caller, async tx => {
    const row = mustSee(caller, await instance.lock(tx, id), id)
    checkVersion(caller, row.version)
    const { kind, host_id, ...options } = asked
    const begun = await beginMove(cloud, tx, row, { kind, host_id, options, cause: 'user', who: by(caller) })
    const [moved] = await migration.byIds(tx, [begun.id])
    const [shown] = await instance.byIds(tx, [id])
    const [started] = await operation.byIds(tx, [begun.operation_id])
    if (!moved || !shown || !started) throw new Error('what was just made is not there')
    return { migration: moved, instance: shown, operation: started }
  })
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
  if (!row || !isMoving(row.phase)) throw tooLate(seen)
  await askCancel(tx, row, 'cancelled', `cancelled by ${caller.user_name}`)
}

function tooLate({ instance: name, target_host, phase, outcome }: Migration): CloudError {
  const why =
    phase === 'leaving' || outcome === 'succeeded'
      ? `${name} has gone over to ${target_host} already. To bring it back, migrate it again`
      : `it has ended already: ${outcome ?? phase}`
  return new CloudError('wrong_state', `This migration cannot be cancelled any more: ${why}.`, { phase, outcome })
}

export interface MoveAsked {
  kind?: 'live' | 'cold' | undefined
  /** Where to; without it the scheduler chooses. */
  host_id?: string | undefined
  options: MigrationOptions
  cause: string
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
  const wish = await wishOf(tx, row, { kind, host_id: asked.host_id })
  const { decision, target_host_id } = await placeMove(cloud, tx, row, wish)
  const id = makeId<MigrationId>(cloud)
  const operation_id = makeId<OperationId>(cloud)
  const who = { user_id: asked.who?.user_id ?? null, request_id: asked.who?.request_id ?? null }
  const content = await migrationContent.content(tx, {
    instance_id: row.id,
    source_host_id: row.host_id,
    target_host_id,
  })
  const { vcpus, memory_mib, disk_gib, arch, cpu_flags, labels, zone_id, host_id } = wish
  await migration.insert(tx, {
    id,
    instance_id: row.id,
    instance_name: row.name,
    project_id: row.project_id,
    kind,
    cause: asked.cause,
    source_host_id: row.host_id,
    target_host_id,
    phase: 'preparing',
    copied_volumes: json(content.filter(one => !one.is_shared).map(one => one.id)),
    options: json(optionsOf(cloud, asked.options)),
    secret: Buffer.from(cloud.random.bytes(32)).toString('base64url'),
    vcpus,
    memory_mib,
    disk_gib,
    operation_id,
    ...who,
  })
  await placement.insert(tx, [
    {
      id: makeId<PlacementId>(cloud),
      project_id: row.project_id,
      instance_id: row.id,
      request_id: who.request_id ?? id,
      asked: { vcpus, memory_mib, disk_gib, arch, cpu_flags, labels, zone_id, host_id },
      decision,
    },
  ])
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

function optionsOf({ settings }: Pick<Cloud, 'settings'>, asked: MigrationOptions): MigrationOptions {
  return {
    bandwidth_mib_s: asked.bandwidth_mib_s ?? settings.get('migration.bandwidth_mib_s'),
    downtime_ms_max: asked.downtime_ms_max ?? settings.get('migration.downtime_ms_max'),
    auto_converge: asked.auto_converge ?? settings.get('migration.auto_converge'),
    postcopy_after_s: asked.postcopy_after_s ?? settings.get('migration.postcopy_after_s'),
    timeout_s: asked.timeout_s ?? settings.get('migration.timeout_s'),
  }
}

/** How it can be moved now. Throws why it cannot. */
export function kindOf(row: LockedInstance, asked: 'live' | 'cold' | undefined): 'live' | 'cold' {
  const refuse = (why: string) =>
    new CloudError('wrong_state', `The instance ${row.name} ${why}.`, { state: row.state })
  if (row.migration_id !== null) throw refuse('is being moved already: croft migration list')
  if (row.purging) throw refuse('is being purged, so it is not moved any more')
  if (row.state === 'deleting' || (row.deleted_at !== null && row.compute_claimed)) {
    throw refuse('is being deleted. It can be moved when it is off')
  }
  if (row.state === 'unknown') {
    throw new CloudError(
      'host_unreachable',
      `The host ${row.host} of ${row.name} does not answer, so nothing can be moved from it now.`,
      { host_id: row.host_id },
    )
  }
  if (row.state === 'starting' || row.state === 'stopping' || row.state === 'rebooting') {
    throw refuse(`is ${row.state}. Wait until that has ended`)
  }
  const runs = row.power === 'running' || row.power === 'paused'
  if (asked === 'cold' && runs) throw refuse('runs, and only what is off is moved cold. Stop it first, or move it live')
  if (asked === 'live' && !runs) throw refuse('is off, and only what runs is moved live. Move it cold')
  return runs ? 'live' : 'cold'
}

/** What it needs of its new host: what it needed when it was placed, and of a CPU all that the guest may have seen. */
async function wishOf(
  tx: Tx,
  row: LockedInstance,
  { kind, host_id = null }: { kind: 'live' | 'cold'; host_id?: string | undefined | null },
): Promise<PlacementAsked> {
  const before = (await placement.ofInstance(tx, row.id))?.asked as Partial<PlacementAsked> | undefined
  const content = await migrationContent.content(tx, {
    instance_id: row.id,
    source_host_id: row.host_id,
    target_host_id: row.host_id,
  })
  const flags =
    kind === 'live' && guestsSeeTheHost.has(row.cpu_model) ? await migrationContent.cpuFlags(tx, row.host_id) : []
  return {
    vcpus: row.compute_claimed ? row.vcpus : 0,
    memory_mib: row.compute_claimed ? row.memory_mib : 0,
    disk_gib: content.reduce((sum, one) => sum + one.size_gib, 0),
    zone_id: host_id === null ? row.zone_id : null,
    host_id,
    arch: before?.arch ?? null,
    cpu_flags: [...new Set([...(before?.cpu_flags ?? []), ...flags])],
    labels: before?.labels ?? {},
    around: {
      excluded: new Map(
        [row.host_id, ...(await migration.uncleared(tx, row.id))].map(id => [
          id,
          'it is there now, or something of it is still to be cleared there',
        ]),
      ),
    },
  }
}

/** CPU models that are made of the host's own CPU. */
const guestsSeeTheHost: ReadonlySet<string> = new Set(['default', 'host-model', 'host-passthrough'])

/** Another transaction may take the room between looking and claiming; then it is looked at again. */
const attempts_max = 5

async function placeMove(
  cloud: Cloud,
  tx: Tx,
  row: LockedInstance,
  wish: PlacementAsked,
): Promise<{ decision: Decision; target_host_id: string }> {
  let decision: Decision | undefined
  const { vcpus, memory_mib, disk_gib } = wish
  for (let attempt = 0; attempt < attempts_max; attempt++) {
    const hosts = await cloud.hosts.view(tx, { with_promised: true })
    if (wish.host_id !== null && !hosts.some(one => one.id === wish.host_id)) throw notFound('host', wish.host_id)
    ;[decision] = place(hosts, wish)
    if (!decision?.host_id) break
    const target_host_id = decision.host_id
    if (await host.claim(tx, [{ host_id: target_host_id, vcpus, memory_mib, disk_gib }])) {
      return { decision, target_host_id }
    }
  }
  const asked = decision?.hosts.filter(one => wish.host_id === null || one.host_id === wish.host_id) ?? []
  const why = asked.flatMap(one => (one.refused === null ? [] : [`${one.host}: ${one.refused}`])).slice(0, 3)
  const reasons = why.length > 0 ? ` (${why.join('; ')})` : ''
  throw new CloudError(
    'no_capacity',
    `No other host can take ${row.name}${reasons}. Free some room, add a host, or name one that differs.`,
    { refusals: decision?.refusals ?? {} },
  )
}
