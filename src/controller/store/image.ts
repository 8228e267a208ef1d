/** Images in the database, as users see and change them. What a controller does with their content: image-work.ts. */
import { type Selectable, sql } from 'kysely'
import type { Image, ImageProperties } from '../../api/image.ts'
import { type Db, json, type Tx } from './database.ts'
import { keyset, type Page, type PageAsked } from './page.ts'
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
  'protected',
  'version',
  'created_at',
] as const

function toImage(row: Pick<ImageRow, (typeof shown)[number]>): Image {
  return { ...row, properties: row.properties as ImageProperties, created_at: row.created_at.toISOString() }
}

export interface ImageFilter extends PageAsked {
  name?: string | undefined
  visibility?: Image['visibility'] | undefined
  status?: Image['status'] | undefined
}

/** Those of the project and what others have published; of every project when `project_id` is null. */
async function list(db: Db, project_id: string | null, asked: ImageFilter): Promise<Page<Image>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db
    .selectFrom('image')
    .select(shown)
    .select(keys.key.as('sort_key'))
    .where('deleted_at', 'is', null)
    .where(keys.where)
  if (project_id !== null) {
    query = query.where(sql<boolean>`(project_id = ${project_id} or (visibility = 'public' and status = 'ready'))`)
  }
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  if (asked.visibility !== undefined) query = query.where('visibility', '=', asked.visibility)
  if (asked.status !== undefined) query = query.where('status', '=', asked.status)
  const { items, next } = keys.toPage(
    await query
      .orderBy(keys.order_by)
      .limit(keys.limit + 1)
      .execute(),
  )
  return { items: items.map(toImage), next }
}

/** A deleted image is not found. */
async function find(db: Db, id: string): Promise<Image | null> {
  const row = await db
    .selectFrom('image')
    .select(shown)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row ? toImage(row) : null
}

/** Locked until the transaction ends; a deleted image is not found. */
async function lock(tx: Tx, id: string): Promise<ImageRow | null> {
  const row = await tx
    .selectFrom('image')
    .selectAll()
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  return row ?? null
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
  protected: boolean
}

async function insert(tx: Tx, made: NewImage): Promise<Image> {
  const row = await tx
    .insertInto('image')
    .values({ ...made, properties: json(made.properties) })
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
  protected?: boolean | undefined
}

async function update(tx: Tx, id: string, { properties, ...set }: ImageChange): Promise<Image> {
  const row = await tx
    .updateTable('image')
    .set({ ...set, ...(properties && { properties: json(properties) }), version: sql`version + 1` })
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
