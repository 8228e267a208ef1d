/** Secrets of the cloud itself, sealed with a key that is not in the database (lib/sealer.ts). */
import type { Db } from './database.ts'

async function find(db: Db, name: string): Promise<Uint8Array | null> {
  const row = await db.selectFrom('secret').select('sealed').where('name', '=', name).executeTakeFirst()
  return row?.sealed ?? null
}

/** Keeps the secret unless there is one of that name; returns the one that is kept. */
async function keepFirst(db: Db, name: string, sealed: Uint8Array): Promise<Uint8Array> {
  await db
    .insertInto('secret')
    .values({ name, sealed: Buffer.from(sealed) })
    .onConflict(conflict => conflict.doNothing())
    .execute()
  return (await find(db, name)) ?? sealed
}

async function put(db: Db, name: string, sealed: Uint8Array): Promise<void> {
  const value = Buffer.from(sealed)
  await db
    .insertInto('secret')
    .values({ name, sealed: value })
    .onConflict(conflict => conflict.column('name').doUpdateSet({ sealed: value }))
    .execute()
}

export const secret = { find, keepFirst, put }
