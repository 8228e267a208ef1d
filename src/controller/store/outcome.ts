/**
 * What became of a transaction whose connection was lost at its commit: PostgreSQL remembers, by the transaction's id, over a
 * fail-over too (manual, 9.28.10), and is asked rather than guessed about.
 */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'

export type Outcome = 'committed' | 'aborted' | 'in progress'

/** Null: it is too long ago for the database to know. */
async function of(db: Db, xid: string): Promise<Outcome | null> {
  const { rows } = await sql<{ outcome: Outcome | null }>`select pg_xact_status(${xid}::xid8) as outcome`.execute(db)
  return rows[0]?.outcome ?? null
}

/** The id by which the outcome of this very transaction can be asked for. */
async function idOf(tx: Tx): Promise<string> {
  const { rows } = await sql<{ xid: string }>`select pg_current_xact_id()::text as xid`.execute(tx)
  return rows[0]?.xid ?? ''
}

export const outcome = { of, idOf }
