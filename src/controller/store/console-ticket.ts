/** One-time tickets for consoles. */
import { sql } from 'kysely'
import type { ConsoleKind } from '../../model/console.ts'
import type { Db } from './database.ts'

export interface Ticket {
  instance_id: string
  user_id: string
  kind: ConsoleKind
  view_only: boolean
  /** Of a link to look on. */
  link_id: string | null
  /** Of SPICE: whose further connection this is; null for the first. */
  viewer_id: string | null
  /** Of the token or key that it was made with; null for a link. */
  token_sha256: Buffer | null
}

async function insert(db: Db, ticket: Ticket & { secret_sha256: Buffer; expires_at: Date }) {
  await db.insertInto('console_ticket').values(ticket).execute()
}

/** Takes the ticket out: a second use finds none. Null when it is unknown, used or too old. */
async function take(db: Db, secret_sha256: Buffer): Promise<Ticket | null> {
  const row = await db
    .deleteFrom('console_ticket')
    .where('secret_sha256', '=', secret_sha256)
    .where('expires_at', '>', sql<Date>`croft_now()`)
    .returning(['instance_id', 'user_id', 'kind', 'view_only', 'link_id', 'viewer_id', 'token_sha256'])
    .executeTakeFirst()
  return row ?? null
}

export const consoleTicket = { insert, take }
