/** Time as a port: the real clock here, a seeded one in the simulation. Milliseconds throughout. */
import { openSync, readSync } from 'node:fs'

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

/** "350735.47 234388.90": seconds since the machine began, asleep or not, and those that its cores had nothing to do (proc_uptime(5)). */
const uptime_file = '/proc/uptime'
let file: number | undefined
const text = Buffer.alloc(64)

/** As os.uptime, which opens the file each time: a controller of thousands of hosts asks at each of their words. */
function steady_ms(): number {
  file ??= openSync(uptime_file, 'r')
  return Number.parseFloat(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0))) * 1000
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
