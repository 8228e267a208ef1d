/**
 * JSON-RPC 1.0 as OVSDB speaks it (RFC 7047 section 4) on one open stream: requests and their answers, notifications,
 * echo in both directions, and an inactivity probe. Ends for good when the stream ends.
 * Not its job: opening the stream (remote.ts), coming back after its end (client.ts).
 */
import type { Duplex } from 'node:stream'
import { OvsdbConnectionError, OvsdbProtocolError, OvsdbRequestError } from './errors.ts'
import { JsonSplitter, type SplitterLimits } from './json-splitter.ts'

export interface ConnectionOptions {
  limits: SplitterLimits
  /** After this long without a word an echo is sent; after as long again the connection counts as dead. 0: never. */
  inactivity_probe_ms: number
  onNotification: (method: string, params: readonly unknown[]) => void
  /** Called once, with the reason. Requests still open have been rejected by then. */
  onClose: (reason: Error) => void
}

interface Pending {
  method: string
  resolve: (result: unknown) => void
  reject: (error: Error) => void
}

export class Connection {
  readonly #stream: Duplex
  readonly #options: ConnectionOptions
  readonly #splitter: JsonSplitter
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #closed: Error | undefined
  #probe: NodeJS.Timeout | undefined
  #probing = false

  constructor(stream: Duplex, options: ConnectionOptions) {
    this.#stream = stream
    this.#options = options
    this.#splitter = new JsonSplitter(options.limits)
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    stream.on('error', error =>
      this.close(new OvsdbConnectionError(`the connection failed: ${error.message}`, 'unknown', { cause: error })),
    )
    stream.on('close', () => this.close(new OvsdbConnectionError('the server closed the connection', 'unknown')))
    stream.on('end', () => this.close(new OvsdbConnectionError('the server closed the connection', 'unknown')))
    if (options.inactivity_probe_ms > 0) this.#probe = setTimeout(() => this.#onSilence(), options.inactivity_probe_ms)
  }

  /**
   * Sends a request and gives its result. Rejects with OvsdbRequestError when the server answers with an error, with
   * OvsdbConnectionError when the connection ends first. An aborted `signal` asks the server to cancel (section 4.1.4)
   * and rejects at once, with outcome unknown: ovsdb-server 3.1 cancels without the answer that the RFC promises.
   */
  request(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    if (this.#closed) return Promise.reject(new OvsdbConnectionError(this.#closed.message, 'not_sent'))
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#pending.set(id, { method, resolve, reject })
    this.#send({ id, method, params })
    if (!signal) return promise
    const cancel = () => {
      this.#send({ id: null, method: 'cancel', params: [id] })
      reject(new OvsdbConnectionError(`${method} was cancelled`, 'unknown', { cause: signal.reason }))
    }
    signal.addEventListener('abort', cancel, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', cancel))
  }

  /** Ends the connection; repeated calls do nothing. */
  close(reason: Error): void {
    if (this.#closed) return
    this.#closed = reason
    clearTimeout(this.#probe)
    this.#stream.destroy()
    for (const { method, reject } of this.#pending.values())
      reject(
        new OvsdbConnectionError(`${reason.message}; the outcome of ${method} is unknown`, 'unknown', {
          cause: reason,
        }),
      )
    this.#pending.clear()
    this.#options.onClose(reason)
  }

  #send(message: unknown): void {
    if (!this.#closed) this.#stream.write(JSON.stringify(message))
  }

  #onData(chunk: Buffer): void {
    this.#probing = false
    this.#probe?.refresh()
    try {
      for (const message of this.#splitter.push(chunk)) {
        if (this.#closed) return
        this.#onMessage(message)
      }
    } catch (error) {
      this.close(error instanceof Error ? error : new OvsdbProtocolError(String(error)))
    }
  }

  #onMessage(message: unknown): void {
    if (typeof message !== 'object' || message === null || Array.isArray(message))
      throw new OvsdbProtocolError('the peer sent a message that is not an object')
    const { id, method, params, result, error } = message as Record<string, unknown>
    if (typeof method === 'string') {
      if (method === 'echo') this.#send({ id, result: params, error: null })
      else if (id === null || id === undefined)
        this.#options.onNotification(method, Array.isArray(params) ? params : [])
      else this.#send({ id, result: null, error: 'unknown method' })
      return
    }
    if (id === 'probe') return
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined
    if (!pending)
      throw new OvsdbProtocolError(`the server answered a request that was not made (id ${JSON.stringify(id)})`)
    this.#pending.delete(id as number)
    if (error === null || error === undefined) pending.resolve(result)
    else pending.reject(requestError(pending.method, error))
  }

  #onSilence(): void {
    const { inactivity_probe_ms } = this.#options
    if (this.#probing) {
      this.close(new OvsdbConnectionError(`the server said nothing for ${2 * inactivity_probe_ms} ms`, 'unknown'))
      return
    }
    this.#probing = true
    this.#send({ id: 'probe', method: 'echo', params: [] })
    this.#probe?.refresh()
  }
}

function requestError(method: string, error: unknown): OvsdbRequestError {
  if (typeof error === 'string') return new OvsdbRequestError(method, error, '')
  const { error: code, details } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>
  return new OvsdbRequestError(
    method,
    typeof code === 'string' ? code : JSON.stringify(error),
    typeof details === 'string' ? details : '',
  )
}
