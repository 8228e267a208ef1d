/**
 * Time that moves only when nothing is left to do: the simulation advances to the next timer once every promise that can
 * go on has done so. And clocks of processes that may be killed.
 */
import type { Clock, Timer } from '../src/lib/clock.ts'

interface Entry {
  at_ms: number
  order: number
  callback: () => void
}

export class VirtualClock implements Clock {
  private time_ms: number
  private order = 0
  private readonly entries = new Set<Entry>()

  constructor(start_ms: number) {
    this.time_ms = start_ms
  }

  now_ms(): number {
    return this.time_ms
  }

  steady_ms(): number {
    return this.time_ms
  }

  after(delay_ms: number, callback: () => void): Timer {
    const entry = { at_ms: this.time_ms + Math.max(0, delay_ms), order: this.order++, callback }
    this.entries.add(entry)
    return { cancel: () => void this.entries.delete(entry) }
  }

  sleep(delay_ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, delay_ms, signal)
  }

  /** A clock for one process. */
  of(alive: () => boolean): Clock {
    return clockWhile(this, alive)
  }

  /** Runs the next timer, if it is due by `until_ms`. False when there is none: time is `until_ms` then. */
  step(until_ms: number): boolean {
    let first: Entry | undefined
    for (const entry of this.entries) {
      if (!first || entry.at_ms < first.at_ms || (entry.at_ms === first.at_ms && entry.order < first.order))
        first = entry
    }
    if (!first || first.at_ms > until_ms) {
      this.time_ms = Math.max(this.time_ms, until_ms)
      return false
    }
    this.entries.delete(first)
    this.time_ms = Math.max(this.time_ms, first.at_ms)
    first.callback()
    return true
  }
}

/** As `Clock.sleep`, by its timers. */
export function sleepBy(clock: Pick<Clock, 'after'>, delay_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(delay_ms, resolve)
    signal?.addEventListener('abort', () => {
      timer.cancel()
      reject(signal.reason)
    })
  })
}

/** What somebody sets on a machine: by how much its wall clock is off. Lengths of time go on as they are. */
export interface WallClock {
  off_ms: number
}

/** A clock for one process: what it still has planned is forgotten when the process is killed. */
export function clockWhile(clock: Clock, alive: () => boolean, wall: WallClock = { off_ms: 0 }): Clock {
  return {
    now_ms: () => clock.now_ms() + wall.off_ms,
    steady_ms: () => clock.steady_ms(),
    after: (delay_ms, callback) => clock.after(delay_ms, () => alive() && callback()),
    sleep: (delay_ms, signal) =>
      new Promise((resolve, reject) => {
        clock.sleep(delay_ms, signal).then(
          () => alive() && resolve(),
          error => alive() && reject(error),
        )
      }),
  }
}
