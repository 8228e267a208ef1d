/**
 * A client of the API, typed by the contract's own values: what a route takes and answers is read off the route, so there
 * is nothing to generate and nothing that can be out of date (docs/design/0001-sdk-from-values.md). It runs wherever there is
 * a `fetch`: in Node by node-client.ts, in a browser by browser-transport.ts.
 * Not its job: deciding what to ask; showing answers.
 */
import type { Event } from '../api/event.ts'
import type { BodyOf, ParamsOf, QueryOf, ReplyOf, Route } from '../api/route.ts'
import { ApiProblem, ConnectionFailed } from './errors.ts'
import { readEventStream } from './event-stream.ts'
import type { Answered, Asked, Fetch } from './fetch.ts'
import { randomUuid } from './uuid.ts'

export interface Server {
  /** Of any controller: http://127.0.0.1:7070 */
  url: string
  /** A token from sign-in, or an API key. */
  token?: string | undefined
}

/** The ways to the server: for calls, and for the event stream, where something is heard every 15 s. */
export interface Ways {
  calls: Fetch
  events: Fetch
}

export interface CallOptions {
  /** Prefer: wait=N. The answer comes when the operation has ended, or after so many seconds (300 at most). */
  wait_s?: number | undefined
  /** Of changes; one is made for each call if none is given, so that a lost connection is no risk. */
  idempotency_key?: string | undefined
  /** The version that the caller saw; another one now is refused (changed_meanwhile). */
  if_match?: number | undefined
  signal?: AbortSignal | undefined
}

type Part<K extends string, T> = {} extends T ? { [key in K]?: T } : { [key in K]: T }
export type InputOf<R extends Route> = Part<'params', ParamsOf<R>> &
  Part<'query', QueryOf<R>> &
  Part<'body', BodyOf<R>> &
  CallOptions
type Arguments<R extends Route> = {} extends InputOf<R> ? [input?: InputOf<R>] : [input: InputOf<R>]
export type ItemOf<R> = ReplyOf<R> extends { items: readonly (infer Item)[] } ? Item : never

/** As `call`'s input looks to code that knows the route only at run time, such as the CLI. */
export interface LooseInput extends CallOptions {
  params?: Readonly<Record<string, unknown>> | undefined
  query?: Readonly<Record<string, unknown>> | undefined
  body?: unknown
}

export interface Reply<B> {
  status: number
  body: B
  /** From ETag, for if_match; undefined for what has no version. */
  version: number | undefined
  request_id: string
}

export interface EventOptions {
  /** Goes on after this event; without it, from now on. */
  cursor?: string | undefined
  noun?: string | undefined
  resource_id?: string | undefined
  all_projects?: boolean | undefined
  signal?: AbortSignal | undefined
  /**
   * The stream is open, for the first time or again. What happened since the last cursor comes now, unless `gap`: then the
   * connection broke before any event gave a cursor, or it was away for so long that some are kept no longer (said once more then), and
   * what one watches should be read again.
   */
  on_open?: ((gap: boolean) => void) | undefined
  /** The connection is lost; it is tried again. */
  on_lost?: ((error: unknown) => void) | undefined
}

const retry_delays_ms = [100, 400, 1500, 4000]
/** Of contract.event.stream, held to it by a test: importing the contract costs a command line 60 ms. */
export const event_stream_path = '/v1/event-stream'
const event_delays_ms = [100, 500, 2000, 5000]
/** The server says something on an event stream every 15 s. */
export const event_silence_ms = 45_000

export interface ApiClient {
  readonly url: string
  /** Rejects with ApiProblem when refused, ConnectionFailed when no answer came, the signal's reason when aborted. */
  call<R extends Route>(route: R, ...input: Arguments<R>): Promise<ReplyOf<R>>
  /** The same with status, version and request id. */
  ask<R extends Route>(route: R, ...input: Arguments<R>): Promise<Reply<ReplyOf<R>>>
  /** The same for a route known only at run time. */
  askLoosely(route: Route, input: LooseInput): Promise<Reply<unknown>>
  /** All items of a list, page after page as they are taken. */
  pages<R extends Route>(
    route: R,
    query?: QueryOf<R>,
    options?: Pick<CallOptions, 'signal'>,
  ): AsyncGenerator<ItemOf<R>, void>
  /** Events from now or from a cursor on; resumes by itself, without gap or double. Ends when the signal fires. */
  events(options?: EventOptions): AsyncGenerator<Event, void>
  /** The bytes of a route that streams, such as a console log. */
  stream<R extends Route>(route: R, ...input: Arguments<R>): Promise<AsyncIterable<Uint8Array>>
  /** Any other request with this client's credential, such as a tus upload. Refusals are not thrown. */
  raw(path: string, asked: Asked): Promise<Answered>
}

