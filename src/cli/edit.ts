/**
 * Changes to a part of what a thing has: `--label a=1` adds to its labels or changes one, `--no-label a` takes one away,
 * `--no-labels` all. The API takes maps as a whole, so what is there is read, changed and sent. Knows no noun.
 */
import type { LooseInput, Reply } from '../sdk/client.ts'
import { ApiProblem } from '../sdk/errors.ts'
import type { CommandShape, Field } from './command-shape.ts'
import { ask, type Context } from './context.ts'
import { UsageError } from './failure.ts'

/** As it was typed. */
export interface TypedEdit {
  added: readonly string[]
  /** Keys. */
  without: readonly string[]
  /** What is there is read no more: it is to have these alone. */
  from_none: boolean
}

export interface Edit {
  /** Of the body. */
  name: string
  added: Readonly<Record<string, unknown>>
  without: readonly string[]
}

/** `--project` of a list is the whole list; of a map, `--label` is one entry. */
export const editsMap = ({ route }: CommandShape, field: Field) => isMap(field) && route.method === 'PATCH'

const isMap = ({ part, mapped, repeated }: Field) => part === 'body' && mapped && !repeated

/** Lists and maps that an empty one can be put in the place of. */
export function canBeEmptied({ route }: CommandShape, field: Field): boolean {
  const changes = route.method === 'PATCH' || route.method === 'PUT'
  return changes && field.part === 'body' && (field.repeated || isMap(field)) && !field.items_min
}

/** What all of it is called: label → labels, project → projects, metadata → metadata. */
export function pluralFlag({ name, flag }: Field): string {
  const whole = name.replaceAll('_', '-')
  return whole === `${flag}-ids` ? `${flag}s` : whole
}

export const isEdit = (typed: unknown): typed is TypedEdit =>
  typeof typed === 'object' && typed !== null && 'from_none' in typed

/** The key as the API has it. Throws UsageError for one that an object has no field for. */
export function keyOf(key: string, { schema, flag }: Field): string {
  if (!schema.properties) return key
  const names = Object.keys(schema.properties)
  const found = names.find(name => name === key || name === key.replaceAll('-', '_'))
  if (found === undefined) throw new UsageError(`--no-${flag}: there is no "${key}"; there are ${names.join(', ')}.`)
  return found
}

export function edited(present: unknown, { added, without }: Edit): Record<string, unknown> {
  const all = { ...(present as Record<string, unknown> | undefined), ...added }
  return Object.fromEntries(Object.entries(all).filter(([key]) => !without.includes(key)))
}

const tries = 5

/**
 * Asks for the change with the maps as they are to be. Where the thing has a version, it is that of the maps that were read:
 * somebody else's change in between is not undone, but read, too.
 */
export async function askEdited(
  context: Context,
  { noun, route }: CommandShape,
  request: LooseInput,
  edits: readonly Edit[],
): Promise<Reply<unknown>> {
  const get = context.nouns[noun]?.get
  if (get?.path !== route.path) throw new Error(`the contract has no way to read what ${route.name} changes`)
  for (let left = tries; ; left -= 1) {
    const present = (await ask(context, get, { params: request.params })).body as Record<string, unknown>
    const maps = Object.fromEntries(edits.map(edit => [edit.name, edited(present[edit.name], edit)]))
    const seen = route.errors.includes('changed_meanwhile') ? (present.version as number | undefined) : undefined
    const if_match = request.if_match ?? seen
    // Not the same request when it is made again, so neither is its key.
    const again = { ...request, body: { ...(request.body as object), ...maps }, if_match, idempotency_key: undefined }
    try {
      return await ask(context, route, again)
    } catch (error) {
      const mine = error instanceof ApiProblem && error.code === 'changed_meanwhile' && request.if_match === undefined
      if (!mine || left === 1) throw error
    }
  }
}
