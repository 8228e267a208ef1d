/**
 * What an event tells beside what it is of, in parts: what was changed, from what to what; times as times; without what says nothing. Each
 * front end words them in its own way. Pure.
 */

export type Fields = Readonly<Record<string, unknown>>

/** Of values null is nothing, and a time is a text, as RFC 3339 has it. */
export type DetailPart =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly from: unknown; readonly to: unknown }

export function detailParts(detail: Fields): DetailPart[] {
  return Object.entries(detail).flatMap(([key, value]) => {
    if (!isFields(value)) return { name: nameOf(key, value), value: told(key, value) }
    if (isChange(value)) return changeOf(key, value)
    // What was changed is told by itself: that it was is what the event says.
    return key === 'changed' ? detailParts(value) : { name: key, value: told(key, value) }
  })
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Change {
  readonly from: unknown
  readonly to: unknown
}

const isChange = (value: Fields): value is Fields & Change => Object.keys(value).sort().join() === 'from,to'

function changeOf(key: string, { from, to }: Change): DetailPart {
  const name = isMoment(key, from) || isMoment(key, to) ? nameWithoutUnit(key) : key
  return { name, from: told(key, from), to: told(key, to) }
}

/** Null where it says nothing. */
function told(key: string, value: unknown): unknown {
  return value === '' ? null : inner(key, value)
}

/** A text that is empty says something there, as the value of a label does. */
function inner(key: string, value: unknown): unknown {
  if (isMoment(key, value)) return new Date(value).toISOString().replace(/\.\d+Z$/, 'Z')
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(one => inner('', one))
  if (!isFields(value)) return value ?? null
  const fields = Object.entries(value).flatMap(([name, one]) => {
    const said = inner(name, one)
    return said === null ? [] : [[nameOf(name, one), said] as const]
  })
  return fields.length === 0 ? null : Object.fromEntries(fields)
}

/** 2001 in milliseconds since 1970: what is less is how long something takes. */
const moment_ms_min = 1e12

const isMoment = (key: string, value: unknown): value is number =>
  typeof value === 'number' && key.endsWith('_ms') && value >= moment_ms_min

/** The unit is the number's, and a time has none. */
const nameOf = (key: string, value: unknown) => (isMoment(key, value) ? nameWithoutUnit(key) : key)
const nameWithoutUnit = (key: string) => key.slice(0, -'_ms'.length)
