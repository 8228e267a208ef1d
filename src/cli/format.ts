/** Values as people read them: sizes, ages, words. Pure. Not its job: tables (table.ts). */
import { detailText } from './detail.ts'
import { isScalar, item, listed, oneLine } from './pairs.ts'

const minute_ms = 60_000

/** "40 s", "5 min", "3 h", "12 d" for what lies in the past; "in 5 min" for what is to come. */
export function age(time: string, now_ms: number): string {
  const ago_ms = now_ms - Date.parse(time)
  if (Number.isNaN(ago_ms)) return time
  const text = span(Math.abs(ago_ms))
  return ago_ms < -minute_ms ? `in ${text}` : text
}

function span(time_ms: number): string {
  if (time_ms < minute_ms) return `${Math.floor(time_ms / 1000)} s`
  if (time_ms < 120 * minute_ms) return `${Math.floor(time_ms / minute_ms)} min`
  if (time_ms < 48 * 60 * minute_ms) return `${Math.floor(time_ms / 60 / minute_ms)} h`
  return `${Math.floor(time_ms / 24 / 60 / minute_ms)} d`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** 1536 MiB → "1.5 GiB". `from` is the unit that the number counts. */
export function size(count: number, from: (typeof units)[number]): string {
  let unit = units.indexOf(from)
  let value = count
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`
}

/** A field's value in one line. The field's name says its unit. */
export function cell(name: string, value: unknown, now_ms: number): string {
  if (value === null || value === undefined || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return number(name, value)
  if (typeof value === 'string') return name.endsWith('_at') || name === 'at' ? age(value, now_ms) : oneLine(value)
  if (Array.isArray(value)) return listed(value, ', ') || '-'
  // Of an event: a name in it is one field among others.
  if (name === 'detail' && typeof value === 'object')
    return oneLine(detailText(value as Record<string, unknown>)) || '-'
  return item(value)
}

function number(name: string, value: number): string {
  if (name.endsWith('_mib')) return size(value, 'MiB')
  if (name.endsWith('_gib')) return size(value, 'GiB')
  if (name.endsWith('_bytes')) return size(value, 'B')
  return String(value)
}

/** A thing that its name or address, or two words, tell whole. */
export function isShort(fields: Readonly<Record<string, unknown>>): boolean {
  if ('floating_address' in fields) return true
  const { id: _, ...told } = fields
  return Object.keys(told).length <= ('name' in told ? 1 : 2) && Object.values(told).every(isScalar)
}

/** memory_mib → MEMORY, created_at → AGE, flavor_id → FLAVOR ID. */
export function heading(name: string): string {
  if (name === 'created_at') return 'AGE'
  return name
    .replace(/_(mib|gib|bytes|at)$/, '')
    .replaceAll('_', ' ')
    .toUpperCase()
}

const good = ['running', 'up', 'ready', 'succeeded', 'active', 'yes']
const bad = ['error', 'failed', 'unreachable', 'unknown']

/** States in colour: what is well in green, what is broken in red, what is on its way in yellow. */
export function paintState(text: string): string {
  const code = good.includes(text) ? 32 : bad.includes(text) ? 31 : text.endsWith('ing') ? 33 : undefined
  return code === undefined ? text : `\x1b[${code}m${text}\x1b[0m`
}
