/**
 * The operator's own filters and weights: modules that a setting names, in a folder that the operator owns. Each runs in a thread of
 * its own, which is asked about all hosts at once and given so much time (docs/design/0010). One that hangs or throws is ended, told
 * of by an event, and left alone for a while, or until its file is another one; the setting says whether placing goes on without it.
 * Not its job: to decide.
 */
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.ts'
import { CloudError } from '../../model/errors.ts'
import type { Filter } from '../scheduler/filter.ts'
import type { ModuleAnswer, ModuleQuestion } from '../scheduler/module-worker.ts'
import type { PlaceOptions } from '../scheduler/place.ts'
import type { HostSnapshot, PlacementAsked } from '../scheduler/snapshot.ts'
import type { Weight } from '../scheduler/weight.ts'
import type { Database } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Settings } from './settings-in-force.ts'

export interface ModuleParts {
  /** Null: there are none. */
  folder: string | null
  settings: Settings
  database: Database
  clock: Clock
  log: Logger
}

/** A module is read, and its first copy of the hosts taken, in this time. */
const start_ms_max = 5000
const rest_first_ms = 1000
const rest_max_ms = 60_000
const memory_mib_max = 256
/** Of what a module prints, in one go. */
const printed_max = 1000
/** An event names a thing by its id; a module has a name, which the detail has. */
const nil = '00000000-0000-0000-0000-000000000000'

export class SchedulerModules {
  private readonly parts: ModuleParts
  private readonly running = new Map<string, OwnModule>()

  constructor(parts: ModuleParts) {
    this.parts = parts
  }

  /**
   * What the modules say of these hosts, as filters and weights; null when there are none. Throws unavailable when one fails and
   * the setting wants that refused.
   */
  async ask(
    hosts: readonly HostSnapshot[],
    asked: PlacementAsked,
    count: number,
  ): Promise<Pick<PlaceOptions, 'filters' | 'weights'> | null> {
    const { settings } = this.parts
    const names = settings.get('scheduler.modules')
    this.endOthers(names)
    if (names.length === 0) return null
    const filters: Record<string, Filter> = {}
    const weights: Record<string, Weight> = {}
    for (const name of names) {
      const own = this.running.get(name) ?? this.make(name)
      this.running.set(name, own)
      try {
        if (this.parts.folder === null) throw new Error('this controller has no folder of modules')
        const said = await own.ask(hosts, asked, count, settings.get('scheduler.module_timeout_ms'))
        Object.assign(filters, asFilter(name, said))
        Object.assign(weights, asWeight(name, said))
      } catch (error) {
        this.failed(name, own, error)
      }
    }
    return { filters, weights }
  }

  private make(name: string): OwnModule {
    const { folder, clock, log } = this.parts
    const printed = (text: string) => log.info({ module: name }, text.trimEnd().slice(0, printed_max))
    return new OwnModule(join(folder ?? '', basename(name)), clock, printed)
  }

  private failed(name: string, own: OwnModule, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    if (!(error instanceof Resting)) {
      own.rest()
      this.parts.log.error({ err: error, module: name }, "a scheduler's module failed")
      // Not awaited: who places holds a connection, and must not wait for a second one.
      this.tell(name, why).catch((failure: unknown) =>
        this.parts.log.error({ err: failure }, 'it could not be told of'),
      )
    }
    if (this.parts.settings.get('scheduler.module_failure') === 'skip') return
    throw new CloudError(
      'unavailable',
      `The scheduler's module ${name} fails, and nothing is placed without it. An operator mends it (croft event list --noun scheduler-module says what is wrong), takes it out of the setting scheduler.modules, or sets scheduler.module_failure to skip.`,
      { module: name },
    )
  }

  private async tell(name: string, failure: string): Promise<void> {
    await event.record(this.parts.database.db, [
      {
        noun: 'scheduler-module',
        kind: 'failed',
        resource_id: nil,
        project_id: null,
        detail: { name, failure: failure.slice(0, 500) },
      },
    ])
  }

  private endOthers(names: readonly string[]): void {
    for (const [name, own] of this.running) {
      if (names.includes(name)) continue
      own.close()
      this.running.delete(name)
    }
  }

  close(): void {
    this.endOthers([])
  }
}

function asFilter(name: string, { refused }: ModuleAnswer): Record<string, Filter> {
  if (refused.length === 0) return {}
  const why = new Map(refused)
  const filter: Filter = {
    fault: `refused by the module ${name}`,
    refuses: host => why.has(host.id),
    why: host => why.get(host.id) ?? '',
  }
  return { [`module:${name}`]: filter }
}

