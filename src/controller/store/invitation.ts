/** One-time tokens with which hosts join. */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'

async function insert(
  tx: Tx,
  made: { secret_sha256: Buffer; cluster_id: string; created_by: string; expires_at: Date },
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

/** The invitation, locked, while it is good; used ones too, so that the same host may ask again. */
async function lock(
  tx: Tx,
  secret_sha256: Buffer,
): Promise<{ cluster_id: string; used_at: Date | null; used_by_host_id: string | null } | null> {
  const row = await tx
    .selectFrom('join_token')
    .select(['cluster_id', 'used_at', 'used_by_host_id'])
    .where('secret_sha256', '=', secret_sha256)
    .where('expires_at', '>', sql<Date>`croft_now()`)
    .forUpdate()
    .executeTakeFirst()
  return row ?? null
}

async function use(tx: Tx, secret_sha256: Buffer, host_id: string): Promise<void> {
  await tx
    .updateTable('join_token')
    .set({ used_at: sql<Date>`croft_now()`, used_by_host_id: host_id })
    .where('secret_sha256', '=', secret_sha256)
    .execute()
}

export const invitation = { insert, defaultCluster, clusterExists, lock, use }
