/** Lets a pass that reads everything be asked for as often as anybody likes, and done only so often that it leaves time for all else. */
import type { Clock, Timer } from '../../lib/clock.ts'

export interface Pace {
  /** After a pass it rests so many times as long as the pass took, but no longer than `rest_ms_max`. */
  rest: number
  rest_ms_max: number
}

/**
 * Lets a wake-up through at once when the last pass is long over, else after a rest: many changes a second become few passes. Short passes
 * are hardly held up.
 */
export class Pacer {
  private readonly clock: Clock
  private readonly wake: () => void
  private readonly pace: Pace
  private timer: Timer | undefined
  /** By the steady clock. */
  private not_before_ms = Number.NEGATIVE_INFINITY
  private closed = false
  private reading = false
  private again = false

  constructor(clock: Clock, wake: () => void, pace: Pace) {
    this.clock = clock
    this.wake = wake
    this.pace = pace
  }

  ask(): void {
    if (this.timer || this.closed) return
    if (this.reading) {
      this.again = true
      return
    }
    const wait_ms = this.not_before_ms - this.clock.steady_ms()
    if (wait_ms <= 0) return this.wake()
    this.timer = this.clock.after(wait_ms, () => {
      this.timer = undefined
      this.wake()
    })
  }

  passed(duration_ms: number): void {
    const { rest, rest_ms_max } = this.pace
    this.not_before_ms = this.clock.steady_ms() + Math.min(rest * duration_ms, rest_ms_max)
  }

  /** Does what reads everything. What is asked for meanwhile may not be in it, and comes after a rest. */
  async timed<T>(read: () => Promise<T>): Promise<T> {
    const from_ms = this.clock.steady_ms()
    this.reading = true
    try {
      return await read()
    } finally {
      this.reading = false
      this.passed(this.clock.steady_ms() - from_ms)
      if (this.again) {
        this.again = false
        this.ask()
      }
    }
  }

  /** What ends after it asks in vain. */
  close(): void {
    this.closed = true
    this.timer?.cancel()
  }
}
