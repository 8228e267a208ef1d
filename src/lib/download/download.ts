/**
 * Fetches one file over http or https into a local file: only from public addresses unless allowed, never more than a
 * limit, resumed where a connection breaks (RFC 9110, range requests with If-Range), hashed while it streams, put in
 * place whole or not at all. Not its job: judging what was fetched.
 */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { dirname } from 'node:path'
import { type Clock, realClock } from '../clock.ts'
import { DownloadError } from './error.ts'
import { parseUrl, requestFollowing, type RequestOptions } from './request.ts'

export interface DownloadOptions {
  /** Written beside and renamed when whole; an existing file is replaced. */
  dest: string
  max_bytes: number
  /** Loopback, private networks and the like; for administrators and tests. */
  allow_private?: boolean
  /** In hexadecimal. */
  expected_sha256?: string
  /** How often in a row to try again without a single byte gained; 5 when not given. */
  retries?: number
  max_redirects?: number
  stall_timeout_ms?: number
  /** Certificates to trust in place of the system's, PEM. */
  ca?: string
  on_progress?: (progress: { received_bytes: number; total_bytes: number | undefined }) => void
  signal?: AbortSignal
  clock?: Pick<Clock, 'sleep'>
  /** From 0 to 1; spreads retries. */
  random?: () => number
}

export interface Downloaded {
  path: string
  size_bytes: number
  sha256: string
  /** Connections it took. */
  attempts: number
}

const backoff = { first_ms: 500, most_ms: 30_000, asked_by_server_most_ms: 60_000 } as const
/** However much each try gains, an end. */
const most_attempts = 200

/** Throws DownloadError, or the signal's reason when aborted; nothing is left behind then. */
export async function download(url: string, options: DownloadOptions): Promise<Downloaded> {
  const start = parseUrl(url)
  const part = `${options.dest}.${process.pid}.part`
  const file = await open(part, 'w')
  try {
    const transfer = new Transfer(start, file, options)
    const attempts = await transfer.run()
    const sha256 = transfer.digest()
    if (options.expected_sha256 !== undefined && sha256 !== options.expected_sha256.toLowerCase()) {
      throw new DownloadError(
        'checksum_mismatch',
        `What ${start.host} sent has the SHA-256 checksum ${sha256}, not ${options.expected_sha256}. ` +
          'Compare the checksum with its publisher’s; if it is right, the server or the way to it cannot be trusted.',
        { sha256, expected_sha256: options.expected_sha256 },
      )
    }
    await file.sync()
    await rename(part, options.dest)
    await syncFolder(dirname(options.dest))
    return { path: options.dest, size_bytes: transfer.received_bytes, sha256, attempts }
  } catch (error) {
    await rm(part, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}

/** A failure that another try may mend. */
class Retryable extends Error {
  readonly wait_ms: number | undefined

  constructor(message: string, options: { cause?: unknown; wait_ms?: number | undefined } = {}) {
    super(message, { cause: options.cause })
    this.wait_ms = options.wait_ms
  }
}

class Transfer {
  received_bytes = 0
  #total_bytes: number | undefined
  /** What names this very version of the file to the server: a strong ETag, else the date of its change. */
  #validator: string | undefined
  #hash: Hash = createHash('sha256')
  readonly #url: URL
  readonly #file: FileHandle
  readonly #options: DownloadOptions

  constructor(url: URL, file: FileHandle, options: DownloadOptions) {
    this.#url = url
    this.#file = file
    this.#options = options
  }

  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Tries until the file is whole; returns how many tries it took. */
  async run(): Promise<number> {
    const { signal, clock = realClock, random = Math.random, retries = 5 } = this.#options
    let without_gain = 0
    for (let attempts = 1; ; attempts++) {
      signal?.throwIfAborted()
      const before = this.received_bytes
      try {
        await this.#attempt()
        return attempts
      } catch (error) {
        signal?.throwIfAborted()
        const failure = classify(error, this.#url)
        if (!(failure instanceof Retryable)) throw failure
        without_gain = this.received_bytes > before ? 0 : without_gain + 1
        if (without_gain > retries || attempts >= most_attempts) throw givenUp(this.#url, attempts, failure)
        const longest = Math.min(backoff.most_ms, backoff.first_ms * 2 ** without_gain)
        await clock.sleep(failure.wait_ms ?? longest / 2 + (random() * longest) / 2, signal)
      }
    }
  }

  async #attempt(): Promise<void> {
    if (this.received_bytes > 0 && this.#validator === undefined) await this.#restart()
    const response = await requestFollowing(this.#url, this.#request())
    try {
      await this.#accept(response)
      for await (const chunk of response) await this.#write(chunk as Buffer)
    } finally {
      response.destroy()
    }
    if (this.#total_bytes !== undefined && this.received_bytes !== this.#total_bytes) {
      throw new Retryable(`${this.#url.host} ended at byte ${this.received_bytes} of ${this.#total_bytes}`)
    }
    this.#progress()
  }

  #request(): RequestOptions {
    const options = this.#options
    const headers: Record<string, string> = { 'accept-encoding': 'identity' }
    if (this.received_bytes > 0 && this.#validator !== undefined) {
      headers['range'] = `bytes=${this.received_bytes}-`
      headers['if-range'] = this.#validator
    }
    return {
      headers,
      allow_private: options.allow_private ?? false,
      allow_downgrade: options.expected_sha256 !== undefined,
      max_redirects: options.max_redirects ?? 5,
      stall_timeout_ms: options.stall_timeout_ms ?? 30_000,
      ca: options.ca,
      signal: options.signal,
    }
  }

  /** Decides by the head of the answer: the rest of the file, the whole of it anew, or an error. */
  async #accept(response: IncomingMessage): Promise<void> {
    const status = response.statusCode ?? 0
    if (status === 206 && this.received_bytes > 0) return this.#continueFrom(response)
    if (status === 416 && this.received_bytes > 0) {
      await this.#restart()
      throw new Retryable(`${this.#url.host} does not continue the file`)
    }
    if (status !== 200) throw statusError(response, this.#url)
    // The file from its beginning: the first time, or because it changed, or because the server cannot continue.
    await this.#restart()
    this.#total_bytes = lengthOf(response)
    this.#validator = validatorOf(response)
    this.#refuseTooLarge(this.#total_bytes ?? 0)
  }

  async #continueFrom(response: IncomingMessage): Promise<void> {
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '') ?? []
    const isSame = total === '*' || this.#total_bytes === undefined || Number(total) === this.#total_bytes
    if (Number(first) !== this.received_bytes || !isSame) {
      await this.#restart()
      throw new Retryable(`${this.#url.host} continued the file at the wrong place`)
    }
    if (total !== undefined && total !== '*') this.#total_bytes = Number(total)
    this.#refuseTooLarge(this.#total_bytes ?? 0)
  }

  async #write(chunk: Buffer): Promise<void> {
    this.#refuseTooLarge(this.received_bytes + chunk.length)
    for (let done = 0; done < chunk.length; ) {
      const position = this.received_bytes + done
      const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, position).catch(localFailure)
      done += bytesWritten
    }
    this.#hash.update(chunk)
    this.received_bytes += chunk.length
    this.#progress()
  }

  async #restart(): Promise<void> {
    await this.#file.truncate(0).catch(localFailure)
    this.received_bytes = 0
    this.#total_bytes = undefined
    this.#validator = undefined
    this.#hash = createHash('sha256')
  }

  #refuseTooLarge(bytes: number): void {
    const { max_bytes } = this.#options
    if (bytes <= max_bytes) return
    const sentence = `The file at ${this.#url.host} is larger than the ${max_bytes} bytes that are allowed.`
    throw new DownloadError('too_large', `${sentence} Choose a smaller one, or ask for a higher limit.`, { max_bytes })
  }

  #progress(): void {
    this.#options.on_progress?.({ received_bytes: this.received_bytes, total_bytes: this.#total_bytes })
  }
}

