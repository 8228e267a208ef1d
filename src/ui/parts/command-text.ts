/** A call as the command that does the same. */
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import type { FieldShape, RouteShapes } from '../api/route-shapes.ts'

/** As a shell takes it. */
export const quoted = (text: string) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`

export function commandOf(route: Route, shapes: RouteShapes | undefined, input: LooseInput): string {
  const [noun = '', verb = ''] = route.name.split('.')
  const parts = ['croft', noun, verb]
  const add = (fields: readonly FieldShape[], values: Readonly<Record<string, unknown>>) => {
    for (const field of fields) {
      const value = asTyped(field, values[field.name])
      if (value === undefined || field.name === 'limit' || field.name === 'cursor') continue
      if (field.positional) parts.push(quoted(String(value)))
      else if (value === true) parts.push(`--${field.flag}`)
      else if (value === false || value === null) parts.push(`--no-${field.flag}`)
      else for (const text of wholeOf(field, value, parts)) parts.push(`--${field.flag}`, quoted(text))
    }
  }
  add(shapes?.params ?? [], input.params ?? {})
  const body = (input.body ?? {}) as Record<string, unknown>
  add(
    (shapes?.body ?? []).toSorted((one, other) => Number(other.positional) - Number(one.positional)),
    body,
  )
  add(shapes?.query ?? [], input.query ?? {})
  return parts.join(' ')
}

/** What comes from a page's address is text: of what is yes or no it says 'true'. */
function asTyped({ type }: FieldShape, value: unknown): unknown {
  return type === 'boolean' && (value === 'true' || value === 'false') ? value === 'true' : value
}

/**
 * What is sent is all that it is to have. By options a map is changed an entry at a time, so all that it has is taken away first;
 * and no entry of it, or nothing of a list, is said by that alone.
 */
function wholeOf({ empties, by_entry }: FieldShape, value: unknown, parts: string[]): string[] {
  const is_empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  if (empties !== undefined && (is_empty || !Array.isArray(value))) parts.push(`--no-${empties}`)
  if (!by_entry) return textsOf(value)
  return Object.entries(value as Record<string, unknown>).map(([key, one]) => `${key}=${String(one)}`)
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (typeof value !== 'object' || value === null) return [String(value)]
  const entries = Object.entries(value)
  // A map with nothing in it is no option.
  if (entries.length === 0) return []
  return [entries.map(([key, one]) => `${key}=${String(one)}`).join(',')]
}
