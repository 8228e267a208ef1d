/** What a new instance is made from: its image, its owner's keys, the network it gets when none is named. */
import { sql } from 'kysely'
import type { Db } from './database.ts'
import { mayBeUsedBy } from './image-visibility.ts'

export interface BootImage {
  id: string
  name: string
  status: string
  format: string | null
  virtual_size_bytes: number | null
  min_disk_gib: number
  min_memory_mib: number
  properties: Record<string, string>
}

/** An image that the project may use, deleted ones not. `hold`: against a deletion until the transaction ends. */
async function image(db: Db, id: string, project_id: string, hold: boolean): Promise<BootImage | null> {
  const row = await db
    .selectFrom('image')
    .select(['id', 'name', 'status', 'format', 'virtual_size_bytes', 'min_disk_gib', 'min_memory_mib', 'properties'])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where(mayBeUsedBy(project_id))
    .$if(hold, query => query.forShare())
    .executeTakeFirst()
  return row ? { ...row, properties: row.properties as BootImage['properties'] } : null
}

/** The user's key pairs: those named, or all. */
async function keys(
  db: Db,
  user_id: string,
  names: readonly string[] | undefined,
): Promise<{ name: string; public_key: string }[]> {
  let query = db.selectFrom('key_pair').select(['name', 'public_key']).where('user_id', '=', user_id)
  if (names) query = query.where(sql<boolean>`name = any(${[...names]}::text[])`)
  return await query.orderBy('name').execute()
}

/** Overlay networks that the project may attach to: its own first, then shared ones. */
async function networks(db: Db, project_id: string): Promise<{ id: string; name: string; own: boolean }[]> {
  return await db
    .selectFrom('network')
    .select(['id', 'name'])
    .select(sql<boolean>`project_id = ${project_id}`.as('own'))
    .where('kind', '=', 'overlay')
    .where(eb => eb.or([eb('project_id', '=', project_id), eb('shared', '=', true)]))
    .orderBy('id')
    .limit(20)
    .execute()
}

async function zoneOfHost(db: Db, host_ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('host')
    .innerJoin('cluster', 'cluster.id', 'host.cluster_id')
    .select(['host.id', 'cluster.zone_id'])
    .where(sql<boolean>`host.id = any(${[...host_ids]}::uuid[])`)
    .execute()
  return new Map(rows.map(row => [row.id, row.zone_id]))
}

export const bootSource = { image, keys, networks, zoneOfHost }
