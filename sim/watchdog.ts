/** The watchdog of a simulated host: a process of its own, which outlives the agent and ends with the power. */
import type { Armed, Watchdog, WatchdogListener } from '../src/agent/ports.ts'
import type { Clock, Timer } from '../src/lib/clock.ts'

export class SimulatedWatchdog implements Watchdog {
  readonly up = true
  armed: Armed | null = null
  private readonly clock: Clock
  private readonly cut: (ids: readonly string[]) => string[]
  private readonly killed = new Map<string, string>()
  private readonly listeners = new Set<WatchdogListener>()
  private timer: Timer | undefined

  /** `cut`: kills these guests; returns those that were there. */
  constructor(clock: Clock, cut: (ids: readonly string[]) => string[]) {
    this.clock = clock
    this.cut = cut
  }

  steady_ms(): number {
    return this.clock.steady_ms()
  }

  async arm(armed: Armed): Promise<void> {
    this.armed = armed
    this.timer?.cancel()
    this.timer = this.clock.after(armed.deadline_ms - this.steady_ms(), () => void this.kill(armed.guarded))
  }

  killedAt(id: string): string | null {
    return this.killed.get(id) ?? null
  }

  kill(ids: readonly string[]): string[] {
    const there = this.cut(ids)
    for (const id of there) this.killed.set(id, new Date(this.clock.now_ms()).toISOString())
    if (there.length > 0) for (const listener of this.listeners) listener('said')
    return there
  }

  subscribe(listener: WatchdogListener): void {
    this.listeners.add(listener)
  }

  /** Power is gone. */
  end(): void {
    this.timer?.cancel()
    this.armed = null
    this.listeners.clear()
  }
}
