/**
 * What events change of what the page has read: a thing is replaced where it stands, a new one is put where its list's order has it,
 * a deleted one goes. Only what cannot be known from the events is read again, by id.
 */
import { hashKey, type InfiniteData, notifyManager, type Query, type QueryClient } from '@tanstack/react-query'
import type { Event } from '../../api/event.ts'
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import type { Item, NounDefinition } from '../noun/definition.ts'
import { belongs, type ListQuery } from './belongs.ts'
import { contains, insert, type Pages, replace } from './pages.ts'

type Data = InfiniteData<Pages[number]>
type Ask = (route: Route, input: LooseInput) => Promise<{ body: unknown }>

/** More things than this of one noun at once: their lists are read again instead. */
const single_reads_max = 20
/** Between two readings of the same thing: at least so long, and so many times what the last one took. */
const pause_min_ms = 200
const pause_share = 3

export class Applier {
  private readonly cache: QueryClient
  private readonly nouns: ReadonlyMap<string, NounDefinition>
  private readonly reading = new Map<string, { again: boolean }>()

  private readonly project_id: string | null
  private readonly ask: Ask

  /** `project_id`: the one signed in to; what belongs to others comes into lists of all projects only. */
  constructor(cache: QueryClient, nouns: readonly NounDefinition[], project_id: string | null, how: Ask) {
    this.cache = cache
    this.project_id = project_id
    this.ask = how
    this.nouns = new Map(nouns.map(noun => [noun.name, noun]))
  }

  /** Reads again whatever is shown. */
  all(): void {
    void this.cache.invalidateQueries()
  }

  /** All that a frame has brought: each list is gone through once, and whoever looks at it is told once. */
  events(batch: readonly Event[]): void {
    const known = new Map<string, Map<string, Item | null>>()
    const unknown = new Map<string, Set<string>>()
    // Of many events of one thing only the last matters; that it was created may be said by an earlier one.
    const last = new Map<string, { event: Event; created: boolean }>()
    for (const event of batch) {
      const key = `${event.noun} ${event.resource_id}`
      last.set(key, { event, created: event.kind === 'created' || last.get(key)?.created === true })
    }
    for (const { event, created } of last.values()) {
      const { noun, resource_id: id } = event
      if (event.kind === 'deleted') entry(known, noun, newMap).set(id, null)
      else if (event.resource) entry(known, noun, newMap).set(id, event.resource as Item)
      else if (this.nouns.get(noun)?.get && this.concerns(noun, id, created)) entry(unknown, noun, newSet).add(id)
    }
    notifyManager.batch(() => {
      for (const [noun, things] of known) this.are(noun, things)
    })
    for (const [noun, ids] of unknown) this.readAgain(noun, [...ids])
    this.followers(batch)
  }

  /** Things as they are now; null: gone. */
  private are(noun: string, things: ReadonlyMap<string, Item | null>): void {
    for (const [id, item] of things) {
      const page = this.item(noun, id)
      if (!page) continue
      if (item === null) this.refresh(page)
      else if (page.state.data !== undefined) this.cache.setQueryData(page.queryKey, item)
    }
    for (const query of this.lists(noun)) this.changeList(query, noun, things)
  }

  private changeList(query: Query, noun: string, things: ReadonlyMap<string, Item | null>): void {
    const data = query.state.data as Data | undefined
    if (!data) return
    const definition = this.nouns.get(noun)
    const asked = (query.queryKey[2] ?? {}) as ListQuery
    const verdicts = new Map<string, boolean | null>()
    const now = new Map<string, Item | null>()
    for (const [id, item] of things) {
      const verdict = item !== null && belongs(definition, item, asked, this.project_id)
      verdicts.set(id, verdict)
      now.set(id, verdict === false ? null : item)
    }
    const sort = String(asked.sort ?? definition?.default_sort ?? 'id')
    const { pages: replaced, missing, moved } = replace(data.pages, now, sort)
    const fresh = [...missing].flatMap(id => (verdicts.get(id) === true ? (now.get(id) ?? []) : []))
    const pages = insert(replaced, [...fresh, ...moved], sort)
    if (pages !== data.pages) this.cache.setQueryData(query.queryKey, { ...data, pages })
    // Whether it comes into the list, or goes from it.
    if ([...verdicts.values()].includes(null)) this.refresh(query)
  }

  private concerns(noun: string, id: string, created: boolean): boolean {
    if (this.item(noun, id)?.isActive()) return true
    return this.lists(noun).some(query => {
      const data = query.state.data as Data | undefined
      return created || (data !== undefined && contains(data.pages, id))
    })
  }

  private readAgain(noun: string, ids: readonly string[]): void {
    const definition = this.nouns.get(noun)
    if (!definition?.get) return
    if (ids.length > single_reads_max) {
      for (const query of this.lists(noun)) this.refresh(query)
      return
    }
    const { route, param } = definition.get
    for (const id of ids) {
      this.ask(route, { params: { [param]: id } }).then(
        ({ body }) => this.are(noun, new Map([[id, body as Item]])),
        // Gone meanwhile, or not for our eyes: its list would not have it either.
        () => this.are(noun, new Map([[id, null]])),
      )
    }
  }

  /** Answers that said which nouns they follow. */
  private followers(batch: readonly Event[]): void {
    const nouns = new Set(batch.map(event => event.noun))
    const ids = new Set(batch.map(event => event.resource_id))
    const asked = batch.some(event => event.request_id !== null)
    const queries = this.cache.getQueryCache()
    for (const query of [...queries.findAll({ queryKey: ['read'] }), ...queries.findAll({ queryKey: ['list'] })]) {
      const { follows, of } = (query.meta ?? {}) as { follows?: readonly string[]; of?: string }
      // Whatever it is about: all, or what someone asked for and no host told by itself.
      if (follows?.includes('*') || (asked && follows?.includes('*asked'))) this.refresh(query)
      else if (follows?.some(noun => nouns.has(noun)) && (of === undefined || ids.has(of))) this.refresh(query)
    }
  }

  private lists(noun: string): Query[] {
    return this.cache.getQueryCache().findAll({ queryKey: ['list', noun] })
  }

  /** What is known of one thing: its page's, and of those that name it. */
  private item(noun: string, id: string): Query | undefined {
    return this.cache.getQueryCache().get(hashKey(['item', noun, id]))
  }

  /**
   * At once when it is the first for a while. Not twice at once, and once more after a pause if something happened meanwhile: a storm of
   * events is a slow row of reads that leaves most of the time to other things, not a heap.
   */
  private refresh(query: Query): void {
    const under_way = this.reading.get(query.queryHash)
    if (under_way) {
      under_way.again = true
      return
    }
    if (!query.isActive()) {
      query.invalidate()
      return
    }
    // A first read that is under way may have looked before this happened, and Query would not begin it anew.
    const mark = { again: query.state.fetchStatus === 'fetching' && query.state.data === undefined }
    this.reading.set(query.queryHash, mark)
    const from_ms = performance.now()
    void this.cache.invalidateQueries({ queryKey: query.queryKey, exact: true }).finally(() => {
      const took_ms = performance.now() - from_ms
      setTimeout(
        () => {
          this.reading.delete(query.queryHash)
          if (mark.again) this.refresh(query)
        },
        Math.max(pause_min_ms, pause_share * took_ms),
      )
    })
  }
}

const newMap = () => new Map<string, Item | null>()
const newSet = () => new Set<string>()

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}
