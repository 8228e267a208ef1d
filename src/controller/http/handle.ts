/**
 * One route, answered: from the wire to a use case and back. Checks the shape, finds out who asks, refuses who may not,
 * and turns every failure into a problem (RFC 9457). Knows no noun.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { BodyOf, ParamsOf, QueryOf, ReplyOf, Route } from '../../api/route.ts'
import type { Caller } from '../app/caller.ts'
import type { Cloud } from '../cloud.ts'

export interface Input<R> {
  cloud: Cloud
  caller: Caller
  params: ParamsOf<R>
  query: QueryOf<R>
  body: BodyOf<R>
  /** For streams only: the raw pair. */
  request: FastifyRequest
  reply: FastifyReply
}

export interface Answer<B> {
  body: B
  /** Version for ETag, when the thing has one. */
  version?: number
  /** The operation that `Prefer: wait=N` waits for, and the body once it has ended. */
  operation_id?: string
  after?: () => Promise<B>
}

export interface Handled {
  route: Route
  run: (input: Input<Route>) => Promise<Answer<unknown>>
}

/** Ties a route to its use case; the types of parameters, query, body and reply are the route's. */
export function handle<R extends Route>(route: R, run: (input: Input<R>) => Promise<Answer<ReplyOf<R>>>): Handled {
  return { route, run: input => run(input) }
}

/** A plain answer. */
export function answer<B>(body: B, version?: number): Answer<B> {
  return version === undefined ? { body } : { body, version }
}
