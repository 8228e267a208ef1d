/** Images in the database, as users see and change them. What a controller does with their content: image-work.ts. */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { Image } from '../../api/image.ts'
import type { ImageProperties } from '../../api/image-properties.ts'
import type { SignatureAlgorithm } from '../../model/signature.ts'
import { type Db, json, type Tx } from './database.ts'
import { type Listed, mayBeUsedBy } from './image-visibility.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { ImageTable } from './schema.ts'

export type ImageRow = Selectable<ImageTable>

const shown = [
  'id',
  'project_id',
  'name',
  'visibility',
  'status',
  'failure',
  'progress_percent',
  'source_url',
  'format',
  'size_bytes',
  'virtual_size_bytes',
  'sha256',
  'min_disk_gib',
  'min_memory_mib',
  'properties',
  'tags',
  'signature_algorithm',
  'signing_key_name',
  'signing_key_fingerprint',
  'verified_at',
  'protected',
  'version',
  'created_at',
] as const

function toImage(row: Pick<ImageRow, (typeof shown)[number]>): Image {
  const { signature_algorithm, signing_key_name, signing_key_fingerprint, verified_at, ...rest } = row
  const isVerified = signature_algorithm && signing_key_name && signing_key_fingerprint && verified_at
  return {
    ...rest,
    properties: row.properties as ImageProperties,
    tags: row.tags as Image['tags'],
    verified_by: isVerified
      ? {
          key: signing_key_name,
          fingerprint: signing_key_fingerprint,
          algorithm: signature_algorithm,
          verified_at: verified_at.toISOString(),
        }
      : null,
    created_at: row.created_at.toISOString(),
  }
}

export interface ImageFilter extends PageAsked, Listed {
  name?: string | undefined
  status?: Image['status'] | undefined
}

/** Those of the project and what others let it see; of every project when `project_id` is null. */
async function list(db: Db, project_id: string | null, asked: ImageFilter): Promise<Page<Image>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db
    .selectFrom('image')
    .select(shown)
    .select(keys.key.as('sort_key'))
    .where('deleted_at', 'is', null)
    .where(keys.where)
  if (project_id !== null) query = query.where(mayBeUsedBy(project_id, asked))
  if (asked.member_status !== undefined) query = query.where(sharedBesides(project_id, asked.member_status))
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.visibility !== undefined) query = query.where('visibility', '=', asked.visibility)
  if (asked.status !== undefined) query = query.where('status', '=', asked.status)
  return readPage(query, keys, toImage)
}

/** What others share, by what is said to it: by the project, or by any. */
function sharedBesides(project_id: string | null, status: string): RawBuilder<boolean> {
  return project_id === null
    ? sql<boolean>`image.id in (select m.image_id from image_member m where m.status = ${status})`
    : sql<boolean>`(image.visibility = 'shared' and image.project_id <> ${project_id}::uuid)`
}

/** Of those that the project may use; of all when `project_id` is null. A deleted image is not found. */
async function find(db: Db, id: string, project_id: string | null): Promise<Image | null> {
  let query = db.selectFrom('image').select(shown).where('id', '=', id).where('deleted_at', 'is', null)
  if (project_id !== null) query = query.where(mayBeUsedBy(project_id))
  const row = await query.executeTakeFirst()
  return row ? toImage(row) : null
}

/** As find, locked until the transaction ends. */
async function lock(tx: Tx, id: string, project_id: string | null): Promise<ImageRow | null> {
  let query = tx.selectFrom('image').selectAll().where('id', '=', id).where('deleted_at', 'is', null).forUpdate()
  if (project_id !== null) query = query.where(mayBeUsedBy(project_id))
  return (await query.executeTakeFirst()) ?? null
}

export interface NewImage {
  id: string
  project_id: string
  name: string
  visibility: Image['visibility']
  status: 'waiting' | 'fetching'
  source_url: string | null
  expected_sha256: string | null
  upload_bytes: number | null
  min_disk_gib: number
  min_memory_mib: number
  properties: ImageProperties
  tags: Image['tags']
  protected: boolean
  signed: ImageSignature | null
}

/** What was given with the content, to be verified when that is here. */
export interface ImageSignature {
  signature: Buffer
  signature_algorithm: SignatureAlgorithm
  signing_key_id: string
  signing_key_name: string
  signing_key_fingerprint: string
}

async function insert(tx: Tx, { signed, ...made }: NewImage): Promise<Image> {
  const row = await tx
    .insertInto('image')
    .values({ ...made, ...signed, properties: json(made.properties), tags: json(made.tags) })
    .returning(shown)
    .executeTakeFirstOrThrow()
  return toImage(row)
}

export interface ImageChange {
  name?: string | undefined
  visibility?: Image['visibility'] | undefined
  min_disk_gib?: number | undefined
  min_memory_mib?: number | undefined
  properties?: ImageProperties | undefined
  tags?: Image['tags'] | undefined
  protected?: boolean | undefined
}

async function update(tx: Tx, id: string, { properties, tags, ...set }: ImageChange): Promise<Image> {
  const row = await tx
    .updateTable('image')
    .set({
      ...set,
      ...(properties && { properties: json(properties) }),
      ...(tags && { tags: json(tags) }),
      version: sql`version + 1`,
    })
    .where('id', '=', id)
    .returning(shown)
    .executeTakeFirstOrThrow()
  return toImage(row)
}

/** Hides it; row and content go when nothing needs them any more (image-work.ts). */
async function markDeleted(tx: Tx, id: string): Promise<void> {
  await tx
    .updateTable('image')
    .set({ deleted_at: sql<Date>`croft_now()`, version: sql`version + 1` })
    .where('id', '=', id)
    .execute()
}

export const image = { list, find, lock, insert, update, markDeleted }
