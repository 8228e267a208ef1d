/** Volumes in the database. The disks of new instances are put in by instance.ts; what hosts are told of disks is in wanted.ts. */
import { type Selectable, sql } from 'kysely'
import type { Volume } from '../../api/volume.ts'
import { type VolumeRole, type VolumeState, volumeState } from '../../model/volume.ts'
import { type Db, json, type Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { VolumeTable } from './schema.ts'

export type VolumeRow = Selectable<VolumeTable>

function select(db: Db) {
  return db
    .selectFrom('volume as v')
    .leftJoin('host as h', 'h.id', 'v.host_id')
    .leftJoin('instance as i', 'i.id', 'v.instance_id')
    .select([
      'v.id',
      'v.project_id',
      'v.name',
      'v.role',
      'v.size_gib',
      'v.size_mib',
      'v.bus',
      'v.keep',
      'v.instance_id',
    ])
    .select([
      'v.image_id',
      'v.host_id',
      'h.name as host',
      'i.name as instance',
      'v.deleted_at',
      'v.version',
      'v.created_at',
    ])
}

type ShownRow = Awaited<ReturnType<ReturnType<typeof select>['execute']>>[number]

function toVolume({ deleted_at, size_mib, created_at, ...row }: ShownRow): Volume {
  return {
    ...row,
    state: volumeState({ instance_id: row.instance_id, deleted: deleted_at !== null }),
    size_mib: size_mib ?? row.size_gib * 1024,
    created_at: created_at.toISOString(),
  }
}

export interface VolumeFilter extends PageAsked {
  name?: string | undefined
  instance_id?: string | undefined
  image_id?: string | undefined
  role?: VolumeRole | undefined
  state?: VolumeState | undefined
}

const stateIs: Readonly<Record<VolumeState, ReturnType<typeof sql<boolean>>>> = {
  available: sql<boolean>`v.instance_id is null and v.deleted_at is null`,
  'in-use': sql<boolean>`v.instance_id is not null`,
  deleting: sql<boolean>`v.deleted_at is not null`,
}

/** Of every project when `project_id` is null. */
async function list(db: Db, project_id: string | null, asked: VolumeFilter): Promise<Page<Volume>> {
  const keys = keyset(asked, sql`v.id`, { name: { column: sql`v.name` } })
  let query = select(db).select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) query = query.where('v.project_id', '=', project_id)
  if (asked.name !== undefined) query = query.where('v.name', '=', asked.name)
  if (asked.instance_id !== undefined) query = query.where('v.instance_id', '=', asked.instance_id)
  if (asked.image_id !== undefined) query = query.where('v.image_id', '=', asked.image_id)
  if (asked.role !== undefined) query = query.where('v.role', '=', asked.role)
  if (asked.state !== undefined) query = query.where(stateIs[asked.state])
  return readPage(query, keys, toVolume)
}

async function find(db: Db, id: string): Promise<Volume | null> {
  const row = await select(db).where('v.id', '=', id).executeTakeFirst()
  return row ? toVolume(row) : null
}

/** Locked until the transaction ends. Who locks its instance too locks that first. */
async function lock(tx: Tx, id: string): Promise<VolumeRow | null> {
  const row = await tx.selectFrom('volume').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  return row ?? null
}

type BootVolumeRow = VolumeRow & {
  instance: string | null
  image: string | null
  image_properties: unknown
  pool_id: string | null
}

/** With the name of its instance and of its image, to start an instance from. `hold`: locked until the transaction ends. */
async function toBoot(tx: Tx, id: string, hold: boolean): Promise<BootVolumeRow | null> {
  const row = await tx
    .selectFrom('volume as v')
    .selectAll('v')
    .select(eb => [
      eb.selectFrom('instance as i').select('i.name').whereRef('i.id', '=', 'v.instance_id').as('instance'),
      eb.selectFrom('image as m').select('m.name').whereRef('m.id', '=', 'v.image_id').as('image'),
      eb.selectFrom('host as h').select('h.pool_id').whereRef('h.id', '=', 'v.host_id').as('pool_id'),
      eb.selectFrom('image as m').select('m.properties').whereRef('m.id', '=', 'v.image_id').as('image_properties'),
    ])
    .where('v.id', '=', id)
    .$if(hold, query => query.forUpdate())
    .executeTakeFirst()
  return row ?? null
}

export interface NewVolume {
  id: string
  project_id: string
  name: string
  role: VolumeRole
  size_gib: number
  image_id: string | null
  bus: string
  keep: boolean
}

/** On no host yet. */
async function insert(tx: Tx, made: NewVolume): Promise<void> {
  await tx.insertInto('volume').values(made).execute()
}

