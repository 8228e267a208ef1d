/** Answers kept by Idempotency-Key, written in the transaction of the change itself, so that a key never lies. */
import { json, type Tx } from './database.ts'

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
  const row = await tx
    .selectFrom('idempotency')
    .selectAll()
    .where('user_id', '=', user_id)
    .where('key', '=', key)
    .executeTakeFirstOrThrow()
  if (!Buffer.from(row.request_sha256).equals(sha256)) return 'mismatch'
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

export const idempotency = { claim, keep }
