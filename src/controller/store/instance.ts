/** Instances in the database, as people see them. What hosts are told of them is in wanted.ts, what hosts say in observed.ts. */
import { type Selectable, sql } from 'kysely'
import type { Instance } from '../../api/instance.ts'
import type { Graphics } from '../../model/graphics.ts'
import type { Recovery } from '../../model/availability.ts'
import type { InstanceState, ObservedPower } from '../../model/instance.ts'
import type { VolumeRole } from '../../model/volume.ts'
import { type Db, json, type Tx } from './database.ts'
import { insertRows } from './insert-rows.ts'
import { selectInstances, shownByIds, stateOfRow } from './instance-shown.ts'
import { listInstances } from './instance-list.ts'
import { heldBack } from './held.ts'
import type { Claim } from './host-claim.ts'
import type { InstanceTable } from './schema.ts'

export type InstanceRow = Selectable<InstanceTable>

async function find(db: Db, id: string): Promise<Instance | null> {
  const [found] = await shownByIds(db, [id])
  return found ?? null
}

export interface LockedInstance extends Omit<InstanceRow, 'user_data'> {
  state: InstanceState
  host: string
  /** What its host saw last; null: nothing yet. */
  power: ObservedPower | null
  /** Not null while it is on its way to another host. */
  migration_id: string | null
}

/** Those of the instances that there are, in the order of ids, locked for change, each with the state it is in. */
async function lockAll(tx: Tx, ids: readonly string[]): Promise<LockedInstance[]> {
  const these = sql<boolean>`id = any(${[...ids]}::uuid[])`
  // First the locks, and then, in a statement of its own, what is so now that nobody else can change it.
  await tx.selectFrom('instance').select('id').where(these).orderBy('id').forUpdate().execute()
  const rows = await selectInstances(tx)
    .where(sql<boolean>`i.id = any(${[...ids]}::uuid[])`)
    .orderBy('i.id')
    .execute()
  return rows.map(row => ({ ...row, state: stateOfRow({ ...row, answers: row.session_controller_id !== null }) }))
}

async function lock(tx: Tx, id: string): Promise<LockedInstance | null> {
  const [row] = await lockAll(tx, [id])
  return row ?? null
}

export type NewInstance = Pick<
  InstanceRow,
  | 'id'
  | 'project_id'
  | 'user_id'
  | 'name'
  | 'hostname'
  | 'host_id'
  | 'zone_id'
  | 'flavor_id'
  | 'flavor_name'
  | 'image_id'
  | 'image_name'
  | 'vcpus'
  | 'memory_mib'
  | 'disk_gib'
  | 'boot'
  | 'ephemeral_gib'
  | 'swap_mib'
  | 'cpu_model'
  | 'cpu_features'
  | 'config_drive'
  | 'watchdog_action'
  | 'availability'
  | 'ha_priority'
  | 'on_crash'
  | 'guard_from'
  | 'graphics'
  | 'clipboard'
  | 'video_model'
  | 'user_data'
  | 'wanted_power'
  | 'group_id'
  | 'same_as'
  | 'different_from'
  | 'hardware'
> & { public_keys: { name: string; public_key: string }[]; tags: Record<string, string> }

async function insert(tx: Tx, made: readonly NewInstance[]): Promise<void> {
  await insertRows(tx, 'instance', made)
}

export interface NewVolume {
  id: string
  project_id: string
  instance_id: string
  host_id: string
  name: string
  role: VolumeRole
  size_gib: number
  size_mib: number | null
  image_id: string | null
  bus: string
}

async function insertVolumes(tx: Tx, made: readonly NewVolume[]): Promise<void> {
  await insertRows(tx, 'volume', made)
}

export type Wish = Partial<
  Pick<
    InstanceRow,
    | 'wanted_power'
    | 'deleted_at'
    | 'purge_at'
    | 'purging'
    | 'compute_claimed'
    | 'vcpus'
    | 'memory_mib'
    | 'memory_base_mib'
    | 'cpu_model'
    | 'cpu_features'
  >
> & {
  reboot?: 'soft' | 'hard'
  /** Only its size: a guest that runs goes on. */
  grows?: boolean
}

/**
 * Writes what is wanted of instances; generation and version grow. Returns the new generations. Throws wrong_state where a
 * host was told newer things than the database knows.
 */
async function want(tx: Tx, ids: readonly string[], wish: Wish): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map()
  const { reboot, grows = false, ...columns } = wish
  const rows = await tx
    .updateTable('instance')
    .set({
      ...columns,
      ...(reboot && { reboot_kind: reboot, reboot_count: sql<number>`reboot_count + 1` }),
      grows_from: grows ? sql<number>`coalesce(grows_from, generation)` : null,
      generation: sql<number>`generation + 1`,
      version: sql<number>`version + 1`,
    })
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .returning(['id', 'generation', 'held_generation', 'name'])
    .execute()
  const held = rows.find(row => row.held_generation !== null)
  if (held) throw heldBack(held.name)
  return new Map(rows.map(row => [row.id, row.generation]))
}

