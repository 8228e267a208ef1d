/** Volumes in the database, to be read; instance.ts makes them and takes them out. */
import { sql } from 'kysely'
import type { Volume } from '../../api/volume.ts'
import type { Db } from './database.ts'
import { keyset, type Page, type PageAsked } from './page.ts'

function select(db: Db) {
  return db
    .selectFrom('volume as v')
    .innerJoin('host as h', 'h.id', 'v.host_id')
    .leftJoin('instance as i', 'i.id', 'v.instance_id')
    .select(['v.id', 'v.project_id', 'v.name', 'v.role', 'v.size_gib', 'v.bus', 'v.instance_id', 'v.image_id'])
    .select(['v.host_id', 'h.name as host', 'i.name as instance', 'v.created_at'])
}

function toVolume(row: Omit<Volume, 'created_at'> & { created_at: Date }): Volume {
  return { ...row, created_at: row.created_at.toISOString() }
}

export interface VolumeFilter extends PageAsked {
  instance_id?: string | undefined
  image_id?: string | undefined
}

/** Of every project when `project_id` is null. */
async function list(db: Db, project_id: string | null, asked: VolumeFilter): Promise<Page<Volume>> {
  const keys = keyset(asked, sql`v.id`)
  let query = select(db).select(keys.key.as('sort_key')).where(keys.where)
  if (project_id !== null) query = query.where('v.project_id', '=', project_id)
  if (asked.instance_id !== undefined) query = query.where('v.instance_id', '=', asked.instance_id)
  if (asked.image_id !== undefined) query = query.where('v.image_id', '=', asked.image_id)
  const { items, next } = keys.toPage(
    await query
      .orderBy(keys.order_by)
      .limit(keys.limit + 1)
      .execute(),
  )
  return { items: items.map(toVolume), next }
}

async function find(db: Db, id: string): Promise<Volume | null> {
  const row = await select(db).where('v.id', '=', id).executeTakeFirst()
  return row ? toVolume(row) : null
}

export const volume = { list, find }
