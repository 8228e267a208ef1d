/** The contract as OpenAPI 3.1: made from the routes themselves, so that the two cannot drift. */
import { errorTable } from '../model/errors.ts'
import { Problem } from './common.ts'
import type { Route } from './route.ts'

/** Schemas that answers refer to by name. */
export const problemSchemas = [{ $id: 'Problem', ...Problem }]

export function swaggerOptions(version: string) {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Croft',
        version,
        description:
          'Turns Linux servers into a cloud. All times are RFC 3339 in UTC; sizes carry their unit in the name.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http' as const, scheme: 'bearer', description: 'A token from sign-in, or an API key' },
        },
      },
      security: [{ bearer: [] }],
    },
    // Names in components as they are here, not numbered.
    refResolver: {
      buildLocalReference: (json: Record<string, unknown>, _uri: unknown, _fragment: string, i: number) =>
        typeof json.$id === 'string' ? json.$id : `schema${i}`,
    },
  }
}

/** Content types of bodies that are bytes; the second is tus's own. */
export const bytesTypes = ['application/octet-stream', 'application/offset+octet-stream']

const always: readonly (keyof typeof errorTable)[] = ['bad_request', 'invalid', 'too_many_requests', 'internal']

/** What Fastify's OpenAPI plug-in wants to know of a route. */
export function swaggerSchema(route: Route): Record<string, unknown> {
  const [tag = 'other'] = route.name.split('.')
  const secured = route.level === 'public' ? [] : (['not_signed_in', 'forbidden'] as const)
  const problems: Record<number, string[]> = {}
  for (const code of [...always, ...secured, ...route.errors]) {
    const known = (problems[errorTable[code].status] ??= [])
    if (!known.includes(code)) known.push(code)
  }
  const response: Record<number, unknown> = { [route.status]: successOf(route) }
  for (const [status, codes] of Object.entries(problems)) {
    response[Number(status)] = {
      description: codes.join(', '),
      content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
    }
  }
  return {
    operationId: route.name,
    summary: route.summary,
    tags: [tag],
    ...(route.level === 'public' && { security: [] }),
    ...(route.params && { params: route.params }),
    ...(route.query && { querystring: route.query }),
    ...(route.body && { body: route.body }),
    ...(route.takes && { consumes: bytesTypes, body: { type: 'string', format: 'binary' } }),
    response,
    'x-permission': route.needs,
    'x-level': route.level,
  }
}

function successOf(route: Route): unknown {
  switch (route.stream) {
    case 'events':
      return { description: 'Server-sent events', content: { 'text/event-stream': { schema: { type: 'string' } } } }
    case 'bytes':
      return { description: 'Bytes', content: { 'application/octet-stream': { schema: { type: 'string' } } } }
    case 'websocket':
      return { description: 'Switching to WebSocket', type: 'null' }
    case undefined:
      return route.reply ? { description: 'Done', ...route.reply } : { description: 'Done', type: 'null' }
    default:
      return route.stream satisfies never
  }
}
