/** Time as a port: the real clock here, a seeded one in the simulation. Milliseconds throughout. */
import { uptime } from 'node:os'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970. */
  now_ms(): number
  /** A clock that nobody sets: for lengths of time. Time asleep counts. To 10 ms. */
  steady_ms(): number
  /** Calls back once after `delay_ms`, unless cancelled. Does not keep the process alive. */
  after(delay_ms: number, callback: () => void): Timer
  /** Resolves after `delay_ms`; rejects with the signal's reason when it is aborted first. */
  sleep(delay_ms: number, signal?: AbortSignal): Promise<void>
}

export const realClock: Clock = {
  now_ms: () => Date.now(),
  steady_ms: () => uptime() * 1000,
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
