/**
 * Names of things of which only ids are known, as in logs: one list of each kind that a page of it names, the newest first, whatever the number of
 * rows. What is older than that, gone or not for one's eyes keeps the end of its id.
 */
import { keepPreviousData, useQueries } from '@tanstack/react-query'
import { ask } from '../api/read.ts'
import { live } from '../live/stream.ts'
import { type Item, labelOf, mayListAll, type NounDefinition } from '../noun/definition.ts'
import { nounNamed } from '../noun/registry.ts'
import { may, useSession } from '../session/session.ts'

export interface Known {
  noun: string
  id: string
}

/** Of each kind. */
const names_max = 200
/** What was named anew meanwhile shows it after so long: a log tells of the past. */
const good_for_ms = 60_000

interface Named {
  noun: NounDefinition
  /** Ids grow with time: one that is newer than what was read has the list read again. */
  newest: string
}

function kindsOf(things: readonly Known[]): Named[] {
  const newest = new Map<string, string>()
  for (const { noun, id } of things) if (id > (newest.get(noun) ?? '')) newest.set(noun, id)
  return [...newest].flatMap(([name, id]) => {
    const noun = nounNamed(name)
    return noun ? [{ noun, newest: id }] : []
  })
}

/** Undefined: not known. */
export function useNames(things: readonly Known[]): (noun: string, id: string) => string | undefined {
  const session = useSession()
  const kinds = kindsOf(things).filter(({ noun }) => may(session, noun.list))
  const answers = useQueries({
    queries: kinds.map(({ noun, newest }) => ({
      queryKey: ['names', noun.name, newest],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        await live.opened
        const all = mayListAll(noun, session) && { all_projects: true }
        const query = { ...noun.list_query?.(), ...all, sort: '-id', limit: names_max }
        return (await ask(noun.list, { query, signal })).body as { items: Item[] }
      },
      staleTime: good_for_ms,
      placeholderData: keepPreviousData,
    })),
  })
  const known = new Map(
    kinds.flatMap(({ noun }, n) =>
      (answers[n]?.data?.items ?? []).map(item => [`${noun.name} ${item.id}`, labelOf(noun, item)] as const),
    ),
  )
  return (noun, id) => known.get(`${noun} ${id}`)
}
