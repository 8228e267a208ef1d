/** When a host was last heard of, and when the next word of it is due. All by the steady clock: who sets a machine's clock must not make its hosts silent. */
import type { Clock } from '../../lib/clock.ts'
import { leaseTimes } from '../../model/lease.ts'

const { heartbeat_ms, silence_ms_max } = leaseTimes

/** A heartbeat more was missed: what other hosts think of it is asked, while there is still hope. */
const late_after_ms = heartbeat_ms + 1000
/** Two more: the link is dead, whatever TCP thinks. */
const dead_after_ms = silence_ms_max - heartbeat_ms
/** What a host without guests that need a lease may leave between two words: its samples alone are enough, and come a little later at times. */
export const calm_ms = 2 * heartbeat_ms + 500

export class Hearing {
  private readonly clock: Clock
  private heard_ms: number
  private within_ms = heartbeat_ms
  /** It was noted that nothing is heard of it. */
  private late = false

  constructor(clock: Clock) {
    this.clock = clock
    this.heard_ms = clock.steady_ms()
  }

  /** True when it was late until now. */
  heard(): boolean {
    this.heard_ms = this.clock.steady_ms()
    const was_late = this.late
    this.late = false
    return was_late
  }

  /** The next word of it comes within so long, as it says itself; undefined: with the next heartbeat. */
  expect(within_ms: number = heartbeat_ms): void {
    this.within_ms = Math.min(within_ms, calm_ms)
  }

  silentFor_ms(steady_ms = this.clock.steady_ms()): number {
    return steady_ms - this.heard_ms
  }

  /** Nothing was heard for so long that the link is dead. */
  isSilent(steady_ms: number): boolean {
    return this.silentFor_ms(steady_ms) > this.within_ms + dead_after_ms
  }

  /** It has missed heartbeats. True the first time, until it is heard again. */
  becomesLate(steady_ms: number): boolean {
    if (this.late || this.silentFor_ms(steady_ms) <= this.within_ms + late_after_ms) return false
    this.late = true
    return true
  }
}
