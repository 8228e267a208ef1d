/**
 * Who waits for what a service is to bring about need not wait for one that crashes again and again: that shows within seconds.
 * Not its job: saying why, which the service's log does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ServiceStatus } from './service.ts'

/** One or two may be of a daemon that it needs and that is only starting. */
const crashes_max = 3
const look_every_ms = 1000

/** In words that go on after the service's name. */
export class Crashing extends Error {}

type Looked = Pick<ServiceStatus, 'state' | 'restarts' | 'last_end'>

/**
 * What `wait` gives; its signal fires when that is not wanted any more. Rejects with Crashing once the service has crashed three
 * times since the first look, or is not started again at all. Neither systemd nor the supervisor tells us of a crash, so it is
 * looked at once a second, for as long as somebody waits. `pause` is between two looks, and rejects when the signal fires.
 */
export async function unlessCrashing<T>(
  wait: (signal: AbortSignal) => Promise<T>,
  look: () => Promise<Looked | undefined>,
  pause = (signal: AbortSignal): Promise<void> => delay(look_every_ms, undefined, { signal }),
): Promise<T> {
  const over = new AbortController()
  const { signal } = over
  const watching = async (): Promise<never> => {
    let first: number | undefined
    for (;;) {
      const found = await look()
      if (found) {
        first ??= found.restarts
        const crashes = found.restarts - first
        const how = found.last_end === null ? '' : ` (the last time it ${found.last_end})`
        if (found.state === 'stopped') throw new Crashing(`ended, and is not started again${how}`)
        if (crashes >= crashes_max) throw new Crashing(`crashed ${crashes} times since it was started${how}`)
      }
      await pause(signal)
    }
  }
  try {
    return await Promise.race([wait(signal), watching()])
  } finally {
    over.abort()
  }
}
