/** How far points of metrics were put together to coarser ones. Not its job: the points (metrics.ts). */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'

export interface RollupProgress {
  done_ms: number
  after: string | null
}

/** Up to when points of this distance were put together. */
export async function rolledUp(db: Db, step_s: number): Promise<number | null> {
  const { rows } = await sql<{ done_at: Date }>`select done_at from metric_rollup where step_s = ${step_s}`.execute(db)
  return rows[0]?.done_at.getTime() ?? null
}

/** How far points of this distance were put together. The first time it begins at `begin_ms`. */
export async function rollupProgress(db: Db, step_s: number, begin_ms: number): Promise<RollupProgress> {
  await sql`insert into metric_rollup (step_s, done_at) values (${step_s}, ${new Date(begin_ms)}) on conflict do nothing`.execute(
    db,
  )
  const { rows } = await sql<{ done_at: Date; after: string | null }>`
    select done_at, after from metric_rollup where step_s = ${step_s}`.execute(db)
  return { done_ms: rows[0]?.done_at.getTime() ?? begin_ms, after: rows[0]?.after ?? null }
}

/** False, and nothing changed, when another controller has come further meanwhile. */
export async function advanceRollup(
  tx: Tx,
  step_s: number,
  from: RollupProgress,
  to: RollupProgress,
): Promise<boolean> {
  const { numAffectedRows } = await sql`update metric_rollup set done_at = ${new Date(to.done_ms)}, after = ${to.after}
    where step_s = ${step_s} and done_at = ${new Date(from.done_ms)} and after is not distinct from ${from.after}`.execute(
    tx,
  )
  return numAffectedRows === 1n
}
