/** What can go wrong with a call: the API refuses it (ApiProblem), or no answer comes at all (ConnectionFailed). */
import type { ErrorCode } from '../model/errors.ts'

/** The API's answer to what it refuses: a problem document (RFC 9457) as an error. The message is its `detail`. */
export class ApiProblem extends Error {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** A code of errorTable; another word when what answered is not Croft, such as a proxy. */
  readonly code: ErrorCode | 'not_croft'
  readonly request_id: string
  /** All fields of the document, also those that only this code has, such as `faults` or `limit`. */
  readonly document: Readonly<Record<string, unknown>>
  /** From Retry-After, when the answer had it. */
  readonly retry_after_s: number | undefined

  constructor(status: number, document: Record<string, unknown>, retry_after_s?: number) {
    const text = (key: string, otherwise: string) => {
      const value = document[key]
      return typeof value === 'string' ? value : otherwise
    }
    const detail = text('detail', `The server answered with HTTP status ${status}, and not as Croft does.`)
    super(detail)
    this.name = 'ApiProblem'
    this.status = status
    this.detail = detail
    this.type = text('type', 'about:blank')
    this.title = text('title', `HTTP ${status}`)
    this.code = text('code', 'not_croft') as ErrorCode | 'not_croft'
    this.request_id = text('request_id', '')
    this.document = document
    this.retry_after_s = retry_after_s
  }
}

/** No whole answer came. `code` is the system's: ECONNREFUSED, ECONNRESET, CERT_HAS_EXPIRED, … */
export class ConnectionFailed extends Error {
  readonly code: string
  readonly url: string

  constructor(url: string, code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ConnectionFailed'
    this.url = url
    this.code = code
  }

  /** Whether the server may have got the request: then only what is safe to ask twice is asked again. */
  get perhaps_received(): boolean {
    return this.code === 'ECONNRESET' || this.code === 'EPIPE' || this.code === 'ETIMEDOUT' || this.code === 'CUT_SHORT'
  }
}
