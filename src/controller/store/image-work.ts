/**
 * Work on images' contents, shared among controllers by lease: receiving, fetching, checking, removing. A lease is known
 * by its controller and its number, so that one who lost it can change nothing any more.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from './database.ts'
import type { ImageRow } from './image.ts'

export interface ImageLease {
  image_id: string
  controller_id: string
  /** Of this image's leases. */
  number: number
}

export interface ImageTask extends ImageLease {
  project_id: string
  status: 'fetching' | 'checking'
  source_url: string | null
  expected_sha256: string | null
  signature: Uint8Array | null
  signature_algorithm: string | null
  signing_key_id: string | null
  signing_key_name: string | null
}

/** No lease is given for longer. */
const lease_s_most = 60

/**
 * One that ends later than any that is given now was given before the database's clock was set back: it holds as long as its controller is
 * there, which gives itself another soon, and not until that time has come once more.
 */
const free = sql<boolean>`(image.lease_until is null or image.lease_until < croft_now()
  or image.lease_until > croft_now() + make_interval(secs => ${lease_s_most})
    and not exists (select from controller c where c.id = image.lease_by and c.lease_until > croft_now()))`

function until(lease_s: number): RawBuilder<Date> {
  return sql<Date>`croft_now() + make_interval(secs => ${lease_s})`
}

/** Leases the oldest image whose content is to be fetched or checked and that no living controller works on. */
async function take(db: Db, controller_id: string, lease_s: number): Promise<ImageTask | null> {
  const row = await db
    .updateTable('image')
    .set({ lease_by: controller_id, lease_until: until(lease_s), attempts: sql`attempts + 1` })
    .where(
      'id',
      '=',
      sql<string>`(select id from image where status in ('fetching', 'checking') and deleted_at is null and ${free}
        order by id limit 1 for update skip locked)`,
    )
    .returning(['id', 'project_id', 'status', 'source_url', 'expected_sha256', 'attempts'])
    .returning(['signature', 'signature_algorithm', 'signing_key_id', 'signing_key_name'])
    .executeTakeFirst()
  if (!row) return null
  const { id, attempts, status, ...rest } = row
  if (status !== 'fetching' && status !== 'checking') throw new Error(`image ${id} was taken while ${status}`)
  return { image_id: id, controller_id, number: attempts, status, ...rest }
}

/** Leases an image that waits for its upload to the one who sends it; otherwise says for how long another holds it. */
async function takeUpload(
  db: Db,
  image_id: string,
  controller_id: string,
  lease_s: number,
): Promise<{ lease: ImageLease } | { held_for_ms: number | null }> {
  const row = await db
    .updateTable('image')
    .set({ lease_by: controller_id, lease_until: until(lease_s), attempts: sql`attempts + 1` })
    .where('id', '=', image_id)
    .where('status', '=', 'waiting')
    .where('deleted_at', 'is', null)
    .where(free)
    .returning('attempts')
    .executeTakeFirst()
  if (row) return { lease: { image_id, controller_id, number: row.attempts } }
  const { rows } = await sql<{ held_for_ms: number }>`
    select least(${1000 * lease_s}::float8, greatest(0, extract(epoch from lease_until - croft_now()) * 1000)::float8) as held_for_ms from image
    where id = ${image_id} and status = 'waiting' and deleted_at is null`.execute(db)
  return { held_for_ms: rows[0]?.held_for_ms ?? null }
}

function isHeld(lease: ImageLease): RawBuilder<boolean> {
  return sql<boolean>`(id = ${lease.image_id} and lease_by = ${lease.controller_id} and attempts = ${lease.number})`
}

