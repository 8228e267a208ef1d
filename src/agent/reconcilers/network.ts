/**
 * Keeps the host's joining to the logical networks as wanted: one pass at a time over everything, again after a failure with
 * back-off. How it is done is the network driver's.
 */
import type { Clock } from '../../lib/clock.ts'
import { Failure, type Log, type Network } from '../ports.ts'
import type { WantedSet } from '../wanted-set.ts'
import { createWorker } from './worker.ts'

const only = 'network'
const retryFirst_ms = 500
const retryMax_ms = 60_000

export interface NetworkReconciler {
  wake(): void
  /** Why the networks are not as wanted, in plain words; null when they are. */
  readonly failure: string | null
  /**
   * Waits for the pass under way. Throws Failure when the host was never joined as wanted: a guest's NIC would have nothing
   * to be plugged into. Trouble after that, or of some network, is no reason to keep a guest off.
   */
  readonly ready: () => Promise<void>
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
  let joined = false
  let pass: Promise<void> = Promise.resolve()
  let failure: string | null = null
  const worker = createWorker(clock, () => (pass = apply()))

  async function apply(): Promise<void> {
    const { host } = wanted
    try {
      await network.apply(host, [...wanted.networks.values()])
      joined ||= host !== null
      tries = 0
      failure = null
    } catch (error) {
      const wait_ms = Math.min(retryMax_ms, retryFirst_ms * 2 ** Math.min(tries++, 20))
      failure = error instanceof Error ? error.message : String(error)
      log.error({ error, wait_ms }, "the host's networks are not as wanted; trying again")
      worker.wakeAfter(only, wait_ms)
    }
  }

  return {
    wake: () => worker.wake(only),
    get failure() {
      return failure
    },
    async ready() {
      // A wake-up during a pass begins another one as it ends.
      for (let seen: Promise<void> | null = null; seen !== pass; ) {
        seen = pass
        await seen
      }
      if (wanted.host === null || joined) return
      const why = failure ?? 'it is being set up'
      throw new Failure(`The host’s network is not ready: ${why}`, { passing: true })
    },
    stop: worker.stop,
  }
}
