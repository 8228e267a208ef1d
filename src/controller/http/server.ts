/**
 * The HTTP server: registers every route of the contract, and does for all of them alike what no use case should have
 * to think of: request ids, sign-in, permission, shapes, waiting, problems, audit of refusals.
 */
import { createHash } from 'node:crypto'
import fastifySwagger from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { problemSchemas, swaggerOptions, swaggerSchema } from '../../api/openapi.ts'
import { type Route, subjectOf, whereHeld } from '../../api/route.ts'
import { databaseBusy } from '../../lib/database-away.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { isUuid } from '../../model/ids.ts'
import { limits } from '../../model/limits.ts'
import type { Permission } from '../../model/permissions.ts'
import { auditRefusal } from '../app/audit.ts'
import {
  type Caller,
  forbidden,
  givenInstances,
  mayInAnyDomain,
  mayInProject,
  mayOnSystem,
  type RequestFacts,
} from '../app/caller.ts'
import { waitForOperation } from '../app/operation.ts'
import { type Cloud, forRequests, makeId } from '../cloud.ts'
import { authenticate, nobody } from './authenticate.ts'
import type { Answer, Handled } from './handle.ts'
import { servePlugins } from './plugin-files.ts'
import { problem, toCloudError } from './problem.ts'
import { type Rate, rateOf, RequestLimits } from './rate-limit.ts'
import { serialise } from './serialise.ts'
import { serveUi, type UiOptions } from './ui.ts'
import { checkSane, checkShape, fitsShape } from './validate.ts'

export interface ServerOptions {
  /** PEM; without it the server speaks plain HTTP, for loopback only. */
  tls?: { key: string; cert: string }
  /** Requests a second that one caller may send on average, and at once; without it as the settings say. */
  rate?: Rate
  /** Without it there is an API only. */
  ui?: UiOptions
}

/** As long as the log is asked by. */
const about_length_max = 128
const emptyBody = createHash('sha256').digest()

/** Builds the server; it does not listen yet. `handled` is every route with its use case. */
export async function buildServer(
  whole: Cloud,
  handled: readonly Handled[],
  options: ServerOptions = {},
): Promise<FastifyInstance> {
  const cloud = forRequests(whole)
  const server = Fastify({
    ...(options.tls && { https: options.tls }),
    bodyLimit: limits.body_bytes_max,
    genReqId: request => requestId(cloud, request.headers['x-request-id']),
    requestIdHeader: false,
    logger: false,
    trustProxy: false,
    forceCloseConnections: true,
    // Such as a path that cannot be decoded: refused before there is a route, and a problem document all the same.
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      void sendProblem(cloud, error, request, reply)
    },
  }) as unknown as FastifyInstance
  const rates = new RequestLimits(cloud.clock, options.rate ?? rateOf(cloud.settings))
  server.setValidatorCompiler(() => () => true)
  server.setSerializerCompiler(() => serialise)
  for (const schema of problemSchemas) server.addSchema(schema)
  await server.register(fastifySwagger, swaggerOptions(cloud.self.version))
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('cache-control', 'no-store')
    reply.header('x-content-type-options', 'nosniff')
    rates.admit(request, reply)
  })
  server.setErrorHandler((error, request, reply) => sendProblem(cloud, error, request, reply))
  server.setNotFoundHandler((request, reply) =>
    sendProblem(
      cloud,
      new CloudError('not_found', `There is nothing at ${request.method} ${pathOf(request)}.`),
      request,
      reply,
    ),
  )
  register(
    cloud,
    server,
    handled.filter(({ route }) => !route.takes),
  )
  await server.register(async scope => {
    takeBytes(cloud, scope)
    register(
      cloud,
      scope,
      handled.filter(({ route }) => route.takes),
    )
  })
  if (options.ui) serveUi(server, options.ui)
  servePlugins(cloud, server, options.ui?.folder)
  server.get('/v1/openapi.json', { schema: { hide: true } }, async () => server.swagger())
  return server
}

