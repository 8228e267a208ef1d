/**
 * The API as `croft up` uses it on the controller's own machine: few calls, with the cloud's own CA, as the local
 * administrator. Not its job: being a client for anybody else (sdk/).
 */
import http from 'node:http'
import https from 'node:https'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { HostError } from './error.ts'

export type ApiPlace = {
  /** http://127.0.0.1:7070 */
  url: string
  /** PEM; for https. */
  ca?: string | undefined
  token?: string | undefined
}

export type Api = {
  readonly place: ApiPlace
  /** Throws ApiError when the answer is a problem, HostError when there is none. */
  call<T>(method: string, path: string, body?: object): Promise<T>
  /** Looks with `check` at once and after every event of the cloud, until it gives something; undefined after the time. */
  until<T>(check: () => Promise<T | undefined>, timeout_ms: number): Promise<T | undefined>
}

/** A problem (RFC 9457) in the API's answer. */
export class ApiError extends HostError {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, detail: string) {
    super(detail)
    this.name = 'ApiError'
    this.status = status
    this.code = code
  }
}

function open(place: ApiPlace, method: string, path: string, body?: Buffer, signal?: AbortSignal) {
  const url = new URL(path, place.url)
  const headers: http.OutgoingHttpHeaders = { accept: 'application/json' }
  if (place.token !== undefined) headers.authorization = `Bearer ${place.token}`
  if (body) {
    headers['content-type'] = 'application/json'
    headers['content-length'] = body.length
  }
  const options: https.RequestOptions = {
    method,
    headers,
    ...(signal && { signal }),
    ...(place.ca && { ca: place.ca }),
  }
  return new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = url.protocol === 'https:' ? https.request(url, options) : http.request(url, options)
    request.on('error', reject)
    request.on('response', resolve)
    request.end(body)
  })
}

function problemOf(status: number, answer: string): ApiError {
  let value: unknown
  try {
    value = JSON.parse(answer)
  } catch {
    value = undefined
  }
  const field = (name: string) => {
    const found =
      typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name) : undefined
    return typeof found?.[1] === 'string' ? found[1] : undefined
  }
  return new ApiError(status, field('code') ?? 'unknown', field('detail') ?? `the controller answered ${status}`)
}

export function localApi(place: ApiPlace): Api {
  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    let answer: http.IncomingMessage
    try {
      answer = await open(place, method, path, body && Buffer.from(JSON.stringify(body)))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new HostError(`the controller at ${place.url} does not answer: ${why}`, undefined, { cause: error })
    }
    const said = await text(answer)
    const status = answer.statusCode ?? 0
    if (status < 200 || status > 299) throw problemOf(status, said)
    return (said === '' ? undefined : JSON.parse(said)) as T
  }
  return { place, call, until: (check, timeout_ms) => until(place, check, timeout_ms) }
}

async function until<T>(
  place: ApiPlace,
  check: () => Promise<T | undefined>,
  timeout_ms: number,
): Promise<T | undefined> {
  const signal = AbortSignal.timeout(timeout_ms)
  try {
    // First the stream, then the first look: what happens between the two is not missed.
    const stream = await open(place, 'GET', '/v1/event-stream', undefined, signal)
    if (stream.statusCode !== 200) throw problemOf(stream.statusCode ?? 0, await text(stream))
    const lines = createInterface({ input: stream })[Symbol.asyncIterator]()
    try {
      for (;;) {
        const found = await check()
        if (found !== undefined) return found
        // An event, or a heartbeat, ends with an empty line (HTML standard, section 9.2.5).
        let line: IteratorResult<string>
        do {
          line = await lines.next()
          if (line.done) throw new HostError('the event stream ended: did the controller stop?')
        } while (line.value !== '')
      }
    } finally {
      stream.destroy()
    }
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}
