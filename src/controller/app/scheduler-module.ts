/** One of the operator's own modules of the scheduler, in its thread. Which ones there are, and what comes of one that fails: scheduler-modules.ts. */
import { stat } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { ModuleAnswer, ModuleQuestion } from '../scheduler/module-worker.ts'
import type { HostSnapshot, PlacementAsked } from '../scheduler/snapshot.ts'

/** A module is read, and its first copy of the hosts taken, in this time. */
const start_ms_max = 5000
const rest_first_ms = 1000
const rest_max_ms = 60_000
const memory_mib_max = 256

/** It failed lately, and is left alone. */
export class Resting extends Error {}

/** It did not get to this one in time, for what others had asked it before. That is no fault of its, and it goes on. */
export class Late extends Error {}

/** Its file is not there. */
export class Missing extends Error {}

export interface OwnModuleParts {
  file: string
  clock: Clock
  printed(text: string): void
  /** It has failed, whoever still waits for its answer. */
  failed(error: unknown): void
}

/** One module in its thread. */
export class OwnModule {
  private readonly parts: OwnModuleParts
  private worker: Worker | undefined
  /** When the file that was read last had been written; null: there was none. */
  private written_ms: number | null = null
  /** What its thread knows of hosts. */
  private known = new Map<string, HostSnapshot>()
  /** It answers one after the other. As many wait as there are transactions at a time: each has a connection to the database. */
  private turn: Promise<unknown> = Promise.resolve()
  /** How many it has not answered; also those that nobody waits for any more. */
  private asking = 0
  /** While it is being read; and when it had been read last, by the steady clock. */
  private reading: Promise<unknown> | undefined
  private read_ms = Number.NEGATIVE_INFINITY
  private rests_until_ms = 0
  private rest_ms = rest_first_ms
  private failure = ''

  constructor(parts: OwnModuleParts) {
    this.parts = parts
  }

  /**
   * What it says, `most_ms` from now at the latest, but for the time in which it is read. Throws Late when others keep it busy for as long, Resting
   * when it failed lately, and why it fails.
   */
  async ask(
    hosts: readonly HostSnapshot[],
    asked: PlacementAsked,
    count: number,
    most_ms: number,
  ): Promise<ModuleAnswer> {
    const isFirst = this.asking === 0
    this.asking += 1
    const patience = new AbortController()
    const mine = this.turn.then(async () => {
      // It is not asked what nobody wants to know any more.
      patience.signal.throwIfAborted()
      return await this.askNow(hosts, asked, count, most_ms)
    })
    this.turn = mine.catch(() => undefined).finally(() => (this.asking -= 1))
    // Of its own time only it knows how much is left.
    return isFirst ? await mine : await this.inTime(mine, most_ms, patience)
  }

  /** Rejects, and tells by `patience`, when that takes longer. */
  private inTime<T>(work: Promise<T>, most_ms: number, patience: AbortController): Promise<T> {
    const { clock } = this.parts
    const asked_ms = clock.steady_ms()
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined
      const look = () => {
        if (this.reading) return void this.reading.then(look)
        const left_ms = Math.max(asked_ms, this.read_ms) + most_ms - clock.steady_ms()
        if (left_ms > 0) return void (timer = clock.after(left_ms, look))
        const late = new Late(`others had asked it before, and no answer came within ${most_ms} ms`)
        patience.abort(late)
        reject(late)
      }
      look()
      void work.then(resolve, reject).finally(() => timer?.cancel())
    })
  }

  private async askNow(
    hosts: readonly HostSnapshot[],
    { around: _, ...asked }: PlacementAsked,
    count: number,
    most_ms: number,
  ): Promise<ModuleAnswer> {
    await this.lookAtFile()
    const { clock } = this.parts
    if (clock.steady_ms() < this.rests_until_ms) throw new Resting(this.failure)
    try {
      const worker = this.worker ?? (await this.begin(hosts, count))
      const answer = await answerOf(clock, worker, { ...this.news(hosts), asked, count }, most_ms)
      if (!answer) throw new Error('it gave no answer')
      this.rest_ms = rest_first_ms
      return answer
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error)
      this.close()
      this.rest()
      this.parts.failed(error)
      throw error
    }
  }

  /** Reads it, and gives it its first copy of the hosts. */
  private async begin(hosts: readonly HostSnapshot[], count: number): Promise<Worker> {
    const { clock } = this.parts
    const begun = this.start()
    this.worker = begun
    const read = answerOf(clock, begun, { ...this.news(hosts), asked: null, count }, start_ms_max)
    this.reading = read
      .catch(() => undefined)
      .then(() => {
        this.reading = undefined
        this.read_ms = clock.steady_ms()
      })
    await read
    await this.reading
    return begun
  }

  /** Throws for what reason it cannot be used: it is not there, cannot be read, or is no module of the scheduler. */
  async load(): Promise<void> {
    const found = await stat(this.parts.file).catch(() => null)
    if (!found) throw new Missing('it is not there')
    const begun = this.start()
    try {
      await answerOf(this.parts.clock, begun, { changed: [], gone: [], asked: null, count: 1 }, start_ms_max)
    } finally {
      void begun.terminate()
    }
  }

  /** One that was written anew is read anew, and tried at once whatever became of the one before. */
  private async lookAtFile(): Promise<void> {
    const written_ms = await stat(this.parts.file).then(
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
      workerData: { address: pathToFileURL(this.parts.file).href },
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memory_mib_max },
      stdout: true,
      stderr: true,
    })
    worker.unref()
    for (const stream of [worker.stdout, worker.stderr]) stream.setEncoding('utf8').on('data', this.parts.printed)
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
  private rest(): void {
    this.rests_until_ms = this.parts.clock.steady_ms() + this.rest_ms
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