function register(cloud: Cloud, scope: FastifyInstance, handled: readonly Handled[]): void {
  for (const { route, run } of handled) {
    scope.route({
      method: route.method,
      url: route.path,
      schema: swaggerSchema(route),
      handler: async (request, reply) => serve(cloud, { route, run }, request, reply),
    })
  }
}

const linger_ms = 2000

/**
 * Bodies are left to the handler, unread and of any length. One that was refused before its end is read on for a moment,
 * so that its sender sees the answer and not a broken connection; then the connection is cut.
 */
function takeBytes(cloud: Cloud, scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined))
  scope.addHook('onResponse', async ({ raw }) => {
    if (raw.complete) return
    raw.unpipe().resume()
    cloud.clock.after(linger_ms, () => {
      if (!raw.complete) raw.destroy()
    })
  })
}

function requestId(cloud: Cloud, given: string | string[] | undefined): string {
  return typeof given === 'string' && isUuid(given) ? given : makeId(cloud)
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}

async function serve(
  cloud: Cloud,
  { route, run }: Handled,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  checkSane(request.params, 'path')
  checkSane(request.query, 'query')
  if (!route.takes) checkSane(request.body, 'body')
  const facts = requestFacts(route, request)
  const reads = route.method === 'GET' || route.method === 'HEAD'
  const caller =
    route.level === 'public' ? nobody(facts) : await authenticate(cloud, request.headers.authorization, facts)
  try {
    permit(route, caller, request)
    const input = {
      cloud,
      caller,
      params: checkPart(route.params, request.params, 'path', reads),
      query: checkPart(route.query, request.query, 'query', reads),
      body: checkPart(route.body, request.body, 'body', reads),
      request,
      reply,
    }
    const answered = await waited(cloud, await run(input as never), request)
    if (route.stream) return reply
    reply.status(route.status)
    if (answered.version !== undefined) reply.header('etag', `"${answered.version}"`)
    return await reply.send(route.status === 204 ? undefined : answered.body)
  } catch (error) {
    if (route.acts || (!reads && !route.only_looks)) {
      const audited = auditRefusal(cloud, caller, toCloudError(error, request.id))
      // Who has waited in vain for a connection does not wait for one more.
      if (databaseBusy(error) === null) await audited
    }
    throw error
  }
}

function checkPart(
  schema: Route['params'] | Route['body'],
  value: unknown,
  where: 'path' | 'query' | 'body',
  only_reads: boolean,
): unknown {
  if (!schema) {
    if (where === 'query' && Object.keys(value ?? {}).length > 0) {
      throw new CloudError('invalid', `This route takes no query, but got: ${Object.keys(value ?? {}).join(', ')}.`)
    }
    return undefined
  }
  return checkShape(schema, value ?? {}, where, only_reads)
}

/** Refuses early whom the route's level cannot admit; the use case checks the very thing. */
function permit(route: Route, caller: Caller, { params, query, body }: FastifyRequest): void {
  const { needs } = route
  switch (route.level) {
    case 'public':
    case 'self':
      if (needs !== null && !mayInProject(caller, needs)) throw forbidden(needs, 'in this project')
      return
    case 'project':
      if (needs === null) throw new CloudError('forbidden', 'This route names no permission, so nobody may use it.')
      if (!mayInProject(caller, needs) && !mayOnSystem(caller, needs)) permitOnGiven(route, caller, params, needs)
      return
    case 'domain':
      if (needs === null || !mayInAnyDomain(caller, needs)) {
        throw forbidden(needs ?? 'domain.read', whereHeld(route, [query, body].flatMap(fieldsOf)))
      }
      return
    case 'system':
      if (needs === null || !mayOnSystem(caller, needs))
        throw forbidden(needs ?? 'topology.read', 'on the whole system')
      return
    default:
      route.level satisfies never
  }
}

/** Of a part of a request that was not looked at yet. */
const fieldsOf = (part: unknown) => (typeof part === 'object' && part !== null ? Object.keys(part) : [])

