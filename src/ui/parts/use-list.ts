/** The pages of a noun's list as they are read on; the live events change them in place (live/apply.ts). */
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { ask } from '../api/read.ts'
import { type Item, type NounDefinition, queryOf } from '../noun/definition.ts'
import { live } from '../live/stream.ts'
import type { Search } from '../shell/router.tsx'

const page_size = 200

interface Page {
  items: Item[]
  next: string | null
}

export function useList(noun: NounDefinition, search: Search) {
  const query = useMemo(
    () => ({ ...noun.list_query?.(), ...(noun.default_sort && { sort: noun.default_sort }), ...queryOf(noun, search) }),
    [noun, search],
  )
  const answer = useInfiniteQuery({
    queryKey: ['list', noun.name, query],
    queryFn: async ({ pageParam, signal }) => {
      await live.opened
      const asked = { ...query, limit: page_size, ...(pageParam !== null && { cursor: pageParam }) }
      return (await ask(noun.list, { query: asked, signal })).body as Page
    },
    initialPageParam: null as string | null,
    getNextPageParam: last => last.next,
    placeholderData: before => before,
    meta: { follows: noun.follows ?? [] },
  })
  const { data } = answer
  const items = useMemo(() => data?.pages.flatMap(page => page.items) ?? [], [data])
  return { query, items, answer }
}
