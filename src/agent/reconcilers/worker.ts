/**
 * Runs one pass per key at a time, as often as something woke it: a wake-up during a pass makes one more pass after it.
 * Knows nothing of what a pass does.
 */
import type { Clock, Timer } from '../../lib/clock.ts'

export interface Worker {
  readonly wake: (key: string) => void
  /** Wakes later; only the earliest wish per key is kept until it fires. */
  wakeAfter(key: string, delay_ms: number): void
  /** No timers, no new passes; resolves when those that run have ended. */
  readonly stop: () => Promise<void>
}

export function createWorker(clock: Clock, run: (key: string) => Promise<void>): Worker {
  const running = new Map<string, Promise<void>>()
  const again = new Set<string>()
  const timers = new Map<string, { at_ms: number; timer: Timer }>()
  let stopped = false

  function wake(key: string): void {
    if (stopped) return
    if (running.has(key)) {
      again.add(key)
      return
    }
    running.set(key, pass(key))
  }

  async function pass(key: string): Promise<void> {
    try {
      await run(key)
    } finally {
      running.delete(key)
      if (again.delete(key)) wake(key)
    }
  }

  return {
    wake,
    wakeAfter(key, delay_ms) {
      const at_ms = clock.steady_ms() + Math.max(0, delay_ms)
      const known = timers.get(key)
      if (stopped || (known !== undefined && known.at_ms <= at_ms)) return
      known?.timer.cancel()
      const timer = clock.after(Math.max(0, delay_ms), () => {
        timers.delete(key)
        wake(key)
      })
      timers.set(key, { at_ms, timer })
    },
    async stop() {
      stopped = true
      again.clear()
      for (const { timer } of timers.values()) timer.cancel()
      timers.clear()
      await Promise.allSettled(running.values())
    },
  }
}

/** Lets at most `max` of the given works run at once, in order of asking. */
export function createLimiter(max: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = max
  const waiting: (() => void)[] = []
  return async work => {
    if (free > 0) free--
    else await new Promise<void>(go => waiting.push(go))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}
