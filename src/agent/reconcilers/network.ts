/**
 * Keeps the host's joining to the logical networks as wanted: one pass at a time over everything, again after a failure with
 * back-off. How it is done is the network driver's.
 */
import type { Clock } from '../../lib/clock.ts'
import type { Log, Network } from '../ports.ts'
import type { WantedSet } from '../wanted-set.ts'
import { createWorker } from './worker.ts'

const only = 'network'
const retryFirst_ms = 500
const retryMax_ms = 60_000

export interface NetworkReconciler {
  wake(): void
  /** Why the networks are not as wanted, in plain words; null when they are. */
  readonly failure: string | null
  stop(): Promise<void>
}

export function createNetworkReconciler(options: {
  network: Network
  wanted: WantedSet
  clock: Clock
  log: Log
}): NetworkReconciler {
  const { network, wanted, clock, log } = options
  let tries = 0
  let failure: string | null = null
  const worker = createWorker(clock, async () => {
    try {
      await network.apply(wanted.host, [...wanted.networks.values()])
      tries = 0
      failure = null
    } catch (error) {
      const wait_ms = Math.min(retryMax_ms, retryFirst_ms * 2 ** Math.min(tries++, 20))
      failure = error instanceof Error ? error.message : String(error)
      log.error({ error, wait_ms }, "the host's networks are not as wanted; trying again")
      worker.wakeAt(only, clock.now_ms() + wait_ms)
    }
  })
  return {
    wake: () => worker.wake(only),
    get failure() {
      return failure
    },
    stop: worker.stop,
  }
}
