/**
 * The SDK's way to a server: the part of `fetch` that it needs, over node:http and node:https. The built-in fetch takes no
 * certificate authority of one's own, and costs a command line 20 ms to load; where it is what one has, such as in a
 * browser, it can be given in place of this.
 */
import http, { type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream'
import { Readable } from 'node:stream'
import { ConnectionFailed } from './errors.ts'
import type { Answered, Fetch } from './fetch.ts'

export interface TransportOptions {
  /** Trusted in place of the system's certificate authorities. */
  ca_pem?: string
  /** A connection on which nothing comes for so long is given up. Streams send a comment every 15 s. */
  silence_max_ms?: number
}

const silence_default_ms = 330_000

/** Connections are kept and used again; idle ones do not keep a process alive. */
export function nodeFetch({ ca_pem, silence_max_ms = silence_default_ms }: TransportOptions = {}): Fetch {
  const plain = new http.Agent({ keepAlive: true })
  const secure = new https.Agent({ keepAlive: true, ...(ca_pem !== undefined && { ca: ca_pem }) })
  return (url, asked) =>
    new Promise<Answered>((resolve, reject) => {
      const { signal } = asked
      const failed = (error: unknown) => reject(signal?.aborted ? signal.reason : connectionFailed(url, error))
      const options: RequestOptions = { method: asked.method, headers: asked.headers, ...(signal && { signal }) }
      const target = new URL(url)
      const request =
        target.protocol === 'https:'
          ? https.request(target, { ...options, agent: secure })
          : http.request(target, { ...options, agent: plain })
      request.setTimeout(silence_max_ms, () =>
        request.destroy(
          Object.assign(new Error(`nothing was heard for ${silence_max_ms / 1000} s`), { code: 'ETIMEDOUT' }),
        ),
      )
      request.on('error', failed)
      request.on('response', response => resolve(answered(url, response, signal)))
      if (typeof asked.body === 'object' && !(asked.body instanceof Uint8Array)) {
        // The request's own 'error' tells of a broken pipe; what the source of the body throws is told here.
        pipeline(Readable.from(asked.body), request, error => error && failed(error))
      } else request.end(asked.body)
    })
}

function answered(url: string, response: IncomingMessage, signal: AbortSignal | undefined): Answered {
  return {
    status: response.statusCode ?? 0,
    headers: {
      get: name => {
        const value = response.headers[name.toLowerCase()]
        return Array.isArray(value) ? value.join(', ') : (value ?? null)
      },
    },
    body: bytesOf(url, response, signal),
  }
}

async function* bytesOf(
  url: string,
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw new ConnectionFailed(url, 'CUT_SHORT', `The answer of ${originOf(url)} broke off.`, { cause: error })
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no such name is known. Check the address',
  EAI_AGAIN: 'names cannot be looked up now',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer came in time',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself. Give the cloud’s CA certificate with --ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate authority is not known here. Give the cloud’s CA certificate with --ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate authority is not known here. Give the cloud’s CA certificate with --ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate authority is not known here. Give the cloud’s CA certificate with --ca',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  EPROTO: 'it does not speak TLS there. Is it http:// and not https://?',
}

function connectionFailed(url: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
  const why = reasons[code] ?? error.message
  return new ConnectionFailed(url, code, `${originOf(url)} cannot be reached: ${why}.`, { cause: error })
}

function originOf(url: string): string {
  return new URL(url).origin
}
