/**
 * Instances as the API shows them. What was shown once is kept with a stamp of the rows that it was made of, and made anew
 * only when the stamp has changed: a list reads stamps, which costs a fraction of reading everything again.
 * Whatever the API shows of an instance and is not in these rows (its ports' addresses, its networks' names) counts up the
 * instance's details when it changes: app/network-change.ts, instancesReached.
 */
import { type JoinBuilder, sql } from 'kysely'
import type { Instance } from '../../api/instance.ts'
import { haObstacle, whyUnknown } from '../../model/availability.ts'
import type { Hardware } from '../../model/hardware.ts'
import type { FencingMethod } from '../../model/host-state.ts'
import { type InstanceMove, type InstanceState, instanceMoves, instanceState, mayMove } from '../../model/instance.ts'
import type { WatchdogFired } from '../../protocol/messages.ts'
import type { Db } from './database.ts'
import { percentOf } from '../../model/migration.ts'
import type { MigrationProgress } from '../../protocol/migration.ts'
import { heldReason } from './held.ts'
import { fencedBy, haFacts, haSituation } from './instance-situation.ts'
import { isShownThere } from './host-link.ts'
import type { InstanceTable, Schema } from './schema.ts'
import type { MigrationTable } from './schema-moving.ts'

/** All but the user data: up to 64 KiB each, for the host alone. */
const columns = [
  'i.id',
  'i.project_id',
  'i.user_id',
  'i.name',
  'i.hostname',
  'i.host_id',
  'i.zone_id',
  'i.flavor_id',
  'i.flavor_name',
  'i.image_id',
  'i.image_name',
  'i.vcpus',
  'i.memory_mib',
  'i.disk_gib',
  'i.boot',
  'i.ephemeral_gib',
  'i.swap_mib',
  'i.cpu_model',
  'i.cpu_features',
  'i.config_drive',
  'i.watchdog_action',
  'i.availability',
  'i.ha_priority',
  'i.on_crash',
  'i.guard_from',
  'i.graphics',
  'i.clipboard',
  'i.video_model',
  'i.group_id',
  'i.same_as',
  'i.different_from',
  'i.hardware',
  'i.memory_base_mib',
  'i.grows_from',
  'i.public_keys',
  'i.tags',
  'i.wanted_power',
  'i.generation',
  'i.details_version',
  'i.reboot_count',
  'i.reboot_kind',
  'i.deleted_at',
  'i.purge_at',
  'i.compute_claimed',
  'i.purging',
  'i.held_generation',
  'i.placement',
  'i.version',
  'i.created_at',
] as const

/** Of those that are on their way to another host, how; see store/migration.ts. */
const isMovingNow = (join: JoinBuilder<Schema & { i: InstanceTable; m: MigrationTable }, 'i' | 'm'>) =>
  join.onRef('m.instance_id', '=', 'i.id').on(sql<boolean>`m.phase in ('preparing', 'sending')`)

export function selectInstances(db: Db) {
  return db
    .selectFrom('instance as i')
    .innerJoin('host as h', 'h.id', 'i.host_id')
    .innerJoin('zone as z', 'z.id', 'i.zone_id')
    .leftJoin('instance_observed as s', 's.instance_id', 'i.id')
    .leftJoin('migration as m', isMovingNow)
    .select(columns)
    .select(['m.id as migration_id', 'm.kind as migration_kind', 'm.phase as migration_phase'])
    .select(['m.progress as migration_progress'])
    .select([
      'h.name as host',
      'h.session_controller_id',
      'z.name as zone',
      's.applied_generation',
      's.power',
      's.failure',
      's.progress',
      's.started_at',
      's.guest_addresses',
      's.guest_agent',
      's.guest_os',
      's.crashes',
      's.watchdog',
      's.guarded_version',
    ])
}

type ShownRow = Awaited<ReturnType<ReturnType<typeof selectInstances>['execute']>>[number]

/** The state shown, from a row that has both halves. */
export function stateOfRow(
  row: Pick<
    ShownRow,
    | 'wanted_power'
    | 'generation'
    | 'deleted_at'
    | 'power'
    | 'applied_generation'
    | 'failure'
    | 'held_generation'
    | 'migration_id'
    | 'grows_from'
  > & { answers: boolean },
): InstanceState {
  const { power, applied_generation, failure } = row
  const observed = power === null || applied_generation === null ? null : { power, applied_generation, failure }
  const { generation, grows_from } = row
  const wanted = { power: row.wanted_power, generation, grows_from, deleted: row.deleted_at !== null }
  // What its host holds is newer than what is known here: neither half can be relied on.
  if (row.held_generation !== null) return 'unknown'
  return instanceState(wanted, observed, row.answers, row.migration_id !== null)
}

