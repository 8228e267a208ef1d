/** The values of settings that are in force: read at the start and with every change, whoever makes it. Which settings there are: setting-values.ts. */
import { type SettingPlaceKind, settingPlaces } from '../../model/setting.ts'
import type { WeightName } from '../scheduler/weights/index.ts'
import type { Database, Db } from '../store/database.ts'
import { setting as stored } from '../store/setting.ts'
import { type SettingName, settingTable, type SettingValue } from './setting-values.ts'

/** Where a setting is to hold; of a host, its cluster and zone are known by `learn`. */
export interface HeldAt {
  project_id?: string | null
  host_id?: string
  cluster_id?: string
  zone_id?: string
}

const keyOf = (name: string, id: string) => `${name} ${id}`

/** The values in force, re-read when they change. */
export class Settings {
  private values = new Map<string, unknown>()
  /** Of parts of the cloud, by setting and the part's id. */
  private scoped = new Map<string, unknown>()
  /** Of hosts that were asked about, once something is set for clusters or zones. */
  private readonly hosts = new Map<string, { cluster_id: string; zone_id: string }>()
  private has_topology = false
  private readonly database: Pick<Database, 'db' | 'listen'>
  private stop: (() => void) | undefined
  /** One after the other: an answer that comes late must not stand over a newer one until the next change. */
  private turn: Promise<void> = Promise.resolve()
  /** How many have begun. */
  private reads = 0
  /** Called when values may have changed and are read. */
  changed: (() => void) | undefined

  constructor(database: Pick<Database, 'db' | 'listen'>) {
    this.database = database
  }

  async start(onError: (error: unknown) => void): Promise<void> {
    await this.read(this.database.db)
    this.stop = this.database.listen('croft_setting', () => {
      this.read(this.database.db).then(() => this.changed?.(), onError)
    })
  }

  close(): void {
    this.stop?.()
  }

  /** For the whole cloud. */
  get<N extends SettingName>(name: N): SettingValue<N> {
    return (this.values.has(name) ? this.values.get(name) : settingTable[name].fallback) as SettingValue<N>
  }

  /** There: the most specific of the values that it was given, and what holds for the cloud without any. */
  at<N extends SettingName>(name: N, place: HeldAt): SettingValue<N> {
    if (this.scoped.size === 0) return this.get(name)
    const host = place.host_id === undefined ? undefined : this.hosts.get(place.host_id)
    const ids = { ...host, ...place }
    const scopes: readonly SettingPlaceKind[] = settingTable[name].scopes
    for (const scope of settingPlaces) {
      const id = scopes.includes(scope) && ids[`${scope}_id`]
      if (id && this.scoped.has(keyOf(name, id))) return this.scoped.get(keyOf(name, id)) as SettingValue<N>
    }
    return this.get(name)
  }

  /** Before `at` is asked about these hosts: where they are. A query only where it matters, and once for each. */
  async learn(db: Db, host_ids: readonly string[]): Promise<void> {
    if (!this.has_topology) return
    for (;;) {
      const { reads } = this
      const unknown = host_ids.filter(id => !this.hosts.has(id))
      if (unknown.length === 0) return
      const places = await stored.hostPlaces(db, unknown)
      // What is read anew meanwhile is because of a change, perhaps of these very hosts, whom that reading does not know.
      if (reads !== this.reads) continue
      for (const { host_id, ...at } of places) this.hosts.set(host_id, at)
      return
    }
  }

  /** Sees what was committed before it was called. */
  read(db: Db): Promise<void> {
    const next = () => this.readNow(db)
    return (this.turn = this.turn.then(next, next))
  }

  private async readNow(db: Db): Promise<void> {
    this.reads += 1
    const [rows, scoped] = [await stored.list(db), await stored.scoped(db)]
    // A host may have gone elsewhere.
    const places = await stored.hostPlaces(db, [...this.hosts.keys()])
    this.values = new Map(rows.map(row => [row.name, row.value]))
    this.scoped = new Map(scoped.map(row => [keyOf(row.name, row.scope_id), row.value]))
    this.has_topology = scoped.some(row => row.scope === 'cluster' || row.scope === 'zone')
    for (const { host_id, ...at } of places) this.hosts.set(host_id, at)
  }
}

/** A setting for each weight of the scheduler; the type says when one is missing. */
const factorSettings = {
  free_memory: 'scheduler.weight.free_memory',
  free_vcpus: 'scheduler.weight.free_vcpus',
  free_disk: 'scheduler.weight.free_disk',
  own_cluster: 'scheduler.weight.own_cluster',
  soft_affinity: 'scheduler.weight.soft_affinity',
  soft_anti_affinity: 'scheduler.weight.soft_anti_affinity',
  image_cached: 'scheduler.weight.image_cached',
} as const satisfies Record<WeightName, keyof typeof settingTable>

/** How much each weight counts now. */
export function factorsOf(settings: Settings): Record<WeightName, number> {
  const pairs = Object.entries(factorSettings).map(([name, setting]) => [name, settings.get(setting)] as const)
  return Object.fromEntries(pairs) as Record<WeightName, number>
}
