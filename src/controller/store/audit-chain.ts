/**
 * The audit log as a chain: each sealed row's hash covers the one before it and the row itself. The last link is kept
 * sealed with a key from outside the database, so that nobody who can only write here can shorten or rewrite the chain.
 */
import { createHash } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from './database.ts'

export interface ChainRow {
  seq: number
  request_id: string
  /** The row's contents in one form for all time: a JSON array of texts and nulls, in the order of `contents`. */
  canonical: string
  sealed_seq: number | null
  hash: Buffer | null
}

/** Never reorder; a new column goes at the end, and only into rows that have it. */
const columns = sql`seq::text, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), user_id::text, user_name,
  project_id::text, request_id::text, address, method, path, action, resource_id, outcome::text, error`
const contents: RawBuilder<string> = sql<string>`case when detail is null then json_build_array(${columns})::text
  else json_build_array(${columns}, detail::text)::text end`

export const firstHash: Buffer = Buffer.alloc(32)

/** SHA-256 of the hash before, the row's place in the chain (8 bytes, big-endian), and its contents. */
export function linkHash(before: Uint8Array, sealed_seq: number, canonical: string): Buffer {
  const place = Buffer.alloc(8)
  place.writeBigUInt64BE(BigInt(sealed_seq))
  return createHash('sha256').update(before).update(place).update(canonical).digest()
}

/** Whether this transaction may add to the chain: one at a time over all controllers. */
async function tryLock(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(hashtext('croft.audit-seal')) as locked`.execute(tx)
  return rows[0]?.locked ?? false
}

function read(db: Db) {
  return db.selectFrom('audit').select(['seq', 'request_id', 'sealed_seq', 'hash', contents.as('canonical')])
}

async function unsealed(db: Db, limit: number): Promise<ChainRow[]> {
  return await read(db).where('sealed_seq', 'is', null).orderBy('seq').limit(limit).execute()
}

/** Rows of the chain after this place, in its order. */
async function after(db: Db, sealed_seq: number, limit: number): Promise<ChainRow[]> {
  return await read(db).where('sealed_seq', '>', sealed_seq).orderBy('sealed_seq').limit(limit).execute()
}

export interface Link {
  seq: number
  sealed_seq: number
  hash: Buffer
}

async function seal(tx: Tx, links: readonly Link[]): Promise<void> {
  const rows = JSON.stringify(links.map(link => ({ ...link, hash: link.hash.toString('hex') })))
  await sql`update audit a set sealed_seq = l.sealed_seq, hash = decode(l.hash, 'hex')
    from jsonb_to_recordset(${rows}::jsonb) as l (seq bigint, sealed_seq bigint, hash text)
    where a.seq = l.seq and a.sealed_seq is null`.execute(tx)
}

async function countUnsealed(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from audit where sealed_seq is null`.execute(db)
  return rows[0]?.count ?? 0
}

export const auditChain = { tryLock, unsealed, after, seal, countUnsealed }