function toInstance(row: FullRow): Instance {
  const state = stateOfRow(row)
  const progress = row.progress as { step: string; percent: number } | null
  const isHeld = row.held_generation !== null
  const busy = state !== 'running' && state !== 'migrating' && state !== 'stopped' && state !== 'deleted'
  return {
    id: row.id,
    name: row.name,
    hostname: row.hostname,
    state,
    reason: isHeld
      ? heldReason
      : state === 'error'
        ? (row.failure ?? 'The guest crashed and did not come back by itself.')
        : state === 'unknown'
          ? whyUnknown(row, haSituation(row))
          : null,
    step: busy ? (progress?.step ?? null) : null,
    percent: busy ? (progress?.percent ?? null) : null,
    project_id: row.project_id,
    user_id: row.user_id,
    host_id: row.host_id,
    host: row.host,
    zone: row.zone,
    flavor_id: row.flavor_id,
    flavor: row.flavor_name,
    image_id: row.image_id,
    image: row.image_name || null,
    boot: row.boot,
    vcpus: row.vcpus,
    memory_mib: row.memory_mib,
    vcpus_max: (row.hardware as Hardware | null)?.vcpus_max ?? row.vcpus,
    memory_max_mib: (row.hardware as Hardware | null)?.memory_max_mib ?? row.memory_mib,
    disk_gib: row.disk_gib,
    ephemeral_gib: row.ephemeral_gib,
    swap_mib: row.swap_mib,
    addresses: row.addresses,
    volumes: row.volumes,
    guest_agent: (state !== 'unknown' && row.guest_agent) || 'disconnected',
    guest_addresses: row.guest_addresses ?? [],
    guest_os: row.guest_os,
    group_id: row.group_id,
    same_as: row.same_as ?? [],
    different_from: row.different_from ?? [],
    tags: row.tags as Instance['tags'],
    key_names: (row.public_keys as { name: string }[]).map(key => key.name),
    config_drive: row.config_drive,
    availability: row.availability,
    ha_priority: row.ha_priority,
    ha_obstacle: haObstacle(haSituation(row)),
    on_crash: row.on_crash,
    watchdog_action: row.watchdog_action as Instance['watchdog_action'],
    crashes: row.crashes as Instance['crashes'],
    watchdog: shownWatchdog(row.watchdog),
    graphics: row.graphics,
    clipboard: row.clipboard,
    video_model: row.video_model,
    ...machineOf(row.hardware as Hardware | null),
    wanted_power: row.wanted_power,
    moves: (Object.keys(instanceMoves) as InstanceMove[]).filter(
      move => !isHeld && row.migration_id === null && mayMove(move, state),
    ),
    migration: migrationOf(row),
    started_at: state === 'running' || state === 'migrating' ? (row.started_at?.toISOString() ?? null) : null,
    deleted_at: row.deleted_at?.toISOString() ?? null,
    purge_at: row.purge_at?.toISOString() ?? null,
    version: row.version,
    created_at: row.created_at.toISOString(),
  }
}

function machineOf(hardware: Hardware | null): Pick<Instance, 'firmware' | 'secure_boot' | 'tpm'> {
  const { firmware = null, secure_boot = false, tpm = null } = hardware ?? {}
  return { firmware, secure_boot, tpm }
}

function shownWatchdog(said: unknown): Instance['watchdog'] {
  const fired = said as WatchdogFired | null
  if (!fired) return null
  const { fired_at, action, count, dump_file, dump_failure = null } = fired
  return { fired_at, action, count, dump_file, dump_failure }
}

function migrationOf(row: FullRow): Instance['migration'] {
  const { migration_id: id, migration_kind: kind, migration_phase: phase } = row
  if (id === null || kind === null || phase === null) return null
  return { id, kind, phase, percent: percentOf(row.migration_progress as MigrationProgress | null) }
}

/**
 * Which versions of rows an instance is shown from. A row's xmin is the transaction that wrote it (PostgreSQL manual, 5.6):
 * every change gives it another. A host's row changes all the time, but its name never does.
 */
const stamp = [
  sql<string>`i.xmin`.as('instance_xmin'),
  sql<string | null>`s.xmin`.as('observed_xmin'),
  sql<string>`z.xmin`.as('zone_xmin'),
  sql<string | null>`m.xmin`.as('migration_xmin'),
  isShownThere.as('answers'),
  haFacts.as('ha_facts'),
  fencedBy.as('fenced_by'),
] as const

interface Stamped {
  id: string
  instance_xmin: string
  observed_xmin: string | null
  zone_xmin: string
  migration_xmin: string | null
  answers: boolean
  ha_facts: string | null
  fenced_by: FencingMethod | null
}