/** Those to whom single instances were given: on these, by the routes that are meant for it. Others are not there for them. */
function permitOnGiven({ on_instance, path }: Route, caller: Caller, params: unknown, needs: Permission): void {
  if (on_instance === undefined || caller.on_instances.size === 0) throw forbidden(needs, 'in this project')
  if (!path.includes('/:instance')) {
    if (givenInstances(caller, on_instance).length === 0) throw forbidden(on_instance, 'on any of these instances')
    return
  }
  const { instance: id } = params as { instance: string }
  const held = caller.on_instances.get(id.toLowerCase())
  // Who sees all of the project's is told what is lacking; for others this one does not exist.
  if (!held && !mayInProject(caller, 'instance.read')) throw notFound('instance', id)
  if (!held?.has(on_instance)) throw forbidden(on_instance, 'on this instance')
}

function requestFacts(route: Route, request: FastifyRequest): RequestFacts {
  const key = request.headers['idempotency-key']
  if (typeof key === 'string' && (key.length < 1 || key.length > 255)) {
    throw new CloudError('bad_request', 'An Idempotency-Key has 1 to 255 characters.')
  }
  const path = pathOf(request)
  return {
    id: request.id,
    method: request.method,
    path,
    action: route.name,
    about: subjectOf(route, request.params ?? {}).id?.slice(0, about_length_max) ?? null,
    status: route.status,
    address: request.ip,
    idempotency_key: typeof key === 'string' && route.method !== 'GET' ? key : null,
    sha256: request.body
      ? createHash('sha256')
          .update(`${request.method} ${request.url}\n${JSON.stringify(request.body)}`)
          .digest()
      : createHash('sha256').update(`${request.method} ${request.url}\n`).update(emptyBody).digest(),
    if_match: ifMatch(request.headers['if-match']),
    audit_detail: auditDetail(route, request.body),
  }
}

/** Also of what is refused; of what does not even fit its shape there is nothing that could be kept. */
function auditDetail({ audited, body: shape }: Route, body: unknown): Record<string, unknown> | null {
  if (!audited || !shape || !fitsShape(shape, body)) return null
  const kept = Object.entries(body ?? {}).filter(([name]) => audited.includes(name))
  return kept.length > 0 ? Object.fromEntries(kept) : null
}

function ifMatch(header: string | undefined): number | null {
  if (header === undefined || header === '*') return null
  const match = /^"(\d{1,15})"$/.exec(header)
  if (!match) throw new CloudError('bad_request', 'If-Match takes one ETag as this API gave it, such as "3".')
  return Number(match[1])
}

/** `Prefer: wait=N` (RFC 7240): the answer comes when the operation has ended, or after N seconds as things stand then. */
async function waited(cloud: Cloud, answered: Answer<unknown>, request: FastifyRequest): Promise<Answer<unknown>> {
  const prefer = request.headers.prefer
  const match = /(?:^|[,;\s])wait=(\d{1,4})/.exec(Array.isArray(prefer) ? prefer.join(',') : (prefer ?? ''))
  if (!match || !answered.operation_id || !answered.after) return answered
  const gone = new AbortController()
  request.raw.once('close', () => gone.abort())
  const wait_s = Math.min(Number(match[1]), limits.wait_s_max)
  await waitForOperation(cloud, answered.operation_id, wait_s * 1000, gone.signal)
  // The version was of the body that is not sent now.
  const { version: _, ...rest } = answered
  return { ...rest, body: await answered.after() }
}

async function sendProblem(cloud: Cloud, error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const cloudError = toCloudError(error, request.id)
  if (cloudError.status >= 500) {
    // A refusal that was meant, as of what a host does not answer, is no fault of Croft's.
    const level = error instanceof CloudError && error.cause === undefined ? 'info' : 'error'
    cloud.log[level]({ err: error, request_id: request.id, url: pathOf(request) }, cloudError.message)
  }
  if (cloudError.code === 'not_signed_in') reply.header('www-authenticate', 'Bearer realm="croft"')
  await reply.status(cloudError.status).type('application/problem+json').send(problem(cloudError, request.id))
}
