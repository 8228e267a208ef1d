/**
 * Plug-ins of the web UI as this controller has them: read at its start, again whenever their folder changes, and when an operator
 * says so. What is handed out is what was read. Not its job: reading (plugin-folder.ts), serving files (http/plugin-files.ts).
 */
import { type FSWatcher, watch } from 'node:fs'
import type { Logger } from 'pino'
import type { Plugin, Plugins } from '../../api/plugin.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { channels, type Database } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type Caller, mayOnSystem } from './caller.ts'
import { change } from './change.ts'
import { type PluginFile, type ReadPlugin, readPlugins } from './plugin-folder.ts'

export interface PluginParts {
  /** Null: there are none. */
  folder: string | null
  database: Database
  clock: Clock
  log: Logger
}

/** Many files are copied at once: so long after the first change they are read. */
const settle_ms = 300

/** An event names a thing by its id; of plug-ins all are meant. */
const nil = '00000000-0000-0000-0000-000000000000'

const addressOf = ({ id, digest }: ReadPlugin) => `/plugins/${id}/${digest}/`

export class PluginShelf {
  readonly folder: string | null
  /** Why the folder itself could not be read, if so. */
  problem: string | null = null
  private readonly parts: PluginParts
  private plugins = new Map<string, ReadPlugin>()
  private read_at_ms = 0
  private watched = new Map<string, FSWatcher>()
  private timer: Timer | undefined
  private reading: Promise<void> = Promise.resolve()
  private stop_listening: (() => void) | undefined
  private closed = false

  constructor(parts: PluginParts) {
    this.parts = parts
    this.folder = parts.folder
  }

  async start(): Promise<void> {
    if (this.folder === null) return
    await this.read()
    this.stop_listening = this.parts.database.listen(channels.plugin, () => this.readSoon())
  }

  close(): void {
    this.closed = true
    this.stop_listening?.()
    this.timer?.cancel()
    for (const watcher of this.watched.values()) watcher.close()
    this.watched.clear()
  }

  /** After what is under way, so that what changed before this call is seen. Tells who listens when something is different. */
  read(): Promise<void> {
    this.reading = this.reading.then(() => this.readNow())
    return this.reading
  }

  list(): Plugin[] {
    return [...this.plugins.values()].map(one => this.toPlugin(one))
  }

  get(id: string): Plugin | undefined {
    const found = this.plugins.get(id)
    return found && this.toPlugin(found)
  }

  /** Of a plug-in that is not refused, in the version that the digest names. */
  file(id: string, digest: string, name: string): PluginFile | undefined {
    const found = this.plugins.get(id)
    return found?.problem === null && found.digest === digest ? found.files.get(name) : undefined
  }

  private async readNow(): Promise<void> {
    if (this.folder === null || this.closed) return
    const before = this.fingerprint()
    const seen = new Set<string>()
    const visit = (folder: string) => {
      seen.add(folder)
      this.follow(folder)
    }
    try {
      const read = await readPlugins(this.folder, visit)
      this.plugins = new Map(read.map(one => [one.id, one]))
      this.problem = null
    } catch (error) {
      this.plugins = new Map()
      this.problem = String(error)
      this.parts.log.warn({ err: error, folder: this.folder }, 'the folder of plug-ins cannot be read')
    }
    this.read_at_ms = this.parts.clock.now_ms()
    for (const folder of this.watched.keys()) if (!seen.has(folder)) this.leave(folder)
    if (this.fingerprint() !== before) await this.tell()
  }

  private fingerprint(): string {
    const states = [...this.plugins.values()].map(({ id, digest, problem }) => [id, digest, problem])
    return JSON.stringify([this.problem, states])
  }

  private async tell(): Promise<void> {
    const { log, database } = this.parts
    for (const { id, problem } of this.plugins.values())
      if (problem !== null) log.warn({ plugin: id, problem }, 'a plug-in of the web UI is refused')
    try {
      await database.transaction(tx =>
        event.record(tx, [{ noun: 'plugin', kind: 'changed', resource_id: nil, project_id: null }]),
      )
    } catch (error) {
      // Pages that are open show the old ones until they are loaded again.
      log.warn({ err: error }, 'that plug-ins changed could not be told')
    }
  }

  private readSoon(): void {
    this.timer ??= this.parts.clock.after(settle_ms, () => {
      this.timer = undefined
      void this.read()
    })
  }

  /**
   * Anew with each reading: a watch is of the folder that was there, and another may have been put in its place. Where the kernel has
   * no more watches, or the disk knows none, it takes `croft plugin reload`.
   */
  private follow(folder: string): void {
    if (this.closed) return
    const before = this.watched.get(folder)
    try {
      const watcher = watch(folder, { persistent: false }, () => this.readSoon())
      watcher.on('error', error => {
        this.parts.log.warn({ err: error, folder }, 'a folder of plug-ins is not watched any more')
        if (this.watched.get(folder) === watcher) this.leave(folder)
      })
      this.watched.set(folder, watcher)
      before?.close()
    } catch (error) {
      this.leave(folder)
      this.parts.log.warn(
        { err: error, folder },
        'a folder of plug-ins cannot be watched: croft plugin reload reads it',
      )
    }
  }

  private leave(folder: string): void {
    this.watched.get(folder)?.close()
    this.watched.delete(folder)
  }

  private toPlugin(read: ReadPlugin): Plugin {
    const { id, manifest, problem, files, bytes } = read
    const ready = problem === null
    return {
      id,
      state: ready ? 'ready' : 'refused',
      problem,
      version: manifest?.version ?? null,
      title: manifest?.title ?? { en: id },
      description: manifest?.description ?? null,
      tabs: manifest?.tabs ?? [],
      pages: manifest?.pages ?? [],
      routes: manifest?.routes ?? [],
      events: manifest?.events ?? [],
      settings: manifest?.settings ?? {},
      address: ready ? addressOf(read) : null,
      files: files.size,
      bytes,
      read_at: new Date(this.read_at_ms).toISOString(),
    }
  }
}

/** Refused ones are an operator's matter; where the folder is, too. */
function shownTo(caller: Caller): { refused: boolean } {
  return { refused: mayOnSystem(caller, 'setting.read') }
}

export function listPlugins({ plugins }: Cloud, caller: Caller): Plugins {
  const { refused } = shownTo(caller)
  if (refused && plugins.problem !== null) throw folderUnreadable(plugins.folder, plugins.problem)
  const items = plugins.list().filter(one => refused || one.state === 'ready')
  return { items, next: null, folder: refused ? plugins.folder : null }
}

export function getPlugin({ plugins }: Cloud, caller: Caller, id: string): Plugin {
  const found = plugins.get(id)
  if (!found || (found.state === 'refused' && !shownTo(caller).refused)) throw notFound('plug-in', id)
  return found
}

/** Here at once, on other controllers as soon as they hear of it. */
export function reloadPlugins(cloud: Cloud, caller: Caller): Promise<Plugins> {
  // Not within the change: it may tell of what it finds, and a second transaction would wait for the first.
  return cloud.plugins.read().then(() =>
    change(cloud, caller, async tx => {
      await event.notify(tx, channels.plugin, '')
      return listPlugins(cloud, caller)
    }),
  )
}

function folderUnreadable(folder: string | null, problem: string): CloudError {
  return new CloudError(
    'unavailable',
    `The folder of plug-ins, ${folder}, cannot be read: ${problem}. Make it readable for the controller, or name another: plugin_dir.`,
  )
}