function asWeight(name: string, { weights, factor }: ModuleAnswer): Record<string, Weight> {
  if (weights.length === 0) return {}
  const known = new Map(weights)
  return { [`module:${name}`]: { factor, weigh: host => known.get(host.id) ?? 0 } }
}

/** It failed lately, and is left alone. */
class Resting extends Error {}

/** One module in its thread. */
class OwnModule {
  private readonly file: string
  private readonly clock: Clock
  private readonly printed: (text: string) => void
  private worker: Worker | undefined
  /** When the file that was read last had been written; null: there was none. */
  private written_ms: number | null = null
  /** What its thread knows of hosts. */
  private known = new Map<string, HostSnapshot>()
  /** It answers one after the other. */
  private turn: Promise<unknown> = Promise.resolve()
  private rests_until_ms = 0
  private rest_ms = rest_first_ms
  private failure = ''

  constructor(file: string, clock: Clock, printed: (text: string) => void) {
    this.file = file
    this.clock = clock
    this.printed = printed
  }

  ask(hosts: readonly HostSnapshot[], asked: PlacementAsked, count: number, most_ms: number): Promise<ModuleAnswer> {
    const mine = this.turn.then(() => this.askNow(hosts, asked, count, most_ms))
    this.turn = mine.catch(() => undefined)
    return mine
  }

  private async askNow(
    hosts: readonly HostSnapshot[],
    { around: _, ...asked }: PlacementAsked,
    count: number,
    most_ms: number,
  ): Promise<ModuleAnswer> {
    await this.lookAtFile()
    if (this.clock.steady_ms() < this.rests_until_ms) throw new Resting(this.failure)
    try {
      if (!this.worker) {
        const begun = this.start()
        this.worker = begun
        await answerOf(this.clock, begun, { ...this.news(hosts), asked: null, count }, start_ms_max)
      }
      const answer = await answerOf(this.clock, this.worker, { ...this.news(hosts), asked, count }, most_ms)
      if (!answer) throw new Error('it gave no answer')
      this.rest_ms = rest_first_ms
      return answer
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error)
      this.close()
      throw error
    }
  }

  /** One that was written anew is read anew, and tried at once whatever became of the one before. */
  private async lookAtFile(): Promise<void> {
    const written_ms = await stat(this.file).then(
      found => found.mtimeMs,
      () => null,
    )
    if (written_ms === this.written_ms) return
    this.written_ms = written_ms
    this.rests_until_ms = 0
    this.rest_ms = rest_first_ms
    this.close()
  }

  private start(): Worker {
    this.known = new Map()
    const worker = new Worker(new URL('../scheduler/module-worker.ts', import.meta.url), {
      workerData: { address: pathToFileURL(this.file).href },
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memory_mib_max },
      stdout: true,
      stderr: true,
    })
    worker.unref()
    for (const stream of [worker.stdout, worker.stderr]) stream.setEncoding('utf8').on('data', this.printed)
    // One that fails between two questions says so with the next.
    worker.on('error', () => undefined)
    return worker
  }

  /** What its thread does not know yet. */
  private news(hosts: readonly HostSnapshot[]): Pick<ModuleQuestion, 'changed' | 'gone'> {
    const changed = hosts.filter(host => this.known.get(host.id) !== host)
    for (const host of changed) this.known.set(host.id, host)
    if (this.known.size === hosts.length) return { changed, gone: [] }
    const there = new Set(hosts.map(host => host.id))
    const gone = [...this.known.keys()].filter(id => !there.has(id))
    for (const id of gone) this.known.delete(id)
    return { changed, gone }
  }

  /** It is left alone for a while, longer each time it fails anew. */
  rest(): void {
    this.rests_until_ms = this.clock.steady_ms() + this.rest_ms
    this.rest_ms = Math.min(rest_max_ms, 2 * this.rest_ms)
  }

  close(): void {
    void this.worker?.terminate()
    this.worker = undefined
  }
}

/** Rejects when it fails, ends, or takes longer. */
function answerOf(
  clock: Clock,
  worker: Worker,
  question: ModuleQuestion,
  most_ms: number,
): Promise<ModuleAnswer | null> {
  return new Promise((resolve, reject) => {
    const late = () => end(() => reject(new Error(`it took longer than ${most_ms} ms`)))
    const timer = clock.after(most_ms, late)
    const answered = (answer: ModuleAnswer | null) => end(() => resolve(answer))
    const failed = (error: Error) => end(() => reject(error))
    const ended = () => end(() => reject(new Error('it ended')))
    const end = (then: () => void) => {
      timer.cancel()
      worker.off('message', answered).off('error', failed).off('exit', ended)
      then()
    }
    worker.on('message', answered).on('error', failed).on('exit', ended)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, and no window
    worker.postMessage(question)
  })
}
