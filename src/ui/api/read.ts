/**
 * Reading and changing by the API's routes, over TanStack Query. What was read stays true by the event stream (live/): nothing is
 * read again by the clock.
 */
import { keepPreviousData, useMutation, useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { Route, ReplyOf } from '../../api/route.ts'
import type { InputOf, LooseInput, Reply } from '../../sdk/client.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { live } from '../live/stream.ts'
import { client, expire } from '../session/session.ts'

/** One call. A token that has run out leads to the sign-in. */
export async function call<R extends Route>(route: R, input: InputOf<R>): Promise<ReplyOf<R>> {
  return (await ask(route, input as LooseInput)).body as ReplyOf<R>
}

export async function ask(route: Route, input: LooseInput): Promise<Reply<unknown>> {
  const its = client()
  try {
    return await its.askLoosely(route, input)
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'not_signed_in') expire(its)
    throw error
  }
}

export interface ReadOptions {
  /** Nouns whose events make it be read again; '*': all, '*asked': all that someone asked for. */
  follows?: readonly string[]
  /** Only events of this thing. */
  of?: string
  enabled?: boolean
  /** While another question of the same kind is under way, the last one's answer stays (isPlaceholderData). */
  keep?: boolean
}

/** The answer of any route that reads. */
export function useRead<R extends Route>(
  route: R,
  input: InputOf<R>,
  options: ReadOptions = {},
): UseQueryResult<ReplyOf<R>> {
  const { params, query, body } = input as LooseInput
  return useQuery({
    queryKey: ['read', route.name, params ?? {}, query ?? {}, ...(body === undefined ? [] : [body])],
    queryFn: async ({ signal }) => {
      await live.opened
      return await call(route, { ...input, signal })
    },
    meta: { follows: options.follows ?? [], of: options.of },
    enabled: options.enabled ?? true,
    ...(options.keep && { placeholderData: keepPreviousData }),
  })
}

/** The first of each noun's choices for a form or a search. */
export function useChoices<T extends { id: string; name?: string }>(
  route: Route,
  query: Record<string, unknown> = {},
  options: ReadOptions = {},
): UseQueryResult<{ items: T[]; next: string | null }> {
  return useRead(route, { query: { limit: 200, ...query } } as never, options) as never
}

export function useChange<V, A>(change: (variables: V) => Promise<A>) {
  return useMutation<A, Error, V>({ mutationFn: change })
}
