/**
 * How much one host may say on its link: more than any has to, and too little to keep a controller from the others. What is beyond it is
 * not lost, only read later: the host's own socket waits. Not its job: what a frame may hold (protocol/messages.ts).
 */
import type { Clock } from '../../lib/clock.ts'

/** All that a large host holds, after a restore, in one burst; and on and on what a thousand guests' samples and reports come to, ten times over. */
export const linkRates = { bytes: { per_s: 1024 * 1024, burst: 64 * 1024 * 1024 }, frames: { per_s: 100, burst: 2000 } }

export class LinkBudget {
  private readonly clock: Pick<Clock, 'steady_ms'>
  private readonly rates: typeof linkRates
  private bytes: number
  private frames: number
  private filled_ms: number

  constructor(clock: Pick<Clock, 'steady_ms'>, rates = linkRates) {
    this.clock = clock
    this.rates = rates
    this.bytes = rates.bytes.burst
    this.frames = rates.frames.burst
    this.filled_ms = clock.steady_ms()
  }

  /** A frame has come. For how long nothing more is to be read; 0: go on. */
  spend_ms(bytes: number): number {
    const steady_ms = this.clock.steady_ms()
    const passed_s = (steady_ms - this.filled_ms) / 1000
    this.filled_ms = steady_ms
    this.bytes = Math.min(this.rates.bytes.burst, this.bytes + passed_s * this.rates.bytes.per_s) - bytes
    this.frames = Math.min(this.rates.frames.burst, this.frames + passed_s * this.rates.frames.per_s) - 1
    const owed_s = Math.max(-this.bytes / this.rates.bytes.per_s, -this.frames / this.rates.frames.per_s)
    return Math.max(0, Math.ceil(owed_s * 1000))
  }
}