/** False when the lease was lost: taken by another after it ran out, or the image was deleted. */
async function renew(db: Db, lease: ImageLease, lease_s: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('image')
    .set({ lease_until: until(lease_s) })
    .where(isHeld(lease))
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/** Gives the work back, for any controller to take at once. */
async function release(db: Db, lease: ImageLease): Promise<void> {
  await db.updateTable('image').set({ lease_until: null }).where(isHeld(lease)).execute()
}

/** What a former life of this controller held is free again. */
async function releaseAll(db: Db, controller_id: string): Promise<void> {
  await db.updateTable('image').set({ lease_until: null }).where('lease_by', '=', controller_id).execute()
}

/** The image, locked until the transaction ends, if the lease still holds. */
async function lock(tx: Tx, lease: ImageLease): Promise<ImageRow | null> {
  const row = await tx
    .selectFrom('image')
    .selectAll()
    .where(isHeld(lease))
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  return row ?? null
}

async function setProgress(
  tx: Tx,
  lease: ImageLease,
  progress_percent: number,
): Promise<{ project_id: string } | null> {
  const row = await tx
    .updateTable('image')
    .set({ progress_percent })
    .where(isHeld(lease))
    .returning('project_id')
    .executeTakeFirst()
  return row ?? null
}

export interface ImageOutcome {
  status: 'checking' | 'ready' | 'failed'
  failure?: string
  format?: string
  size_bytes?: number
  virtual_size_bytes?: number
  sha256?: string
  /** It bears the signature that was given with it. */
  is_verified?: boolean
}

/** The next status; anything but 'checking' gives the lease back. */
async function advance(tx: Tx, id: string, { is_verified, ...outcome }: ImageOutcome): Promise<void> {
  await tx
    .updateTable('image')
    .set({
      ...outcome,
      ...(outcome.status !== 'checking' && { lease_until: null }),
      ...(is_verified && { verified_at: sql<Date>`croft_now()` }),
      ...(outcome.status !== 'failed' && { progress_percent: outcome.status === 'ready' ? 100 : 0 }),
      version: sql`version + 1`,
    })
    .where('id', '=', id)
    .execute()
}

/** Length of the file that is being uploaded, and its image's status; null when there is no such image. */
async function upload(
  db: Db,
  id: string,
): Promise<Pick<ImageRow, 'status' | 'upload_bytes' | 'created_at' | 'project_id'> | null> {
  const row = await db
    .selectFrom('image')
    .select(['status', 'upload_bytes', 'created_at', 'project_id'])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row ?? null
}

/** Uploads of known length that nobody sends now: they may be whole without anyone having said so. */
async function abandoned(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('image')
    .select('id')
    .where('status', '=', 'waiting')
    .where('deleted_at', 'is', null)
    .where('upload_bytes', 'is not', null)
    .where(free)
    .limit(limit)
    .execute()
  return rows.map(row => row.id)
}

/** The image, locked until the transaction ends, if it waits for its upload; and whether somebody is sending it. */
async function lockUpload(tx: Tx, id: string): Promise<(ImageRow & { is_free: boolean }) | null> {
  const row = await tx
    .selectFrom('image')
    .selectAll()
    .select(free.as('is_free'))
    .where('id', '=', id)
    .where('status', '=', 'waiting')
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  return row ?? null
}

async function setUploadBytes(db: Db, id: string, upload_bytes: number): Promise<void> {
  await db.updateTable('image').set({ upload_bytes }).where('id', '=', id).where('status', '=', 'waiting').execute()
}

/** Deleted images that nothing was made from any more, and that nobody works on. */
async function removable(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('image')
    .select('id')
    .where('deleted_at', 'is not', null)
    .where(unused)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(row => row.id)
}

const unused = sql<boolean>`${free}
  and not exists (select from volume v where v.image_id = image.id)
  and not exists (select from instance i where i.image_id = image.id)`

/** Locks it for removal; false when another does that, or it is in use. */
async function lockRemovable(tx: Tx, id: string): Promise<boolean> {
  const row = await tx
    .selectFrom('image')
    .select('id')
    .where('id', '=', id)
    .where('deleted_at', 'is not', null)
    .where(unused)
    .forUpdate()
    .skipLocked()
    .executeTakeFirst()
  return row !== undefined
}

async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('image').where('id', '=', id).execute()
}

/** Those of the images whose content is still on its way, so that what there is of it is needed. */
async function unfinished(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('image')
    .select('id')
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('status', 'in', ['waiting', 'fetching', 'checking'])
    .where('deleted_at', 'is', null)
    .execute()
  return new Set(rows.map(row => row.id))
}

export const imageWork = {
  take,
  takeUpload,
  renew,
  release,
  releaseAll,
  lock,
  setProgress,
  advance,
  upload,
  abandoned,
  lockUpload,
  setUploadBytes,
  removable,
  lockRemovable,
  remove,
  unfinished,
}
