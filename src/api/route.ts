/**
 * A route is a value: its path, shapes, permission and errors in one place. The server registers it, OpenAPI describes
 * it, the SDK calls it, the CLI turns it into a command, and the authorisation test walks it.
 */
import type { Static, TObject, TSchema } from 'typebox'
import type { ErrorCode } from '../model/errors.ts'
import type { Permission } from '../model/permissions.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/**
 * Where the permission must be held: in the project that the caller works in, in the domain of the thing, or on the
 * whole system. 'self': any signed-in user, for what is their own. 'public': anyone, signed in or not.
 */
export type Level = 'project' | 'domain' | 'system' | 'self' | 'public'

export interface RouteShape<
  Params extends TObject = TObject,
  Query extends TObject = TObject,
  Body extends TSchema = TSchema,
  Reply extends TSchema = TSchema,
> {
  /** `noun.verb`; the CLI's command is `croft noun verb`. */
  name: `${string}.${string}`
  method: Method
  /** With `:name` for each path parameter. */
  path: string
  summary: string
  level: Level
  /** Null only at the levels 'self' and 'public'. */
  needs: Permission | null
  /**
   * At level 'project': what suffices on an instance that was given to the caller singly (a grant of scope 'instance'). With
   * `:instance` in the path, on that one; else on any, and the use case keeps to those. Without it, nobody comes in so.
   */
  on_instance?: Permission
  /** At level 'domain': fields of query or body that name what lies in a domain. A request without any takes the permission on the whole system. */
  within?: readonly string[]
  params?: Params
  query?: Query
  body?: Body
  /** In place of a JSON body: bytes of any length, which the handler reads from the request as they come. */
  takes?: 'bytes'
  /** Asked with a body, and yet nothing is changed: who may not is refused, and it leaves no trace in the audit log. */
  only_looks?: boolean
  /** A GET that has something done: the audit log has it, and who was refused it, as of any change. */
  acts?: boolean
  /** Fields of the body that the audit log keeps, whether it was done or refused. Nothing secret. */
  audited?: readonly string[]
  /** Of success. 'stream' replies (SSE, WebSocket, bytes) have no JSON body. */
  status: 200 | 201 | 202 | 204
  reply?: Reply
  stream?: 'events' | 'websocket' | 'bytes'
  errors: readonly ErrorCode[]
  /** Hints for the generated command line: body fields given as positional words, columns of a table, and those of one that is asked for by a filter. */
  cli?: {
    positional?: readonly string[]
    columns?: readonly string[]
    columns_asked?: Readonly<Record<string, readonly string[]>>
    hidden?: boolean
  }
}

export type Route = RouteShape

/** Gives a route its exact type. A route without a permission and without a level that explains why does not compile its way past the tidy test. */
export function route<P extends TObject, Q extends TObject, B extends TSchema, R extends TSchema>(
  shape: RouteShape<P, Q, B, R>,
): RouteShape<P, Q, B, R> {
  return shape
}

/** Where a route's permission must be held for a request with these fields, in words. */
export function whereHeld({ level, within }: Pick<Route, 'level' | 'within'>, given: readonly string[]): string {
  if (level === 'system') return 'on the whole system'
  if (level !== 'domain') return 'in this project'
  return within && !within.some(field => given.includes(field)) ? 'on the whole system' : 'in that domain'
}

/**
 * What a request by this route is about, of the things that its path names: the one that the action is named for, as the router of
 * router.remove-interface, else the last, as the host of maintenance.start. Without any it is what the route makes, whose id nobody knows yet.
 */
export function subjectOf({ name }: Pick<Route, 'name'>, params: object): { noun: string; id: string | null } {
  const named = Object.entries(params).flatMap(([key, id]: [string, unknown]) =>
    typeof id === 'string' ? [{ noun: key.replaceAll('_', '-'), id }] : [],
  )
  const { noun, id } = named.find(one => name.startsWith(`${one.noun}.`)) ??
    named.at(-1) ?? { noun: name.slice(0, name.indexOf('.')), id: null }
  // Of /:scope/:id the scope is the noun.
  return { noun: noun === 'id' ? (named[0]?.id ?? noun) : noun, id }
}

/** What a path that the route was asked by has in the place of each `:name`. */
export function paramsIn({ path }: Pick<Route, 'path'>, asked: string): Record<string, string> {
  const parts = asked.split('/')
  return Object.fromEntries(
    path.split('/').flatMap((part, at) => (part.startsWith(':') ? [[part.slice(1), parts[at] ?? '']] : [])),
  )
}

export type ParamsOf<T> = T extends RouteShape<infer P> ? Static<P> : never
export type QueryOf<T> = T extends RouteShape<TObject, infer Q> ? Static<Q> : never
export type BodyOf<T> = T extends RouteShape<TObject, TObject, infer B> ? Static<B> : never
export type ReplyOf<T> = T extends RouteShape<TObject, TObject, TSchema, infer R> ? Static<R> : never