function lengthOf(response: IncomingMessage): number | undefined {
  const text = response.headers['content-length']
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text)
}

function validatorOf(response: IncomingMessage): string | undefined {
  const { etag } = response.headers
  // A weak tag says 'as good as the same', which is not enough to join two halves.
  if (etag !== undefined) return etag.startsWith('W/') ? undefined : etag
  return response.headers['last-modified']
}

const retried_statuses = new Set([408, 429, 500, 502, 503, 504])

function statusError(response: IncomingMessage, url: URL): Error {
  const status = response.statusCode ?? 0
  const said = `${url.host} answers with status ${status} ${response.statusMessage ?? ''}`.trim()
  if (retried_statuses.has(status)) {
    const seconds = Number(response.headers['retry-after'])
    const wait_ms = seconds > 0 ? Math.min(seconds * 1000, backoff.asked_by_server_most_ms) : undefined
    return new Retryable(said, { wait_ms })
  }
  const advice = status === 404 ? 'Check the address' : 'Check the address and whether it needs a sign-in'
  return new DownloadError('http_status', `${said}. ${advice}.`, { status })
}

/** What the local disk says is final, unlike what the network says. */
function localFailure(cause: Error & { code?: string }): never {
  const isFull = cause.code === 'ENOSPC' || cause.code === 'EDQUOT'
  const sentence = isFull
    ? 'There is no room left for the download. Free some space and try again.'
    : `The download cannot be written: ${cause.message}. Look at the disk it goes to.`
  throw new DownloadError(isFull ? 'no_room' : 'write_failed', sentence, {}, { cause })
}

/** Retryable, or the error to end with. */
function classify(error: unknown, url: URL): Error {
  if (error instanceof DownloadError || error instanceof Retryable) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const code = 'code' in cause ? String(cause.code) : ''
  if (code === 'ENOTFOUND') {
    const sentence = `The name ${url.hostname} (or one it redirects to) is not known. Check the address.`
    return new DownloadError('name_not_found', sentence, {}, { cause })
  }
  if (/^(ERR_TLS_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL)/.test(code)) {
    const sentence = `The certificate of ${url.host} cannot be trusted (${cause.message}). Give another address.`
    return new DownloadError('certificate_refused', sentence, {}, { cause })
  }
  return new Retryable(cause.message || code, { cause })
}

function givenUp(url: URL, attempts: number, failure: Retryable): DownloadError {
  const sentence = `The download from ${url.host} failed ${attempts} times, at last because: ${failure.message}`
  const cause = failure.cause ?? failure
  return new DownloadError('connection_failed', `${sentence}. Try again later.`, { attempts }, { cause })
}
