/**
 * Keeps OVN's northbound database as Croft wants it: after every wake-up, after every change of Croft's rows by somebody
 * else, and after reconnection. One pass at a time; wake-ups during a pass are one more pass. Of several controllers the
 * one that holds the lock writes.
 * Not its job: what is wanted (loadTopology's), the rows (plan.ts), whether hosts have them (sync.ts).
 */
import { EventEmitter } from 'node:events'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Change, Database } from '../../lib/ovsdb/index.ts'
import { type Applied, apply } from './apply.ts'
import { diff } from './diff.ts'
import { type Plan, type PlanOptions, plan } from './plan.ts'
import type { Northbound } from './schema.ts'
import type { Topology } from './topology.ts'

/** Rest after a pass in proportion to what it took: 2 leaves two thirds of the time to everything else. */
const rest_ratio = 2
const rest_max_ms = 5000

export interface ReconcilerLog {
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
}

export interface ReconcilerOptions {
  readonly nb: Database<Northbound>
  /** What is wanted now. Called once a pass. */
  readonly loadTopology: () => Promise<Topology>
  readonly logger: ReconcilerLog
  readonly clock: Clock
  readonly plan?: PlanOptions
  /** Default 'croft'. */
  readonly lock_name?: string
  readonly batch_steps?: number
  /** After a pass that failed, doubled each time; a wake-up does not wait for it. Default 500 to 30,000. */
  readonly retry_min_ms?: number
  readonly retry_max_ms?: number
}

export interface Pass extends Applied {
  readonly duration_ms: number
  /** What the plan had to leave out. */
  readonly problems: readonly string[]
}

export interface ReconcilerEvents {
  applied: [pass: Pass]
  failed: [reason: Error]
  /** This controller became, or is no longer, the one that writes. */
  active: [active: boolean]
}

interface Waiter {
  readonly wake: number
  readonly resolve: (pass: Pass) => void
  readonly reject: (reason: Error) => void
}