async function update(
  tx: Tx,
  id: string,
  set: { name?: string | undefined; keep?: boolean | undefined },
): Promise<void> {
  await tx
    .updateTable('volume')
    .set({
      ...(set.name !== undefined && { name: set.name }),
      ...(set.keep !== undefined && { keep: set.keep }),
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

/** Its first place, or the place that it has: the instance's root disk from now on. */
async function bootFrom(tx: Tx, id: string, instance_id: string, host_id: string): Promise<void> {
  await tx
    .updateTable('volume')
    .set({ instance_id, host_id, role: 'root', version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
}

async function keepRoot(tx: Tx, instance_id: string, keep: boolean): Promise<{ id: string; project_id: string }[]> {
  return await tx
    .updateTable('volume')
    .set({ keep, version: sql<number>`version + 1` })
    .where('instance_id', '=', instance_id)
    .where('role', '=', 'root')
    .where('keep', '!=', keep)
    .returning(['id', 'project_id'])
    .execute()
}

export interface Left {
  /** No longer the instance's, and still there. */
  kept: string[]
  /** To be removed with the instance. */
  gone: string[]
  gone_gib: number
  /** Kept ones that were never made: they are on no host again. */
  unplaced_gib: number
}

/**
 * The instances go: their kept volumes leave them. With `is_lost`, the host's disks are lost with it, and nothing is kept.
 * The others go with the instances' rows.
 */
async function leave(tx: Tx, instance_ids: readonly string[], is_lost: boolean): Promise<Map<string, Left>> {
  const all = await tx
    .selectFrom('volume')
    .select(['id', 'instance_id', 'size_gib', 'keep', 'made'])
    .where(sql<boolean>`instance_id = any(${[...instance_ids]}::uuid[])`)
    .orderBy('id')
    .forUpdate()
    .execute()
  const kept_ids = all.filter(row => row.keep && !is_lost).map(row => row.id)
  if (kept_ids.length > 0) {
    await tx
      .updateTable('volume')
      .set({
        instance_id: null,
        host_id: sql<string | null>`case when made then host_id end`,
        version: sql<number>`version + 1`,
      })
      .where(sql<boolean>`id = any(${kept_ids}::uuid[])`)
      .execute()
  }
  const sum = (of: typeof all) => of.reduce((total, row) => total + row.size_gib, 0)
  const leftOf = (rows: typeof all): Left => {
    const kept = rows.filter(row => row.keep && !is_lost)
    const gone = rows.filter(row => !row.keep || is_lost)
    return {
      kept: kept.map(row => row.id),
      gone: gone.map(row => row.id),
      gone_gib: sum(gone),
      unplaced_gib: sum(kept.filter(row => !row.made)),
    }
  }
  const ofInstance = Map.groupBy(all, row => row.instance_id)
  return new Map(instance_ids.map(id => [id, leftOf(ofInstance.get(id) ?? [])]))
}

/** The host has said that it has these volumes of these instances of its own. */
async function noteMade(
  tx: Tx,
  said: readonly { host_id: string; instance_id: string; volume_id: string }[],
): Promise<void> {
  if (said.length === 0) return
  await sql`update volume v set made = true
    from jsonb_to_recordset(${json(said)}) as s (host_id uuid, instance_id uuid, volume_id uuid)
    where v.id = s.volume_id and v.host_id = s.host_id and v.instance_id = s.instance_id and not v.made`.execute(tx)
}

/** Its host is to remove it. */
async function markDeleted(tx: Tx, id: string): Promise<void> {
  await tx
    .updateTable('volume')
    .set({ deleted_at: sql<Date>`croft_now()`, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
}

/** Those of the ids that the host is to remove, in their order. */
async function leftOn(db: Db, host_id: string, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('volume')
    .select('id')
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('host_id', '=', host_id)
    .where('deleted_at', 'is not', null)
    .orderBy('id')
    .execute()
  return rows.map(row => row.id)
}

async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('volume').where('id', '=', id).execute()
}

/** Those on a host that are no instance's, locked. */
async function lockLoose(tx: Tx, host_id: string): Promise<VolumeRow[]> {
  return await tx
    .selectFrom('volume')
    .selectAll()
    .where('host_id', '=', host_id)
    .where('instance_id', 'is', null)
    .orderBy('id')
    .forUpdate()
    .execute()
}

/** How many volumes on the host are no instance's. */
async function looseCount(db: Db, id: string): Promise<number> {
  const row = await db
    .selectFrom('volume')
    .select(eb => eb.fn.countAll<number>().as('n'))
    .where('host_id', '=', id)
    .where('instance_id', 'is', null)
    .executeTakeFirstOrThrow()
  return row.n
}

export const volume = {
  list,
  find,
  lock,
  toBoot,
  insert,
  update,
  bootFrom,
  keepRoot,
  leave,
  noteMade,
  markDeleted,
  leftOn,
  remove,
  lockLoose,
  looseCount,
}
