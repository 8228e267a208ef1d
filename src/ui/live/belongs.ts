/** Whether a thing, as an event tells it, is one of those that a list asks for. Pure. */
import type { Item, NounDefinition } from '../noun/definition.ts'

export type ListQuery = Readonly<Record<string, unknown>>
/** Null: it cannot be told from the thing. */
export type Verdict = boolean | null

/** `project_id`: the one signed in to. */
export function belongs(
  definition: Pick<NounDefinition, 'judge' | 'of_the_cloud' | 'shared_between_projects'> | undefined,
  item: Item,
  asked: ListQuery,
  project_id: string | null,
): Verdict {
  const judged = definition?.judge?.(item, asked) ?? {}
  const verdicts = [isOurs(definition, item, asked, project_id), ...Object.values(judged)]
  for (const [field, wanted] of Object.entries(asked))
    if (wanted !== undefined && !not_filters.has(field) && !Object.hasOwn(judged, field))
      verdicts.push(equals(item, field, wanted))
  if (verdicts.includes(false)) return false
  return verdicts.includes(null) ? null : true
}

/** Null: what other projects share may be in the list. */
function isOurs(
  definition: Pick<NounDefinition, 'of_the_cloud' | 'shared_between_projects'> | undefined,
  item: Item,
  asked: ListQuery,
  ours: string | null,
): Verdict {
  const { project_id } = item as Item & { project_id?: string | null }
  if (asked.all_projects || definition?.of_the_cloud || !project_id || project_id === ours) return true
  return definition?.shared_between_projects ? null : false
}

const not_filters = new Set(['limit', 'cursor', 'sort', 'all_projects'])

/** Values of fields are words, numbers, yes and no; what is more than that equals nothing that a filter asks for. */
const text = (value: unknown) =>
  typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean)

/** Of words that may be missing it may be asked whether there are any. */
const is = (wanted: unknown, value: unknown) =>
  text(wanted) === text(value) ||
  (text(wanted) === String(value !== null) && (value === null || typeof value === 'string'))

function equals(item: Item, field: string, wanted: unknown): Verdict {
  const value = field === 'search' ? item.name : (item as Item & Record<string, unknown>)[field]
  if (value === undefined) return null
  if (field !== 'search') return [wanted].flat().some(one => is(one, value))
  const looked_for = text(wanted).toLowerCase()
  if (text(value).toLowerCase().includes(looked_for)) return true
  if (item.id.startsWith(looked_for) || item.id.endsWith(looked_for)) return true
  // It may have been found by an address, which the thing may have in many places.
  return /[:.-]/.test(looked_for) ? null : false
}
