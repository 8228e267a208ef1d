/** What came of moves and of restarts elsewhere in a run, counted. */
import type { PGlite } from '@electric-sql/pglite'

export async function outcomes(pglite: PGlite): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const moves = await pglite.query<{ outcome: string; n: number; carried: number }>(
    'select outcome, count(*)::int as n, count(never)::int as carried from migration group by outcome',
  )
  for (const { outcome, n, carried } of moves.rows) {
    counts[`moves ${outcome}`] = n
    // Their hosts did not reach each other at the hand-over.
    if (carried > 0) counts[`moves ${outcome} by what controllers carried`] = carried
  }
  const restarts = await pglite.query<{ fenced_by: string; outcome: string; n: number }>(
    `select fenced_by, coalesce(outcome, 'open') as outcome, count(*)::int as n from ha_restart group by 1, 2 order by 1, 2`,
  )
  for (const { fenced_by, outcome, n } of restarts.rows) counts[`restarts elsewhere by ${fenced_by}: ${outcome}`] = n
  return counts
}
