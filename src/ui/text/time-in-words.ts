/** Times within sentences of the API, as 2026-11-23T09:15:55.155Z, so that they can be shown as the user has them. */

export interface Part {
  text: string
  /** It is a time. */
  at?: string
}

const moment = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)/g

export function partsOf(text: string): Part[] {
  const parts: Part[] = []
  let from = 0
  for (const { 0: found, index } of text.matchAll(moment)) {
    // What only looks like one, such as the 40th of a month, stays as it is.
    if (Number.isNaN(Date.parse(found))) continue
    if (index > from) parts.push({ text: text.slice(from, index) })
    parts.push({ text: found, at: found })
    from = index + found.length
  }
  if (from < text.length) parts.push({ text: text.slice(from) })
  return parts
}