/** Changes what needs no restart, or waits for the next: the host gets it as details. */
async function describe(
  tx: Tx,
  id: string,
  set: {
    name?: string | undefined
    tags?: Record<string, string> | undefined
    same_as?: string[] | undefined
    different_from?: string[] | undefined
  } & {
    [Key in keyof (Graphics & Recovery)]?: (Graphics & Recovery)[Key] | undefined
  },
) {
  await tx
    .updateTable('instance')
    .set({
      ...(set.name !== undefined && { name: set.name }),
      ...(set.tags !== undefined && { tags: json(set.tags) }),
      ...(set.same_as !== undefined && { same_as: set.same_as }),
      ...(set.different_from !== undefined && { different_from: set.different_from }),
      ...(set.graphics !== undefined && { graphics: set.graphics }),
      ...(set.clipboard !== undefined && { clipboard: set.clipboard }),
      ...(set.video_model !== undefined && { video_model: set.video_model }),
      ...(set.ha_priority !== undefined && { ha_priority: set.ha_priority }),
      ...(set.on_crash !== undefined && { on_crash: set.on_crash }),
      ...(set.watchdog_action !== undefined && { watchdog_action: set.watchdog_action }),
      ...(set.availability !== undefined && {
        availability: set.availability,
        guard_from: sql<
          number | null
        >`case when ${set.availability} = 'high' then coalesce(guard_from, details_version + 1) end`,
      }),
      details_version: sql<number>`details_version + 1`,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

/**
 * The guest has shut itself down: so it is wanted, unless somebody has wanted something newer meanwhile (the report was
 * read without a lock on the instance).
 */
async function followShutdown(tx: Tx, id: string, generation: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('instance')
    .set({
      wanted_power: 'stopped',
      grows_from: null,
      generation: sql<number>`generation + 1`,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .where('generation', '=', generation)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/**
 * Deleted instances that are off no longer need their vCPUs and memory on their hosts; their disks stay. Not one that was
 * recovered since its host was told of this generation: then it needs them again. Returns what they give up.
 */
async function giveUpCompute(tx: Tx, off: readonly { id: string; generation: number }[]): Promise<Claim[]> {
  if (off.length === 0) return []
  const { rows } = await sql<Claim>`
    update instance i set compute_claimed = false
    from jsonb_to_recordset(${json(off.map(({ id, generation }) => ({ id, generation })))}) as o (id uuid, generation bigint)
    where i.id = o.id and i.generation = o.generation and i.compute_claimed and i.deleted_at is not null
    returning i.host_id, i.vcpus, i.memory_mib, 0 as disk_gib`.execute(tx)
  return rows
}

async function remove(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx
    .deleteFrom('instance')
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .execute()
}

/** Deleted instances whose time to be recovered is over. */
async function dueForPurge(db: Db, limit: number, among?: readonly string[]): Promise<string[]> {
  let query = db
    .selectFrom('instance')
    .select('id')
    .where('purge_at', '<=', sql<Date>`croft_now()`)
    .where(sql<boolean>`not purging`)
    .where('held_generation', 'is', null)
    .where(
      sql<boolean>`not exists (select from migration m where m.instance_id = instance.id and m.phase in ('preparing', 'sending'))`,
    )
  if (among) query = query.where(sql<boolean>`id = any(${[...among]}::uuid[])`)
  const rows = await query.orderBy('purge_at').limit(limit).execute()
  return rows.map(row => row.id)
}

/** Purged instances of which their hosts have reported that nothing is left. */
async function goneFromHosts(db: Db, limit: number, among?: readonly string[]): Promise<string[]> {
  let query = db
    .selectFrom('instance as i')
    .innerJoin('instance_observed as s', 's.instance_id', 'i.id')
    .select('i.id')
    .where(sql<boolean>`i.purging`)
    .where('s.power', '=', 'absent')
    .whereRef('s.applied_generation', '>=', 'i.generation')
  if (among) query = query.where(sql<boolean>`i.id = any(${[...among]}::uuid[])`)
  return (await query.limit(limit).execute()).map(row => row.id)
}

export const instance = {
  list: listInstances,
  byIds: shownByIds,
  find,
  lockAll,
  lock,
  insert,
  insertVolumes,
  want,
  describe,
  followShutdown,
  giveUpCompute,
  remove,
  dueForPurge,
  goneFromHosts,
}
