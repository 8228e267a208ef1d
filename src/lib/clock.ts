/** Time as a port: the real clock here, a seeded one in the simulation. Milliseconds throughout. */
import { uptime } from 'node:os'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970. */
  now_ms(): number
  /** A clock that nobody sets: for lengths of time. Time asleep counts. To 15 ms. */
  steady_ms(): number
  /** Calls back once after `delay_ms`, unless cancelled. Does not keep the process alive. */
  after(delay_ms: number, callback: () => void): Timer
  /** Resolves after `delay_ms`; rejects with the signal's reason when it is aborted first. */
  sleep(delay_ms: number, signal?: AbortSignal): Promise<void>
}

/**
 * Each reading opens and reads a file (proc_uptime(5)), and a controller of thousands of hosts asks at each of their words. One is good for as long as
 * neither the time that this process runs nor the wall clock has gone on by more. The wall clock counts sleep, too (clock_gettime(2)): what is told
 * of after a sleep is never stamped with a time before it.
 */
const reading_good_ms = 5
let reading = { steady_ms: 0, running_ms: Number.NEGATIVE_INFINITY, wall_ms: 0 }

function steady_ms(): number {
  const [running_ms, wall_ms] = [performance.now(), Date.now()]
  const went_on_ms = wall_ms - reading.wall_ms
  const is_good = running_ms - reading.running_ms < reading_good_ms && went_on_ms >= 0 && went_on_ms < reading_good_ms
  if (!is_good) reading = { steady_ms: uptime() * 1000, running_ms, wall_ms }
  return reading.steady_ms
}

export const realClock: Clock = {
  now_ms: () => Date.now(),
  steady_ms,
  after(delay_ms, callback) {
    const timer = setTimeout(callback, delay_ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  sleep(delay_ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const aborted = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', aborted)
        resolve()
      }, delay_ms)
      signal?.addEventListener('abort', aborted, { once: true })
    })
  },
}
