/**
 * Notices a daemon that no longer answers: pings it when the line has been idle for an interval, and gives it up after
 * so many pings in a row without anything coming back. (libvirt's keepalive program; the counting is the same.)
 * Not its job: answering the daemon's own pings, and closing the connection.
 */
import type { Clock, Timer } from '../clock.ts'

export interface KeepaliveOptions {
  interval_ms: number
  /** Pings without an answer before the daemon counts as dead. */
  missed_max: number
  clock: Clock
  ping: () => void
  dead: () => void
}

export class Keepalive {
  readonly #options: KeepaliveOptions
  #timer: Timer | null = null
  #missed = 0
  #heard = false
  #held = false

  constructor(options: KeepaliveOptions) {
    this.#options = options
    this.#arm()
  }

  /** Something came from the daemon, no matter what. */
  heard(): void {
    this.#heard = true
    this.#missed = 0
  }

  /**
   * While held, silence is not the daemon's fault, because we ourselves do not read. Pings still go out, so that the
   * daemon does not give us up.
   */
  hold(held: boolean): void {
    this.#held = held
    this.#missed = 0
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #arm(): void {
    this.#timer = this.#options.clock.after(this.#options.interval_ms, () => this.#tick())
  }

  // One missed ping a tick, however late the tick is: an event loop that stood still has not listened either.
  #tick(): void {
    if (this.#heard && !this.#held) {
      this.#heard = false
    } else if (this.#missed >= this.#options.missed_max) {
      this.#options.dead()
      return
    } else {
      if (!this.#held) this.#missed++
      this.#options.ping()
    }
    this.#arm()
  }
}
