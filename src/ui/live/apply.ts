/**
 * What events change of what the page has read: a thing is replaced where it stands, a new one is put where its list's order has it,
 * a deleted one goes. Only what cannot be known from the events is read again, by id.
 */
import type { InfiniteData, Query, QueryClient } from '@tanstack/react-query'
import type { Event } from '../../api/event.ts'
import { ask } from '../api/read.ts'
import type { Item, NounDefinition } from '../noun/definition.ts'
import { insert, type Pages, remove, replace } from './pages.ts'

export type ListQuery = Readonly<Record<string, unknown>>
type Data = InfiniteData<Pages[number]>

/** More things than this of one noun at once: their lists are read again instead. */
const single_reads_max = 20

export class Applier {
  private readonly cache: QueryClient
  private readonly nouns: ReadonlyMap<string, NounDefinition>
  private readonly reading = new Map<string, { again: boolean }>()

  private readonly project_id: string | null

  /** `project_id`: the one signed in to; what belongs to others comes into lists of all projects only. */
  constructor(cache: QueryClient, nouns: readonly NounDefinition[], project_id: string | null) {
    this.cache = cache
    this.project_id = project_id
    this.nouns = new Map(nouns.map(noun => [noun.name, noun]))
  }

  /** Reads again whatever is shown. */
  all(): void {
    void this.cache.invalidateQueries()
  }

  events(batch: readonly Event[]): void {
    const unknown = new Map<string, Map<string, boolean>>()
    // Of many events of one thing only the last matters; that it was created may be said by an earlier one.
    const last = new Map<string, { event: Event; created: boolean }>()
    for (const event of batch) {
      const key = `${event.noun} ${event.resource_id}`
      last.set(key, { event, created: event.kind === 'created' || last.get(key)?.created === true })
    }
    for (const { event, created } of last.values()) {
      const { noun, resource_id: id } = event
      if (event.kind === 'deleted') this.gone(noun, id)
      else if (event.resource) this.is(noun, event.resource as Item)
      else if (this.nouns.get(noun)?.get && this.concerns(noun, id, created)) {
        const ids = unknown.get(noun) ?? new Map<string, boolean>()
        unknown.set(noun, ids.set(id, created))
      }
    }
    for (const [noun, ids] of unknown) this.readAgain(noun, [...ids.keys()])
    this.followers(batch)
  }

  /** A thing as it is now. */
  private is(noun: string, item: Item): void {
    this.cache.setQueriesData({ queryKey: ['item', noun, item.id] }, item)
    for (const query of this.lists(noun)) {
      const definition = this.nouns.get(noun)
      const asked = (query.queryKey[2] ?? {}) as ListQuery
      const verdict =
        definition?.matches?.(item, asked) ?? (this.isOurs(definition, item, asked) && matches(item, asked))
      this.change(query, data => {
        if (verdict === false) return remove(data.pages, item.id)
        const replaced = replace(data.pages, item)
        if (replaced !== data.pages || verdict === null) return replaced
        return insert(data.pages, item, String(asked.sort ?? definition?.default_sort ?? 'id'))
      })
      if (verdict === null && !this.contains(query, item.id)) this.refresh(query)
    }
  }

  /** Null: what other projects share may be in the list. */
  private isOurs(definition: NounDefinition | undefined, item: Item, asked: ListQuery): boolean | null {
    const { project_id } = item as Item & { project_id?: string | null }
    if (asked.all_projects || !project_id || project_id === this.project_id) return true
    return definition?.shared_between_projects ? null : false
  }

  private gone(noun: string, id: string): void {
    for (const query of this.lists(noun)) this.change(query, data => remove(data.pages, id))
    for (const query of this.cache.getQueryCache().findAll({ queryKey: ['item', noun, id] })) this.refresh(query)
  }

  private concerns(noun: string, id: string, created: boolean): boolean {
    const shown = this.cache.getQueryCache().findAll({ queryKey: ['item', noun, id], type: 'active' }).length > 0
    return shown || this.lists(noun).some(query => created || this.contains(query, id))
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
      ask(route, { params: { [param]: id } }).then(
        ({ body }) => this.is(noun, body as Item),
        // Gone meanwhile, or not for our eyes: its list would not have it either.
        () => this.gone(noun, id),
      )
    }
  }

  /** Answers that said which nouns they follow. */
  private followers(batch: readonly Event[]): void {
    const nouns = new Set(batch.map(event => event.noun))
    const ids = new Set(batch.map(event => event.resource_id))
    const asked = batch.some(event => event.request_id !== null)
    for (const query of this.cache.getQueryCache().findAll({ queryKey: ['read'] })) {
      const { follows, of } = (query.meta ?? {}) as { follows?: readonly string[]; of?: string }
      // Whatever it is about: all, or what someone asked for and no host told by itself.
      if (follows?.includes('*') || (asked && follows?.includes('*asked'))) this.refresh(query)
      else if (follows?.some(noun => nouns.has(noun)) && (of === undefined || ids.has(of))) this.refresh(query)
    }
  }

  private lists(noun: string): Query[] {
    return this.cache.getQueryCache().findAll({ queryKey: ['list', noun] })
  }

  private contains(query: Query, id: string): boolean {
    const data = query.state.data as Data | undefined
    return data?.pages.some(page => page.items.some(item => item.id === id)) ?? false
  }

  private change(query: Query, work: (data: Data) => Pages): void {
    const data = query.state.data as Data | undefined
    if (!data) return
    const pages = work(data)
    if (pages !== data.pages) this.cache.setQueryData(query.queryKey, { ...data, pages })
  }

  /** Not twice at once, and once more if something happened meanwhile: a storm of events is a row of reads, not a heap. */
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
    void this.cache.invalidateQueries({ queryKey: query.queryKey, exact: true }).finally(() => {
      this.reading.delete(query.queryHash)
      if (mark.again) this.refresh(query)
    })
  }
}

/** Values of fields are words, numbers, yes and no; what is more than that equals nothing that a filter asks for. */
const text = (value: unknown) =>
  typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean)

const not_filters = new Set(['limit', 'cursor', 'sort', 'all_projects'])

/** Whether a list's filters let a thing in; null when that cannot be told from the thing. */
function matches(item: Item, asked: ListQuery): boolean | null {
  let verdict: boolean | null = true
  for (const [field, wanted] of Object.entries(asked)) {
    if (wanted === undefined || not_filters.has(field)) continue
    const value = field === 'search' ? item.name : (item as Item & Record<string, unknown>)[field]
    if (value === undefined) verdict = null
    else if (field === 'search') {
      if (!text(value).toLowerCase().includes(text(wanted).toLowerCase())) return false
    } else if (text(value) !== text(wanted)) return false
  }
  return verdict
}
