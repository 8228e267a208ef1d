/** Hosts held until a transaction ends. Not its job: what is promised of them (host-claim.ts). */
import type { Db, Tx } from './database.ts'

export interface LockedHost {
  id: string
  name: string
  session_controller_id: string | null
  session_epoch: number
}

/** The first lock of whoever takes it: store/database.ts. What is on it may still change. */
async function lock(tx: Tx, id: string): Promise<LockedHost | null> {
  return (await present(tx, id).forNoKeyUpdate().executeTakeFirst()) ?? null
}

/** As lock, of several: those that there are. */
async function lockEach(tx: Tx, ids: readonly string[]): Promise<Map<string, LockedHost>> {
  const found = new Map<string, LockedHost>()
  for (const id of [...new Set(ids)].sort()) {
    const row = await lock(tx, id)
    if (row) found.set(id, row)
  }
  return found
}

/** Nothing can be placed on it either. */
async function lockWhole(tx: Tx, id: string): Promise<LockedHost | null> {
  return (await present(tx, id).forUpdate().executeTakeFirst()) ?? null
}

function present(db: Db, id: string) {
  return db
    .selectFrom('host')
    .select(['id', 'name', 'session_controller_id', 'session_epoch'])
    .where('id', '=', id)
    .where('removed_at', 'is', null)
}

/** Which of its links was its last, or is its own now. */
async function epochOf(db: Db, id: string): Promise<number | null> {
  return (await present(db, id).executeTakeFirst())?.session_epoch ?? null
}

export const hostLock = { lock, lockEach, lockWhole, epochOf }
