/**
 * Clocks of simulated machines, each wrong in its own way: a steady one that runs too fast or too slow and begins anew with each boot, and
 * a wall clock that somebody sets, by seconds or by hours, forwards and back. Not its job: time itself (clock.ts).
 */
import type { Clock, Timer } from '../src/lib/clock.ts'
import { clockWhile, sleepBy, type VirtualClock } from './clock.ts'
import type { Seeded } from './random.ts'

/**
 * By how much of itself a steady clock may be wrong: what src/model/lease.ts says that it withstands (`drift`). Written once more, so that
 * a smaller one there is found out here.
 */
export const drift_max = 0.05

const day_ms = 86_400_000
const units_ms = [1000, 60_000, 3_600_000]

export class MachineClock implements Clock {
  /** How fast it runs. */
  readonly rate: number
  /** By how much its wall clock is off. */
  off_ms = 0
  private readonly time: VirtualClock
  private booted_ms: number
  private up_ms: number

  /** `up_ms`: for how long it has been up by its own clock. */
  constructor(time: VirtualClock, rate = 1, up_ms = 0) {
    this.time = time
    this.rate = rate
    this.booted_ms = time.steady_ms()
    this.up_ms = up_ms
  }

  now_ms(): number {
    return this.time.now_ms() + this.off_ms
  }

  steady_ms(): number {
    return Math.floor(this.up_ms + (this.time.steady_ms() - this.booted_ms) * this.rate)
  }

  /** Never early by its own steady clock. */
  after(delay_ms: number, callback: () => void): Timer {
    return this.time.after(Math.ceil(delay_ms / this.rate), callback)
  }

  sleep(delay_ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, delay_ms, signal)
  }

  /** The machine starts: so does its steady clock. */
  boot(): void {
    this.booted_ms = this.time.steady_ms()
    this.up_ms = 0
  }

  /** For one process of it. */
  of(alive: () => boolean): Clock {
    return clockWhile(this, alive)
  }
}

export interface SkewOptions {
  /** At most; none: all run exactly. */
  drift: number
  /** Of machines whose names begin so, in place of what chance gives: the worst for what is to be shown. */
  rates?: Readonly<Record<string, number>>
}

/** The clocks of all machines of a run. */
export class Skew {
  private readonly clocks = new Map<string, MachineClock>()
  private readonly time: VirtualClock
  private readonly random: Seeded
  private readonly options: SkewOptions

  constructor(time: VirtualClock, random: Seeded, options: SkewOptions) {
    this.time = time
    this.random = random
    this.options = options
  }

  /** Of the machine of this name, which is made with it. */
  of(name: string): MachineClock {
    const found = this.clocks.get(name)
    if (found) return found
    const { random } = this
    const up_ms = random.pick([0, 60_000, day_ms, 400 * day_ms]) + random.between(0, 60_000)
    const clock = new MachineClock(this.time, this.rateOf(name), up_ms)
    this.clocks.set(name, clock)
    return clock
  }

  private rateOf(name: string): number {
    const { drift, rates } = this.options
    const given = Object.entries(rates ?? {}).find(([prefix]) => name.startsWith(prefix))
    if (given) return given[1]
    // What is wrong with sums of times shows at their ends.
    return 1 + drift * this.random.pick([-1, -1, 1, 1, 2 * this.random.fraction() - 1])
  }

  /** Somebody sets the wall clock of one of them; says which, and by how much. */
  set(): string {
    const { random } = this
    const [name, clock] = random.pick([...this.clocks])
    const by_ms = random.pick([-1, 1]) * random.between(1, 12) * random.pick(units_ms)
    // Who was off by hours is set right, too.
    clock.off_ms = random.chance(0.2) ? 0 : clock.off_ms + by_ms
    return `the clock of ${name} is set: ${clock.off_ms / 1000} s off`
  }
}
