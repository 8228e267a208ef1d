/**
 * What became of a transaction whose connection was lost at its commit: PostgreSQL remembers, by the transaction's id, over a
 * fail-over too (manual, 9.28.10), and is asked rather than guessed about.
 */
import { sql } from 'kysely'
import type { Db } from './database.ts'

export type Outcome = 'committed' | 'aborted' | 'in progress'

/** Null: it is too long ago for the database to know. */
async function of(db: Db, xid: string): Promise<Outcome | null> {
  const { rows } = await sql<{ outcome: Outcome | null }>`select pg_xact_status(${xid}::xid8) as outcome`.execute(db)
  return rows[0]?.outcome ?? null
}

export const outcome = { of }
