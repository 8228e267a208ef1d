/** What an event tells beside what it is of, in one line: what was changed, from what to what; times as times. Pure. */
import { pairs, quoted } from './pairs.ts'

type Fields = Readonly<Record<string, unknown>>

/** "name=rack-1", "schedulable: yes → no", "back_from: cause=silent since=2026-01-09T22:30:00Z"; empty of nothing. */
export function detailText(detail: Fields): string {
  const parts = Object.entries(detail).flatMap(([key, value]) => partsOf(key, value))
  const nested = Object.values(detail).some(isObject)
  return parts.join(nested ? '; ' : ' ')
}

function partsOf(key: string, value: unknown): string[] {
  if (!isObject(value)) return [pairs(Object.fromEntries([told(key, value ?? 'none')]))]
  if (isChange(value)) return [`${key}: ${oneOf(value.from)} → ${oneOf(value.to)}`]
  // What was changed is told by itself: that it was is what the event says.
  if (key === 'changed') return Object.entries(value).flatMap(([name, each]) => partsOf(name, each))
  return [`${key}: ${pairs(shown(value)) || 'nothing'}`]
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isChange = (value: Fields): value is { from: unknown; to: unknown } =>
  Object.keys(value).sort().join() === 'from,to'

function oneOf(value: unknown): string {
  if (value === null || value === '' || (isObject(value) && Object.keys(value).length === 0)) return 'none'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(oneOf).join(', ')
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (isObject(value)) return pairs(shown(value))
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value)
}

/** Without what says nothing. */
function shown(fields: Fields): Fields {
  const said = Object.entries(fields).filter(
    ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
  )
  return Object.fromEntries(
    said.map(([key, value]) =>
      isObject(value) ? [key, shown(value)] : Array.isArray(value) ? [key, value.map(inner)] : told(key, value),
    ),
  )
}

const inner = (value: unknown) => (isObject(value) ? shown(value) : value)

/** 2001 in milliseconds since 1970: what is less is how long something takes. */
const moment_ms_min = 1e12

function told(key: string, value: unknown): [string, unknown] {
  if (typeof value !== 'number' || !key.endsWith('_ms') || value < moment_ms_min) return [key, value]
  return [key.slice(0, -'_ms'.length), new Date(value).toISOString().replace(/\.\d+Z$/, 'Z')]
}