export function clientOver(options: Server, { calls: fetch, events: fetchEvents }: Ways): ApiClient {
  const url = options.url.replace(/\/+$/, '')
  const credential: Record<string, string> = options.token ? { authorization: `Bearer ${options.token}` } : {}

  function requestOf(route: Route, input: LooseInput): { url: string; asked: Asked } {
    const headers: Record<string, string> = { accept: 'application/json', ...credential }
    if (route.method !== 'GET') headers['idempotency-key'] = input.idempotency_key ?? randomUuid()
    if (input.wait_s !== undefined) headers.prefer = `wait=${Math.ceil(input.wait_s)}`
    if (input.if_match !== undefined) headers['if-match'] = `"${input.if_match}"`
    const body = route.body && JSON.stringify(input.body ?? {})
    if (body !== undefined) headers['content-type'] = 'application/json'
    return {
      url: url + pathOf(route, input.params ?? {}) + queryOf(input.query ?? {}),
      asked: {
        method: route.method,
        headers,
        ...(body !== undefined && { body }),
        ...(input.signal && { signal: input.signal }),
      },
    }
  }

  async function askLoosely(route: Route, input: LooseInput): Promise<Reply<unknown>> {
    // Made once: a repeated request is the same one, with the same Idempotency-Key.
    const { url, asked } = requestOf(route, input)
    return withRetries(input.signal, async () => {
      const answer = await fetch(url, asked)
      return replyOf(answer, await textOf(answer))
    })
  }

  return {
    url,
    askLoosely,
    ask: (route, ...[input]) => askLoosely(route, input ?? {}) as never,
    call: async (route, ...[input]) => (await askLoosely(route, input ?? {})).body as never,
    async *pages(route, query, { signal } = {}) {
      let cursor: string | null | undefined
      do {
        const asked = { ...query, ...(cursor && { cursor }) }
        const { body } = await askLoosely(route, { query: asked, signal })
        const page = body as { items: ItemOf<typeof route>[]; next: string | null }
        yield* page.items
        cursor = page.next
      } while (cursor)
    },
    events: options => followEvents(fetchEvents, url, credential, options ?? {}),
    async stream(route, ...[input]) {
      const { url, asked } = requestOf(route, input ?? {})
      delete asked.headers.accept
      const answer = await fetch(url, asked)
      if (answer.status >= 300) replyOf(answer, await textOf(answer))
      return answer.body ?? nothing()
    },
    raw: (path, asked) => fetch(url + path, { ...asked, headers: { ...credential, ...asked.headers } }),
  }
}

function pathOf(route: Route, params: Readonly<Record<string, unknown>>): string {
  return route.path.replace(/:(\w+)/g, (_, name: string) => {
    const value = params[name]
    if (typeof value !== 'string' || value === '') throw new TypeError(`${route.name} needs the parameter ${name}.`)
    return encodeURIComponent(value)
  })
}

function queryOf(query: Readonly<Record<string, unknown>>): string {
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) parts.append(name, String(one))
  }
  return parts.size === 0 ? '' : `?${parts.toString()}`
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function textOf(answer: Answered): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  if (answer.body) for await (const chunk of answer.body) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

/** Throws ApiProblem for what is not success. */
function replyOf(answer: Answered, text: string): Reply<unknown> {
  const { status, headers } = answer
  const body = parse(text)
  if (status < 200 || status >= 300) {
    const retry = Number(headers.get('retry-after') ?? Number.NaN)
    const document = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
    throw new ApiProblem(status, document, Number.isFinite(retry) ? retry : undefined)
  }
  if (text !== '' && body === undefined)
    throw new ApiProblem(status, { detail: 'The answer is not JSON. Is it Croft?' })
  const version = /^"(\d+)"$/.exec(headers.get('etag') ?? '')?.[1]
  return {
    status,
    body,
    version: version === undefined ? undefined : Number(version),
    request_id: headers.get('x-request-id') ?? '',
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Asks again when the connection broke, or when the server says to come back in a moment. Every change carries an
 * Idempotency-Key, so asking twice does nothing twice. A server that was never there is an error at once.
 */
async function withRetries<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
  let broke = false
  for (let tried = 0; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      const pause_ms = retry_delays_ms[tried]
      broke ||= error instanceof ConnectionFailed && error.perhaps_received
      const busy_ms =
        error instanceof ApiProblem && error.code === 'too_many_requests' ? (error.retry_after_s ?? 1) * 1000 : 0
      const again = (broke && error instanceof ConnectionFailed) || (busy_ms > 0 && busy_ms <= 5000)
      if (pause_ms === undefined || !again || signal?.aborted) throw error
      await delay(Math.max(pause_ms, busy_ms), signal)
    }
  }
}

/** Rejects with the signal's reason when it fires before the time is over. */
export function delay(time_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, time_ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

async function* followEvents(
  fetch: Fetch,
  url: string,
  credential: Record<string, string>,
  { cursor, signal, on_open, on_lost, ...filter }: EventOptions,
): AsyncGenerator<Event, void> {
  const headers = { accept: 'text/event-stream', ...credential }
  const ended = () => signal?.aborted === true
  let opened = false
  for (let tried = 0; !ended(); tried++) {
    try {
      const target = url + event_stream_path + queryOf({ ...filter, cursor })
      const answer = await fetch(target, { method: 'GET', headers, ...(signal && { signal }) })
      if (answer.status >= 300) replyOf(answer, await textOf(answer))
      on_open?.(opened && cursor === undefined)
      opened = true
      for await (const one of readEventStream(answer.body ?? nothing())) {
        tried = 0
        cursor = one.id ?? cursor
        if (one.event === 'gap') on_open?.(true)
        if (one.data !== '') yield JSON.parse(one.data) as Event
        if (ended()) return
      }
      on_lost?.(undefined)
    } catch (error) {
      if (ended()) return
      const refused = error instanceof ApiProblem && error.status < 500
      if (refused || (!opened && tried >= 1)) throw error
      on_lost?.(error)
    }
    await delay(event_delays_ms[Math.min(tried, event_delays_ms.length - 1)] ?? 0, signal).catch(() => undefined)
  }
}