export class OvnReconciler extends EventEmitter<ReconcilerEvents> {
  readonly #options: ReconcilerOptions
  readonly #lock: string
  /** Counts wake-ups; a pass answers those up to the number when it began. */
  #wakes = 1
  #done = 0
  #drifted = false
  /** Woken since the last pass began: then it does not wait for the retry. */
  #asked = true
  #plan: Plan | undefined
  #reported = ''
  #running: Promise<void> | undefined
  #closed = false
  #retry: Timer | undefined
  /** Until it ends no pass begins: a large network must not take the controller's whole time. */
  #rest: Timer | undefined
  #retry_ms: number
  #waiters: Waiter[] = []
  readonly #onChange = (changes: readonly Change[]) => {
    if (changes.every(change => change.table === 'NB_Global')) return
    this.#drifted = true
    this.#run()
  }
  readonly #onConnected = () => this.wake()
  readonly #onLock = (name: string, held: boolean) => {
    if (name !== this.#lock) return
    this.emit('active', held)
    if (held) this.wake()
  }

  /** Starts at once, as soon as it is connected and holds the lock. */
  constructor(options: ReconcilerOptions) {
    super()
    this.#options = options
    this.#lock = options.lock_name ?? 'croft'
    this.#retry_ms = options.retry_min_ms ?? 500
    options.nb.on('change', this.#onChange)
    options.nb.on('connected', this.#onConnected)
    options.nb.on('lock', this.#onLock)
    options.nb.lock(this.#lock)
    this.#run()
  }

  /** Whether this controller is the one that writes. */
  get active(): boolean {
    return this.#options.nb.holds(this.#lock)
  }

  /** Something wanted has changed. */
  wake(): void {
    this.#wakes++
    this.#asked = true
    this.#run()
  }

  /**
   * Wakes, and resolves when a pass begun after this call has been applied; its `failures` name what was refused, which is
   * tried again later. A pass that fails as a whole is tried again before. Rejects when the reconciler is closed. Resolves only on the controller that holds the lock.
   */
  applied(): Promise<Pass> {
    if (this.#closed) return Promise.reject(new Error('the network reconciler was closed'))
    const { promise, resolve, reject } = Promise.withResolvers<Pass>()
    this.wake()
    this.#waiters.push({ wake: this.#wakes, resolve, reject })
    return promise
  }

  /** Ends after the pass under way, and gives the lock to whoever waits. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#retry?.cancel()
    this.#rest?.cancel()
    const { nb } = this.#options
    nb.off('change', this.#onChange)
    nb.off('connected', this.#onConnected)
    await this.#running
    nb.unlock(this.#lock)
    nb.off('lock', this.#onLock)
    for (const { reject } of this.#waiters.splice(0)) reject(new Error('the network reconciler was closed'))
  }

  #run(): void {
    if (this.#running || this.#rest || this.#closed) return
    this.#running = this.#passes().finally(() => {
      this.#running = undefined
      // A wake-up between the last look and here.
      if (this.#pending() && (this.#asked || !this.#retry)) this.#run()
    })
  }

  #pending(): boolean {
    return !this.#closed && this.active && this.#options.nb.connected && (this.#done < this.#wakes || this.#drifted)
  }

  async #passes(): Promise<void> {
    // Wake-ups of one turn of the event loop become one pass.
    await Promise.resolve()
    this.#retry?.cancel()
    this.#retry = undefined
    if (!this.#pending()) return
    const { clock, retry_min_ms = 500 } = this.#options
    const started_ms = clock.steady_ms()
    try {
      await this.#pass()
      this.#retry_ms = retry_min_ms
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)))
    }
    this.#takeRest(Math.min(rest_ratio * (clock.steady_ms() - started_ms), rest_max_ms))
  }

  #takeRest(rest_ms: number): void {
    if (rest_ms < 1 || this.#closed) return
    this.#rest = this.#options.clock.after(rest_ms, () => {
      this.#rest = undefined
      if (this.#asked || !this.#retry) this.#run()
    })
  }

  async #pass(): Promise<void> {
    const { nb, clock, loadTopology, batch_steps } = this.#options
    const started_ms = clock.steady_ms()
    const wake = this.#wakes
    this.#drifted = false
    this.#asked = false
    // Without a wake-up what is wanted is as it was: only the rows have to be compared again.
    if (this.#done < wake || !this.#plan) this.#plan = plan(await loadTopology(), this.#options.plan)
    const steps = diff(this.#plan.rows, nb.replica)
    const applied = await apply(nb, steps, { lock: this.#lock, ...(batch_steps === undefined ? {} : { batch_steps }) })
    const pass: Pass = { ...applied, duration_ms: clock.steady_ms() - started_ms, problems: this.#plan.problems }
    this.#report(pass)
    this.#done = wake
    this.emit('applied', pass)
    const ready = this.#waiters.filter(waiter => waiter.wake <= wake)
    this.#waiters = this.#waiters.filter(waiter => waiter.wake > wake)
    for (const waiter of ready) waiter.resolve(pass)
    if (pass.failures.length > 0)
      throw new Error(
        `${pass.failures.length} changes of the logical network were refused: ${pass.failures.slice(0, 3).join('; ')}`,
      )
  }

  #report(pass: Pass): void {
    const { logger } = this.#options
    if (pass.operations > 0)
      logger.info(
        { operations: pass.operations, duration_ms: pass.duration_ms },
        'The logical network was brought up to date',
      )
    const problems = pass.problems.join('\n')
    if (problems !== '' && problems !== this.#reported)
      logger.warn(
        { problems: pass.problems.slice(0, 20), count: pass.problems.length },
        'Parts of the logical network do not hold together and were left out',
      )
    this.#reported = problems
  }

  #failed(reason: Error): void {
    const { clock, logger, retry_max_ms = 30_000 } = this.#options
    this.emit('failed', reason)
    if (this.#closed) return
    logger.error({ err: reason, retry_ms: this.#retry_ms }, 'The logical network could not be brought up to date')
    this.#drifted = true
    this.#retry = clock.after(this.#retry_ms, () => {
      this.#retry = undefined
      this.#run()
    })
    this.#retry_ms = Math.min(this.#retry_ms * 2, retry_max_ms)
  }
}
