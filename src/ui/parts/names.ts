/** What is known of the names of things: those that a row tells, and those that were read for ids without one. Pure. */
import { type Item, labelOf, type NounDefinition } from '../noun/definition.ts'

/**
 * A row's own name of what it is about. Null: it is gone, or not for one's eyes. Undefined: the row does not tell it, as one that an event brought;
 * nor does the API of what is called by something other than a name, such as an address.
 */
export function toldName(noun: NounDefinition | undefined, name: string | null | undefined): string | null | undefined {
  return name === null && noun?.label ? undefined : name
}

export interface Known {
  noun: string
  id: string
}

/** Of one noun. Ids grow with time: what is newer than this was not yet asked about. */
export interface Names {
  readonly names: Readonly<Record<string, string>>
  readonly up_to: string
}

/** Of each noun the newest. */
export function newestOf(things: readonly Known[]): Map<string, string> {
  const newest = new Map<string, string>()
  for (const { noun, id } of things) if (id > (newest.get(noun) ?? '')) newest.set(noun, id)
  return newest
}

/** What was read before stays known: it may be too old by now for the list. */
export function withNames(
  before: Names | undefined,
  noun: NounDefinition,
  items: readonly Item[],
  newest: string,
): Names {
  const read = Object.fromEntries(items.map(one => [one.id, labelOf(noun, one)]))
  const up_to = [before?.up_to ?? '', newest, ...Object.keys(read)].reduce((a, b) => (a > b ? a : b))
  return { names: { ...before?.names, ...read }, up_to }
}
