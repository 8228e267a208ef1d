/**
 * Keeps OVN as the database wants it: wakes the reconciler of ovn/ when logical networks or hosts change, not more often
 * than it can follow.
 */
import { once } from 'node:events'
import { OvsdbClient } from '../../lib/ovsdb/index.ts'
import type { Cloud } from '../cloud.ts'
import { northbound, OvnReconciler } from '../ovn/index.ts'
import { channels } from '../store/database.ts'
import { loadTopology } from '../store/topology.ts'
import { Loop } from './loop.ts'
import { type Pace, Pacer } from './pacer.ts'

/** Reconnecting is the client's; this is for a reconciler that ended by itself, which it should not. */
const again_ms = 5000
/** For what no event announces: a host not heard of for minutes gives up its gateways. */
const look_ms = 60_000
const pace: Pace = { rest: 2, rest_ms_max: 5000 }

/** The loop that carries the reconciler: one pass of it lasts as long as the controller runs. */
export function networkLoops(cloud: Cloud, remote: string): Loop[] {
  const { clock, log } = cloud
  return [
    new Loop({
      name: 'the logical network',
      clock,
      log,
      every_ms: again_ms,
      pass: signal => reconcileNetworks(cloud, remote, signal),
    }),
  ]
}

/** Until `signal` aborts. `remote` is the northbound database's, such as 'unix:/run/ovn/ovnnb_db.sock'. */
export async function reconcileNetworks(
  cloud: Pick<Cloud, 'clock' | 'log' | 'database' | 'events'>,
  remote: string,
  signal: AbortSignal,
): Promise<false> {
  const { clock, log, database, events } = cloud
  const nb = new OvsdbClient({ remotes: [remote], database: northbound })
  const logger = log.child({ part: 'ovn' })
  const reconciler = new OvnReconciler({ nb, loadTopology: () => loadTopology(database.db), logger, clock })
  const pacer = new Pacer(clock, () => reconciler.wake(), pace)
  reconciler.on('applied', pass => pacer.passed(pass.duration_ms))
  const stops = [
    database.listen(channels.network, () => pacer.ask()),
    events.watch(batch => {
      if (batch.some(event => event.noun === 'host')) pacer.ask()
    }),
  ]
  let looking = clock.after(look_ms, function look() {
    pacer.ask()
    looking = clock.after(look_ms, look)
  })
  try {
    if (!signal.aborted) await once(signal, 'abort')
  } finally {
    for (const stop of stops) stop()
    looking.cancel()
    pacer.close()
    await reconciler.close()
    nb.close()
  }
  return false
}
