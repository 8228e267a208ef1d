/** A log, newest first, of which older pages are read as one asks; events of what it follows read it again. */
import { Button } from '@patternfly/react-core'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { Route } from '../../api/route.ts'
import { ask } from '../api/read.ts'
import { live } from '../live/stream.ts'

const page_size = 50

/** `T`: what `route` lists; `params` of its path. */
export function useLog<T>(
  route: Route,
  query: Readonly<Record<string, unknown>>,
  follows: readonly string[],
  params: Readonly<Record<string, string>> = {},
) {
  const answer = useInfiniteQuery({
    queryKey: ['read', route.name, params, query],
    queryFn: async ({ pageParam, signal }) => {
      await live.opened
      const asked = { ...query, limit: page_size, ...(pageParam !== null && { cursor: pageParam }) }
      return (await ask(route, { params, query: asked, signal })).body as { items: T[]; next: string | null }
    },
    initialPageParam: null as string | null,
    getNextPageParam: last => last.next,
    placeholderData: before => before,
    meta: { follows },
  })
  return { answer, rows: answer.data?.pages.flatMap(page => page.items) ?? [] }
}

interface Answer {
  hasNextPage: boolean
  isFetchingNextPage: boolean
  fetchNextPage(): Promise<unknown>
}

export function Older({ answer, title }: { answer: Answer; title: string }) {
  if (!answer.hasNextPage) return null
  return (
    <div>
      <Button
        variant="link"
        isLoading={answer.isFetchingNextPage}
        onClick={() => {
          if (!answer.isFetchingNextPage) void answer.fetchNextPage()
        }}
      >
        {title}
      </Button>
    </div>
  )
}
