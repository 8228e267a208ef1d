/** One-time tokens with which hosts join. */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'

async function insert(
  tx: Tx,
  made: {
    secret_sha256: Buffer
    cluster_id: string
    /** The host that joins again with it, under a new key. */
    replaces_host_id: string | null
    created_by: string
    expires_at: Date
  },
) {
  await tx.insertInto('join_token').values(made).execute()
}

async function defaultCluster(db: Db): Promise<string | null> {
  const row = await db.selectFrom('cluster').select('id').orderBy('id').limit(1).executeTakeFirst()
  return row?.id ?? null
}

async function clusterExists(db: Db, id: string): Promise<boolean> {
  return (await db.selectFrom('cluster').select('id').where('id', '=', id).executeTakeFirst()) !== undefined
}

export interface Invited {
  cluster_id: string
  replaces_host_id: string | null
  used_at: Date | null
  used_by_host_id: string | null
  key_sha256: Buffer | null
}

/** The invitation, locked, while it is good; used ones too, so that the same machine may ask again. */
async function lock(tx: Tx, secret_sha256: Buffer): Promise<Invited | null> {
  const row = await tx
    .selectFrom('join_token')
    .select(['cluster_id', 'replaces_host_id', 'used_at', 'used_by_host_id', 'key_sha256'])
    .where('secret_sha256', '=', secret_sha256)
    .where('expires_at', '>', sql<Date>`croft_now()`)
    .forUpdate()
    .executeTakeFirst()
  return row ?? null
}

/** `host_id`: null when the machine still waits for an operator. */
async function use(tx: Tx, secret_sha256: Buffer, used: { host_id: string | null; key_sha256: Buffer }): Promise<void> {
  const { host_id: used_by_host_id, key_sha256 } = used
  await tx
    .updateTable('join_token')
    .set({ used_at: sql<Date>`croft_now()`, used_by_host_id, key_sha256 })
    .where('secret_sha256', '=', secret_sha256)
    .execute()
}

export const invitation = { insert, defaultCluster, clusterExists, lock, use }
