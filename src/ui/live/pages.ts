/** Lists as pages, changed by one thing at a time. Pure: gives the same pages when nothing changes. */
import type { Item } from '../noun/definition.ts'

export type Pages = { items: Item[]; next: string | null }[]

export function replace(pages: Pages, item: Item): Pages {
  for (const [n, page] of pages.entries()) {
    const at = page.items.findIndex(one => one.id === item.id)
    if (at >= 0) return pages.with(n, { ...page, items: page.items.with(at, item) })
  }
  return pages
}

export function remove(pages: Pages, id: string): Pages {
  for (const [n, page] of pages.entries()) {
    const at = page.items.findIndex(one => one.id === id)
    if (at >= 0) return pages.with(n, { ...page, items: page.items.toSpliced(at, 1) })
  }
  return pages
}

/** Where the order has it; nowhere when it belongs to pages that are not read yet. `sort` as the API takes it. */
export function insert(pages: Pages, item: Item, sort: string): Pages {
  const after = comparing(sort)
  for (const [n, page] of pages.entries()) {
    const at = page.items.findIndex(one => after(one, item) > 0)
    if (at >= 0) return pages.with(n, { ...page, items: page.items.toSpliced(at, 0, item) })
  }
  const last = pages.at(-1)
  if (!last || last.next !== null) return pages
  return pages.with(pages.length - 1, { ...last, items: [...last.items, item] })
}

function comparing(sort: string): (one: Item, other: Item) => number {
  const descending = sort.startsWith('-')
  const field = descending ? sort.slice(1) : sort
  const keyOf = (item: Item) => String((item as Item & Record<string, unknown>)[field] ?? '')
  return (one, other) => {
    const [a, b] = [keyOf(one), keyOf(other)]
    const order = a === b ? (one.id < other.id ? -1 : 1) : a < b ? -1 : 1
    return descending ? -order : order
  }
}
