/**
 * The operator's own filters and weights: modules that a setting names, in a folder that the operator owns. Each runs in a thread of
 * its own, which is asked about all hosts at once and given so much time (docs/design/0010). One that hangs or throws is ended, told
 * of by an event, and left alone for a while, or until its file is another one; the setting says whether placing goes on without it.
 * Not its job: to decide.
 */
import { basename, join } from 'node:path'
import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.ts'
import { CloudError } from '../../model/errors.ts'
import type { Filter } from '../scheduler/filter.ts'
import type { ModuleAnswer } from '../scheduler/module-worker.ts'
import type { PlaceOptions } from '../scheduler/place.ts'
import type { HostSnapshot, PlacementAsked } from '../scheduler/snapshot.ts'
import type { Weight } from '../scheduler/weight.ts'
import type { Database } from '../store/database.ts'
import { event } from '../store/event.ts'
import { Late, Missing, OwnModule } from './scheduler-module.ts'
import type { Settings } from './settings-in-force.ts'

export interface ModuleParts {
  /** Of this controller: what it lacks, another may have. */
  controller: string
  /** Null: there are none. */
  folder: string | null
  settings: Settings
  database: Database
  clock: Clock
  log: Logger
}

/** Of what a module prints, in one go. */
const printed_max = 1000
const tell_again_ms = 60_000
/** An event names a thing by its id; a module has a name, which the detail has. */
const nil = '00000000-0000-0000-0000-000000000000'

/** It could not even be asked. */
class Unanswered extends Error {}

export class SchedulerModules {
  private readonly parts: ModuleParts
  private readonly running = new Map<string, OwnModule>()
  /** Of each module, when it was last told that it did not answer; by the steady clock. */
  private readonly told_ms = new Map<string, number>()

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
        if (this.parts.folder === null) throw new Unanswered('this controller has no folder of modules')
        const said = await own.ask(hosts, asked, count, settings.get('scheduler.module_timeout_ms'))
        Object.assign(filters, asFilter(name, said))
        Object.assign(weights, asWeight(name, said))
      } catch (error) {
        if (error instanceof Late || error instanceof Unanswered) this.unanswered(name, error)
        if (settings.get('scheduler.module_failure') === 'refuse') throw failing(name)
      }
    }
    return { filters, weights }
  }

  /** Throws invalid for a module that is to be set and that this controller has not, or cannot load. What is set already may stay. */
  async mustLoad(names: readonly string[]): Promise<void> {
    const { controller, folder, settings } = this.parts
    const here = settings.get('scheduler.modules')
    for (const name of names.filter(one => !here.includes(one))) {
      if (folder === null) throw unfit(name, `the controller ${controller} has no folder of modules. Give it one.`)
      await this.make(name)
        .load()
        .catch((error: unknown) => {
          const is_missing = error instanceof Missing
          const why = error instanceof Error ? error.message : String(error)
          const what = is_missing ? `has no such file in ${folder}` : `cannot load it from ${folder}: ${why}`
          const help = is_missing ? 'Put it there' : 'Mend it there'
          throw unfit(
            name,
            `the controller ${controller} ${what}. ${help}, and into the same folder of every other controller: each uses its own file, and only the one that is asked looks for it now.`,
          )
        })
    }
  }

  private make(name: string): OwnModule {
    const { folder, clock, log } = this.parts
    return new OwnModule({
      file: join(folder ?? '', basename(name)),
      clock,
      printed: text => log.info({ module: name }, text.trimEnd().slice(0, printed_max)),
      failed: error => {
        log.error({ err: error, module: name }, "a scheduler's module failed")
        this.tell(name, error)
      },
    })
  }

  /** By no fault of its thread, which goes on, and nobody rests: so this may be of each placement, and is told of now and then. */
  private unanswered(name: string, error: Error): void {
    const { clock, log } = this.parts
    const now_ms = clock.steady_ms()
    if (now_ms - (this.told_ms.get(name) ?? Number.NEGATIVE_INFINITY) < tell_again_ms) return
    this.told_ms.set(name, now_ms)
    log.warn({ err: error, module: name }, "a scheduler's module did not answer")
    this.tell(name, error)
  }

  /** Not awaited: who places holds a connection, and must not wait for a second one. */
  private tell(name: string, error: unknown): void {
    const { database, log } = this.parts
    const failure = (error instanceof Error ? error.message : String(error)).slice(0, 500)
    const about = { noun: 'scheduler-module', kind: 'failed', resource_id: nil, project_id: null }
    event
      .record(database.db, [{ ...about, detail: { name, failure } }])
      .catch((problem: unknown) => log.error({ err: problem }, 'it could not be told of'))
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

const failing = (name: string) =>
  new CloudError(
    'unavailable',
    `The scheduler's module ${name} fails, and nothing is placed without it. An operator mends it (croft event list --noun scheduler-module says what is wrong), takes it out of the setting scheduler.modules, or sets scheduler.module_failure to skip.`,
    { module: name },
  )

const unfit = (name: string, why: string) =>
  new CloudError('invalid', `The setting scheduler.modules is to name ${name}, but ${why}`, {
    name: 'scheduler.modules',
    module: name,
  })

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
