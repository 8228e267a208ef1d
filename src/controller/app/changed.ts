/** What an update has changed, for the audit log and for events: their history is the only one that clusters, hosts and zones have. */
import { isDeepStrictEqual } from 'node:util'

/** Of the fields that were asked for, those that are different now, each from what to what; null: none is. */
export function changesOf<T extends object>(
  before: T,
  after: T,
  asked: { readonly [Key in keyof T]?: unknown },
): { changed: Record<string, { from: unknown; to: unknown }> } | null {
  const names = (Object.keys(asked) as (string & keyof T)[]).filter(
    name => !isDeepStrictEqual(before[name], after[name]),
  )
  if (names.length === 0) return null
  return { changed: Object.fromEntries(names.map(name => [name, { from: before[name], to: after[name] }])) }
}
