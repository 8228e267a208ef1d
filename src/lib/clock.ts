/** Time as a port: the real clock here, a seeded one in the simulation. Milliseconds throughout. */
import { uptime } from 'node:os'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970. */
  now_ms(): number
  /**
   * A clock that nobody sets: for every length of time, and what is compared with it later. Whole milliseconds; never goes back. Time asleep
   * counts. All processes of a machine have the same, to 15 ms. A reading costs a tenth of a microsecond: one for each word of a host is in order.
   */
  steady_ms(): number
  /** Calls back once after `delay_ms`, unless cancelled. Does not keep the process alive. */
  after(delay_ms: number, callback: () => void): Timer
  /** Resolves after `delay_ms`; rejects with the signal's reason when it is aborted first. */
  sleep(delay_ms: number, signal?: AbortSignal): Promise<void>
}

/**
 * Time asleep is in a file alone (proc_uptime(5)), in hundredths of a second, and each reading opens it, while a controller of thousands of hosts asks
 * at each of their words. So only what the machine was up beyond the time that counts here is taken from it: it grows by sleep and by nothing else.
 * A reading is good for as long as neither the time that this process runs nor the wall clock has gone on by more. The wall clock counts sleep, too
 * (clock_gettime(2)): what is told of after a sleep is never stamped with a time before it.
 */
const reading_good_ms = 5
let read = { running_ms: Number.NEGATIVE_INFINITY, wall_ms: 0 }
let beyond_ms = Number.NEGATIVE_INFINITY

function steady_ms(): number {
  const [running_ms, wall_ms] = [performance.now(), Date.now()]
  const went_on_ms = wall_ms - read.wall_ms
  const is_good = running_ms - read.running_ms < reading_good_ms && went_on_ms >= 0 && went_on_ms < reading_good_ms
  if (!is_good) {
    read = { running_ms, wall_ms }
    // The file first: whatever holds this process up in between makes it too little, which the next reading mends, and never too much.
    beyond_ms = Math.max(beyond_ms, uptime() * 1000 - performance.now())
  }
  return Math.floor(running_ms + beyond_ms)
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
