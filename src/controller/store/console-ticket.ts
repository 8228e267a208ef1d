/** One-time tickets for consoles. */
import { sql } from 'kysely'
import type { Db } from './database.ts'

async function insert(
  db: Db,
  ticket: { secret_sha256: Buffer; instance_id: string; user_id: string; expires_at: Date },
) {
  await db.insertInto('console_ticket').values(ticket).execute()
}

/** Takes the ticket out: a second use finds none. Null when it is unknown, used or too old. */
async function take(db: Db, secret_sha256: Buffer): Promise<{ instance_id: string; user_id: string } | null> {
  const row = await db
    .deleteFrom('console_ticket')
    .where('secret_sha256', '=', secret_sha256)
    .where('expires_at', '>', sql<Date>`croft_now()`)
    .returning(['instance_id', 'user_id'])
    .executeTakeFirst()
  return row ?? null
}

export const consoleTicket = { insert, take }
