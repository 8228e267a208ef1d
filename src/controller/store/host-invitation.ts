/** One-time tokens with which hosts join. */
import { sql } from 'kysely'
import type { HostInvitation } from '../../api/host-invitation.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

async function insert(
  tx: Tx,
  made: {
    id: string
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

/** As `state` of a row `t`. */
const state = sql<
  HostInvitation['state']
>`case when t.used_at is not null then 'used' when t.expires_at > croft_now() then 'open' else 'expired' end`

/** Without an index of its own: there are as many as hosts were invited within a fortnight. */
async function list(
  db: Db,
  { state: wanted, ...asked }: PageAsked & { state?: HostInvitation['state'] | undefined },
): Promise<Page<HostInvitation>> {
  const keys = keyset(asked, sql`t.id`, { expires_at: { column: sql`t.expires_at`, cast: 'timestamptz' } })
  let query = db
    .selectFrom('join_token as t')
    .innerJoin('cluster as c', 'c.id', 't.cluster_id')
    .leftJoin('host as r', 'r.id', 't.replaces_host_id')
    .leftJoin('host as h', 'h.id', 't.used_by_host_id')
    .leftJoin('user as u', 'u.id', 't.created_by')
    .select(['t.id', 't.cluster_id', 't.replaces_host_id', 't.created_by', 't.used_by_host_id'])
    .select(['t.created_at', 't.used_at', 't.expires_at', state.as('state')])
    .select(['c.name as cluster', 'r.name as replaces_host', 'h.name as host', 'u.name as user'])
    .select(keys.key.as('sort_key'))
    .where(keys.where)
  if (wanted !== undefined) query = query.where(sql<boolean>`${state} = ${wanted}`)
  return readPage(query, keys, ({ created_by, used_by_host_id, created_at, used_at, expires_at, ...row }) => ({
    ...row,
    user_id: created_by,
    host_id: used_by_host_id,
    created_at: created_at?.toISOString() ?? null,
    used_at: used_at?.toISOString() ?? null,
    expires_at: expires_at.toISOString(),
  }))
}

async function remove(tx: Tx, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('join_token').where('id', '=', id).executeTakeFirst()
  return numDeletedRows === 1n
}

export const invitation = { insert, list, remove, defaultCluster, clusterExists, lock, use }