/** The ids and stamps of instances, to be narrowed down. */
export function stampsOf(db: Db) {
  return db
    .selectFrom('instance as i')
    .innerJoin('host as h', 'h.id', 'i.host_id')
    .innerJoin('zone as z', 'z.id', 'i.zone_id')
    .leftJoin('instance_observed as s', 's.instance_id', 'i.id')
    .leftJoin('migration as m', isMovingNow)
    .select('i.id')
    .select(stamp)
}

/** All that is shown of instances, with their addresses and volumes: one query for any number. */
function selectWhole(db: Db, ids: readonly string[]) {
  return selectInstances(db)
    .select(stamp)
    .select([
      sql<Instance['addresses']>`coalesce((
        select json_agg(json_build_object(
            'network_id', p.network_id, 'network', n.name, 'port_id', p.id, 'mac', p.mac::text, 'address', host(a.address),
            'floating_address', (
              select host(f.address) from floating_ip f where f.port_id = p.id and f.fixed_address = a.address)
          ) order by p.position, a.address)
        from port p join port_address a on a.port_id = p.id join network n on n.id = p.network_id
        where p.instance_id = i.id), '[]')`.as('addresses'),
      sql<string[]>`array(select v.id::text from volume v where v.instance_id = i.id order by v.id)`.as('volumes'),
    ])
    .where(sql<boolean>`i.id = any(${[...ids]}::uuid[])`)
}
type FullRow = Awaited<ReturnType<ReturnType<typeof selectWhole>['execute']>>[number]

interface Kept {
  stamp: Stamped
  shown: Instance
}

function sameStamp(one: Stamped, other: Stamped): boolean {
  return (
    one.instance_xmin === other.instance_xmin &&
    one.observed_xmin === other.observed_xmin &&
    one.zone_xmin === other.zone_xmin &&
    one.migration_xmin === other.migration_xmin &&
    one.answers === other.answers &&
    one.ha_facts === other.ha_facts &&
    one.fenced_by === other.fenced_by
  )
}

/** Of each database, the instances shown last; the least recently used go first. */
const kept_max = 10_000
const keptOf = new WeakMap<Db, Map<string, Kept>>()

function keptIn(db: Db): Map<string, Kept> {
  const kept = keptOf.get(db) ?? new Map<string, Kept>()
  keptOf.set(db, kept)
  return kept
}

async function readWhole(db: Db, ids: readonly string[]): Promise<Map<string, Instance>> {
  if (ids.length === 0) return new Map()
  const rows = await selectWhole(db, ids).execute()
  const kept = keptIn(db)
  return new Map(
    rows.map(row => {
      // Shared by all who ask: nobody may change it.
      const shown = Object.freeze(toInstance(row))
      const { id, instance_xmin, observed_xmin, zone_xmin, migration_xmin, answers, ha_facts, fenced_by } = row
      const stamp = { id, instance_xmin, observed_xmin, zone_xmin, migration_xmin, answers, ha_facts, fenced_by }
      kept.set(id, { stamp, shown })
      return [row.id, shown]
    }),
  )
}

/** The instances as these stamps, just read, say that they are; one deleted meanwhile is left out. */
export async function shownAt(db: Db, asked: readonly Stamped[]): Promise<Instance[]> {
  const kept = keptIn(db)
  const found = new Map<string, Instance>()
  // Which were shown last matters once some have to go.
  const isCrowded = kept.size + asked.length > kept_max
  for (const now of asked) {
    const known = kept.get(now.id)
    if (!known || !sameStamp(known.stamp, now)) continue
    found.set(now.id, known.shown)
    if (isCrowded) {
      kept.delete(now.id)
      kept.set(now.id, known)
    }
  }
  const fresh = await readWhole(
    db,
    asked.filter(({ id }) => !found.has(id)).map(({ id }) => id),
  )
  for (const oldest of kept.keys()) {
    if (kept.size <= kept_max) break
    kept.delete(oldest)
  }
  return asked.flatMap(({ id }) => found.get(id) ?? fresh.get(id) ?? [])
}

/**
 * Those of the ids that are there, in the order of ids. Within a transaction nothing is kept: a row that is written twice in
 * one has the same stamp both times.
 */
export async function shownByIds(db: Db, ids: readonly string[]): Promise<Instance[]> {
  if (ids.length === 0) return []
  if (db.isTransaction) {
    const rows = await selectWhole(db, ids).orderBy('i.id').execute()
    return rows.map(toInstance)
  }
  const rows = await stampsOf(db)
    .where(sql<boolean>`i.id = any(${[...ids]}::uuid[])`)
    .orderBy('i.id')
    .execute()
  return await shownAt(db, rows)
}
