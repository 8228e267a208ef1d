/**
 * A simulated host's watchdog: what it was told outlives the agent, and is gone with the power. It kills guests when their
 * deadline passes, as the real one does (src/agent/watchdog).
 */
import type { Armed, Watchdog, WatchdogListener } from '../src/agent/ports.ts'
import type { Clock } from '../src/lib/clock.ts'

const look_ms = 250

export interface Victims {
  alive(id: string): boolean
  end(id: string): void
  /** From the order to kill until a guest is dead: a late timer, a scan of processes, the kernel's work. */
  takes_ms(): number
}

export class SimulatedWatchdog {
  private armed: Armed | null = null
  private readonly killed = new Map<string, string>()
  private readonly clock: Clock
  private readonly guests: Victims
  private readonly dying = new Set<string>()
  private looking = false

  /** `clock`: of the machine, which goes on when the agent dies. */
  constructor(clock: Clock, guests: Victims) {
    this.clock = clock
    this.guests = guests
  }

  powerCut(): void {
    this.armed = null
    this.killed.clear()
    this.dying.clear()
    this.looking = false
  }

  /** As one life of the agent sees it. */
  port(alive: () => boolean): Watchdog {
    const listeners: WatchdogListener[] = []
    const held = () => this.armed
    return {
      up: true,
      get armed() {
        return held()
      },
      steady_ms: () => this.clock.steady_ms(),
      arm: armed => {
        if (alive()) this.arm(armed)
        return Promise.resolve()
      },
      killedAt: id => this.killed.get(id) ?? null,
      kill: ids => (alive() ? this.kill(ids) : []),
      subscribe: listener => void listeners.push(listener),
    }
  }

  private arm(armed: Armed): void {
    this.armed = armed
    if (armed.guarded.length > 0 && !this.looking) this.look()
  }

  /** Time moves only when it must, so it looks at the deadline and not in between. */
  private look(): void {
    const { armed } = this
    this.looking = armed !== null && armed.guarded.length > 0
    if (!armed || !this.looking) return
    const left_ms = armed.deadline_ms - this.clock.steady_ms()
    if (left_ms <= 0) this.kill(armed.guarded)
    this.clock.after(left_ms > 0 ? left_ms : look_ms, () => this.look())
  }

  private kill(ids: readonly string[]): string[] {
    const there = ids.filter(id => this.guests.alive(id) && !this.dying.has(id))
    for (const id of there) {
      this.killed.set(id, new Date(this.clock.now_ms()).toISOString())
      const takes_ms = this.guests.takes_ms()
      if (takes_ms === 0) this.end(id)
      else {
        this.dying.add(id)
        this.clock.after(takes_ms, () => this.end(id))
      }
    }
    return there
  }

  private end(id: string): void {
    this.dying.delete(id)
    this.guests.end(id)
  }
}
