/**
 * Keeps a connection to libvirtd through the daemon's restarts: connects again with growing pauses, and subscribes
 * again. What happened in between is not told, so on every 'up' the user lists the domains anew: the subscriptions are in
 * place by then, so nothing after that listing is missed either.
 */
import { EventEmitter } from 'node:events'
import { type Clock, realClock } from '../clock.ts'
import { type ConnectOptions, Libvirt } from './client.ts'
import { ConnectionError } from './errors.ts'
import type { DomainEvent, EventKind } from './events.ts'
import { runListeners } from './listeners.ts'

export interface ReconnectOptions extends Partial<ConnectOptions> {
  /** What to subscribe to, for all domains. */
  events?: readonly EventKind[]
  /** The first pause; each further one is twice as long, up to `pause_max_ms`, and up to a quarter shorter at random. */
  pause_min_ms?: number
  pause_max_ms?: number
  /** From 0 to 1. */
  random?: () => number
}

type Events = { up: [libvirt: Libvirt]; down: [why: Error]; event: [event: DomainEvent] }

/**
 * 'up' with each new connection, subscribed; 'down' once when it ends or, at first, when it cannot be made; 'event' from
 * whichever connection there is.
 */
export class ReconnectingLibvirt extends EventEmitter<Events> {
  readonly #options: ReconnectOptions
  readonly #clock: Clock
  readonly #stop = new AbortController()
  #current: Libvirt | null = null
  #down: Error | null = null
  #running: Promise<void> | null = null

  constructor(options: ReconnectOptions = {}) {
    super()
    this.#options = options
    this.#clock = options.clock ?? realClock
  }

  /** Starts connecting; the outcome comes as 'up' or 'down'. */
  start(): this {
    this.#running ??= this.#run()
    return this
  }

  /** The connection there is, or null. */
  get current(): Libvirt | null {
    return this.#current
  }

  /** The connection there is; fails with a ConnectionError that says why there is none. */
  get(): Libvirt {
    if (this.#current) return this.#current
    const why = this.#down?.message ?? 'not connected yet'
    throw new ConnectionError('unreachable', `there is no connection to libvirtd: ${why}`, { cause: this.#down })
  }

  /** The connection as soon as there is one; fails with the signal's reason, or when this is closed. */
  ready(signal?: AbortSignal): Promise<Libvirt> {
    if (this.#current) return Promise.resolve(this.#current)
    const either = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal
    const { promise, resolve, reject } = Promise.withResolvers<Libvirt>()
    const aborted = () => {
      this.off('up', resolve)
      reject(either.reason)
    }
    if (either.aborted) aborted()
    this.once('up', resolve)
    either.addEventListener('abort', aborted, { once: true })
    return promise.finally(() => either.removeEventListener('abort', aborted))
  }

  /** Ends the connection and all attempts. No 'down' is emitted. */
  async close(): Promise<void> {
    this.#stop.abort(new ConnectionError('closed', 'the connection to libvirtd has been closed'))
    await this.#current?.close()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(): Promise<void> {
    const { pause_min_ms = 100, pause_max_ms = 5_000, random = Math.random } = this.#options
    let pause_ms = pause_min_ms
    while (!this.#stop.signal.aborted) {
      try {
        const libvirt = await this.#connect()
        pause_ms = pause_min_ms
        const why = await this.#serve(libvirt)
        this.#fell(why)
      } catch (error) {
        this.#fell(error instanceof Error ? error : new Error(String(error)))
      }
      const shorter = 1 - random() / 4
      // Rejects only when this is being closed, which the loop's condition sees.
      await this.#clock.sleep(pause_ms * shorter, this.#stop.signal).catch(() => undefined)
      pause_ms = Math.min(pause_ms * 2, pause_max_ms)
    }
  }

  async #connect(): Promise<Libvirt> {
    const libvirt = await Libvirt.connect(this.#options)
    try {
      libvirt.on('event', event => this.emit('event', event))
      for (const kind of this.#options.events ?? []) await libvirt.subscribe(kind)
      return libvirt
    } catch (error) {
      await libvirt.close()
      throw error
    }
  }

  /** Answers when the connection has ended. */
  async #serve(libvirt: Libvirt): Promise<Error> {
    const ended = Promise.withResolvers<Error>()
    libvirt.once('close', ended.resolve)
    if (libvirt.closed) return libvirt.closed
    if (this.#stop.signal.aborted) {
      await libvirt.close()
      return await ended.promise
    }
    this.#current = libvirt
    this.#down = null
    runListeners(() => this.emit('up', libvirt))
    const why = await ended.promise
    this.#current = null
    return why
  }

  /** Tells of the first failure only: further attempts that fail are no news. */
  #fell(why: Error): void {
    const news = this.#down === null
    this.#down = why
    if (news && !this.#stop.signal.aborted) runListeners(() => this.emit('down', why))
  }
}
