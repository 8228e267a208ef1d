/**
 * A background pass that takes no input: it reads what is and closes the difference. A wake-up makes it run sooner, never
 * differently; a failing pass is tried again later; one pass runs at a time.
 */
import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.ts'

export interface LoopParts {
  name: string
  clock: Clock
  log: Logger
  /** The longest time between two passes, for what no event announces. */
  every_ms: number
  /** Returns true when there is more to do at once. */
  pass(signal: AbortSignal): Promise<boolean>
}

export class Loop {
  private readonly parts: LoopParts
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private again = false
  private timer: Timer | undefined

  constructor(parts: LoopParts) {
    this.parts = parts
  }

  wake(): void {
    if (this.stopping.signal.aborted) return
    if (this.running) {
      this.again = true
      return
    }
    this.timer?.cancel()
    this.running = this.run().finally(() => {
      this.running = undefined
      if (this.stopping.signal.aborted) return
      if (this.again) {
        this.again = false
        this.wake()
      } else this.timer = this.parts.clock.after(this.parts.every_ms, () => this.wake())
    })
  }

  async close(): Promise<void> {
    this.stopping.abort(new Error(`${this.parts.name} stops`))
    this.timer?.cancel()
    await this.running
  }

  private async run(): Promise<void> {
    try {
      while (!this.stopping.signal.aborted && (await this.parts.pass(this.stopping.signal)));
    } catch (error) {
      if (!this.stopping.signal.aborted)
        this.parts.log.warn({ err: error }, `${this.parts.name} failed; it is tried again`)
    }
  }
}
