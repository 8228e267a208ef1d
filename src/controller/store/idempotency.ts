/** Answers kept by Idempotency-Key, written in the transaction of the change itself, so that a key never lies. */
import { sql } from 'kysely'
import { json, type Tx } from './database.ts'
import { insertion } from './insert-rows.ts'

async function claim(
  tx: Tx,
  user_id: string,
  key: string,
  request_sha256: Uint8Array,
): Promise<'new' | 'mismatch' | { status: number; body: unknown }> {
  const sha256 = Buffer.from(request_sha256)
  // Waits here for a transaction under way with the same key.
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('idempotency')
    .values({ user_id, key, request_sha256: sha256, status: null })
    .onConflict(conflict => conflict.doNothing())
    .executeTakeFirstOrThrow()
  if (numInsertedOrUpdatedRows === 1n) return 'new'
  const before = await find(tx, user_id, key, request_sha256)
  if (before === 'new') throw new Error('the key is neither there nor could it be claimed')
  return before
}

/** Of one that may be under way: 'new' until it has been answered. */
async function find(
  tx: Tx,
  user_id: string,
  key: string,
  request_sha256: Uint8Array,
): Promise<'new' | 'mismatch' | { status: number; body: unknown }> {
  const row = await tx
    .selectFrom('idempotency')
    .selectAll()
    .where('user_id', '=', user_id)
    .where('key', '=', key)
    .executeTakeFirst()
  if (!row) return 'new'
  if (!Buffer.from(row.request_sha256).equals(Buffer.from(request_sha256))) return 'mismatch'
  return { status: row.status ?? 200, body: row.body }
}

async function keep(tx: Tx, user_id: string, key: string, status: number, body: unknown): Promise<void> {
  await tx
    .updateTable('idempotency')
    .set({ status, body: json(body) })
    .where('user_id', '=', user_id)
    .where('key', '=', key)
    .execute()
}

/** Claims several at once: true when all are new. Otherwise the transaction must end: some are claimed, some are not. */
async function claimAll(
  tx: Tx,
  asked: readonly { user_id: string; key: string; request_sha256: Uint8Array }[],
): Promise<boolean> {
  if (asked.length === 0) return true
  const rows = asked.map(({ user_id, key, request_sha256 }) => ({
    user_id,
    key,
    request_sha256: `\\x${Buffer.from(request_sha256).toString('hex')}`,
  }))
  const { numAffectedRows } = await sql`${insertion('idempotency', rows)} on conflict do nothing`.execute(tx)
  return numAffectedRows === BigInt(asked.length)
}

async function keepAll(
  tx: Tx,
  answered: readonly { user_id: string; key: string; status: number; body: unknown }[],
): Promise<void> {
  if (answered.length === 0) return
  await sql`update idempotency i set status = a.status, body = a.body
    from jsonb_to_recordset(${json(answered)}) as a (user_id uuid, key text, status int, body jsonb)
    where i.user_id = a.user_id and i.key = a.key`.execute(tx)
}

export const idempotency = { claim, find, keep, claimAll, keepAll }
