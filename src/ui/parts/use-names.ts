/**
 * Names of things of which only ids are known, as within the details of logs: one list of each kind, the newest first, whatever the number of
 * rows. What is older than that, gone or not for one's eyes keeps the end of its id.
 */
import { useQueries, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { ask } from '../api/read.ts'
import { live } from '../live/stream.ts'
import { type Item, mayListAll, type NounDefinition } from '../noun/definition.ts'
import { nounNamed } from '../noun/registry.ts'
import { may, useSession } from '../session/session.ts'
import { type Known, type Names, newestOf, withNames } from './names.ts'

/** Of each kind; and of what came while the page was open. */
const names_max = 200
const more_max = 50
/** What was named anew meanwhile shows it after so long: a log tells of the past. */
const good_for_ms = 60_000

/** Undefined: not known. */
export function useNames(things: readonly Known[]): (noun: string, id: string) => string | undefined {
  const session = useSession()
  const cache = useQueryClient()
  const kinds = [...newestOf(things)].flatMap(([name, newest]) => {
    const noun = nounNamed(name)
    return noun && may(session, noun.list) ? { noun, newest } : []
  })
  const asked = ({ noun, newest }: { noun: NounDefinition; newest: string }, limit: number) => {
    const queryKey = ['names', noun.name]
    const queryFn = async ({ signal }: { signal: AbortSignal }): Promise<Names> => {
      await live.opened
      const all = mayListAll(noun, session) && { all_projects: true }
      const query = { ...noun.list_query?.(), ...all, sort: '-id', limit }
      const { items } = (await ask(noun.list, { query, signal })).body as { items: Item[] }
      return withNames(cache.getQueryData<Names>(queryKey), noun, items, newest)
    }
    return { queryKey, queryFn }
  }
  const answers = useQueries({ queries: kinds.map(kind => ({ ...asked(kind, names_max), staleTime: good_for_ms })) })
  const newer = kinds.filter(({ newest }, n) => newest > (answers[n]?.data?.up_to ?? newest))
  useEffect(() => {
    // What cannot be read keeps the end of its id.
    for (const kind of newer) cache.fetchQuery(asked(kind, more_max)).catch(() => undefined)
    // Once for each that is newer than what was read, also where the list does not have it.
  }, [newer.map(({ noun, newest }) => `${noun.name} ${newest}`).join()])
  const known = new Map(kinds.map(({ noun }, n) => [noun.name, answers[n]?.data?.names]))
  return (noun, id) => known.get(noun)?.[id]
}
