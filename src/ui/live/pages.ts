/**
 * Lists as pages, changed by many things at once: what that costs grows with how many things have changed, hardly with how long the
 * list is. Pure: gives the same pages when nothing changes, and the same page where nothing in it does.
 */
import type { Item } from '../noun/definition.ts'

interface ItemPage {
  items: Item[]
  next: string | null
}
export type Pages = ItemPage[]

/** Pages never change, so where things stand on one is found out once. */
const places = new WeakMap<ItemPage, Map<string, number>>()

function placesOn(page: ItemPage): Map<string, number> {
  const known = places.get(page) ?? new Map(page.items.map((item, at) => [item.id, at]))
  places.set(page, known)
  return known
}

export function contains(pages: Pages, id: string): boolean {
  return pages.some(page => placesOn(page).has(id))
}

/**
 * By id what each thing is now; null for one that is not to be in the list. `missing`: those that are on none of its pages; `moved`: those
 * that were, and by what the list is sorted by belong elsewhere now: they are taken out.
 */
export function replace(
  pages: Pages,
  now: ReadonlyMap<string, Item | null>,
  sort: string,
): { pages: Pages; missing: Set<string>; moved: Item[] } {
  const missing = new Set(now.keys())
  const moved: Item[] = []
  const keyOf = sortKey(sort)
  let next = pages
  for (const [n, page] of pages.entries()) {
    if (missing.size === 0) break
    const at = placesOn(page)
    const here =
      missing.size < at.size ? [...missing].filter(id => at.has(id)) : [...at.keys()].filter(id => missing.has(id))
    if (here.length === 0) continue
    for (const id of here) missing.delete(id)
    const touched = new Set(here)
    const items = page.items.flatMap(item => {
      if (!touched.has(item.id)) return item
      const told = now.get(item.id)
      // What lists alone tell stays, such as a name beside an id.
      const next = told && { ...item, ...told }
      if (!next || keyOf(next) === keyOf(item)) return next ?? []
      moved.push(next)
      return []
    })
    const fresh = { ...page, items }
    // The same things in the same places.
    if (items.length === page.items.length) places.set(fresh, at)
    next = next.with(n, fresh)
  }
  return { pages: next, missing, moved }
}

/** Each where the order has it; nowhere when it belongs to pages that are not read yet. `sort` as the API takes it. */
export function insert(pages: Pages, fresh: readonly Item[], sort: string): Pages {
  const after = comparing(sort)
  const changed = new Map<number, Item[]>()
  // One that has lost all of its things says nothing of the order.
  const filled = pages.flatMap((page, n) => (page.items.length > 0 ? n : []))
  for (const item of fresh) {
    const place = firstWhere(filled.length, at => {
      const n = filled[at] as number
      const last = (changed.get(n) ?? pages[n]?.items)?.at(-1)
      return last !== undefined && after(last, item) > 0
    })
    let n = filled[place]
    if (n === undefined) {
      if (pages.at(-1)?.next !== null) continue
      n = pages.length - 1
      if (filled.at(-1) !== n) filled.push(n)
    }
    const items = changed.get(n) ?? [...(pages[n]?.items ?? [])]
    const at = firstWhere(items.length, at => after(items[at] as Item, item) > 0)
    changed.set(n, items.toSpliced(at, 0, item))
  }
  if (changed.size === 0) return pages
  return pages.map((page, n) => {
    const items = changed.get(n)
    return items ? { ...page, items } : page
  })
}

/** The first of so many of which it holds, when it holds of all after it; `count` when of none. */
function firstWhere(count: number, holds: (n: number) => boolean): number {
  let [from, to] = [0, count]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (holds(middle)) to = middle
    else from = middle + 1
  }
  return from
}

function comparing(sort: string): (one: Item, other: Item) => number {
  const descending = sort.startsWith('-')
  const keyOf = sortKey(sort)
  return (one, other) => {
    const [a, b] = [keyOf(one), keyOf(other)]
    const order = a === b ? (one.id < other.id ? -1 : 1) : a < b ? -1 : 1
    return descending ? -order : order
  }
}

/** Of one list all are numbers, or all are texts. */
function sortKey(sort: string): (item: Item) => string | number {
  const field = sort.startsWith('-') ? sort.slice(1) : sort
  return item => {
    const value = (item as Item & Record<string, unknown>)[field]
    return typeof value === 'number' ? value : String(value ?? '')
  }
}
