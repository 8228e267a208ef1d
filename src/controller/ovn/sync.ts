/**
 * Waiting until what is in the northbound database is in force: in the southbound one (ovn-northd has worked), or on
 * every host (each ovn-controller has); ovn-nb(5), NB_Global nb_cfg, sb_cfg, hv_cfg.
 * Not its job: writing the logical network (reconciler.ts).
 */
import type { Clock } from '../../lib/clock.ts'
import { type Database, OvsdbError } from '../../lib/ovsdb/index.ts'
import { nb, type Northbound } from './schema.ts'

export interface WaitOptions {
  /** 'sb': flows are computed. 'hv': every chassis has them; one that is down holds this up. */
  readonly level: 'sb' | 'hv'
  readonly timeout_ms: number
  readonly clock: Clock
}

/** Resolves when everything committed before the call is in force; throws OvsdbError when it is not in time. */
export async function waitUntilInForce(database: Database<Northbound>, options: WaitOptions): Promise<void> {
  const { level, timeout_ms, clock } = options
  const results = await database.transact([
    nb.mutate('NB_Global', [], ['nb_cfg', '+=', 1]),
    nb.select('NB_Global', [], ['nb_cfg']),
  ])
  const wanted = Number(results[1]?.rows?.[0]?.nb_cfg)
  const reached = (): boolean => {
    const row = database.replica.table('NB_Global').values().next().value
    return row !== undefined && (level === 'sb' ? row.sb_cfg : row.hv_cfg) >= wanted
  }
  if (reached()) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const check = () => {
    if (reached()) resolve()
  }
  const who = level === 'sb' ? 'ovn-northd' : 'all hosts'
  const timer = clock.after(timeout_ms, () =>
    reject(new OvsdbError(`the logical network did not reach ${who} within ${timeout_ms} ms`)),
  )
  database.on('change', check)
  try {
    await promise
  } finally {
    timer.cancel()
    database.off('change', check)
  }
}
