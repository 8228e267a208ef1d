/**
 * Sends a file by the tus protocol (tus.io, version 1.0.0), on from wherever it had come to: after a lost connection, and
 * after the program itself was stopped. Not its job: making the image that the content is for.
 */
import { ApiProblem, ConnectionFailed } from './errors.ts'
import { type ApiClient, delay } from './client.ts'
import type { Answered } from './fetch.ts'

interface TusCommon {
  /** Path of the upload below the API's address. */
  path: string
  size_bytes: number
  on_progress?: (sent_bytes: number) => void
  /** The line broke; it is tried again in a moment. */
  on_break?: () => void
  signal?: AbortSignal
}

interface StreamedUpload extends TusCommon {
  /** The file's bytes from an offset on, sent in one request. Called again after each break. */
  read(offset_bytes: number): AsyncIterable<Uint8Array>
}

interface PiecewiseUpload extends TusCommon {
  /** One request's bytes from an offset on, for ways that cannot send a stream, such as a browser's. At least one byte. */
  piece(offset_bytes: number): Promise<Uint8Array<ArrayBuffer>>
}

export type TusUpload = StreamedUpload | PiecewiseUpload

const version = { 'tus-resumable': '1.0.0' }
const retry_delays_ms = [200, 1000, 3000, 5000, 10_000]

/**
 * Rejects with ApiProblem when the content is refused, ConnectionFailed when the server stays away for some 20 s, and OtherSize when what
 * was begun is of another file's length.
 */
export async function uploadByTus(client: ApiClient, upload: TusUpload): Promise<void> {
  for (let tried = 0, reached = -1; ; tried++) {
    try {
      const { arrived_bytes: offset, size_bytes } = await uploadState(client, upload)
      if (size_bytes !== null && size_bytes !== upload.size_bytes) throw new OtherSize(size_bytes, upload.size_bytes)
      const length_known = size_bytes !== null
      upload.on_progress?.(offset)
      // As long as it comes further, it may break as often as it likes.
      if (offset > reached) tried = 0
      reached = offset
      if (offset >= upload.size_bytes) return
      if ('piece' in upload) await sendPieces(client, upload, offset, length_known)
      else await send(client, upload, offset, length_known)
      return
    } catch (error) {
      const pause_ms = retry_delays_ms[tried]
      if (!mayPass(error) || pause_ms === undefined || upload.signal?.aborted) throw error
      upload.on_break?.()
      await delay(pause_ms, upload.signal)
    }
  }
}

/** What is sent is not what was begun: another file, or the same one changed meanwhile. */
export class OtherSize extends Error {
  readonly expected_bytes: number
  readonly size_bytes: number

  constructor(expected_bytes: number, size_bytes: number) {
    super(
      `The upload is of a file of ${expected_bytes} bytes, and this one has ${size_bytes}. ` +
        'Send the file that it was begun with, or make another image of this one.',
    )
    this.name = 'OtherSize'
    this.expected_bytes = expected_bytes
    this.size_bytes = size_bytes
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof ApiProblem)) return error instanceof ConnectionFailed
  // 'conflict': our own broken connection still holds it, or more arrived than we knew. The others: a proxy, or too much at once.
  return error.code === 'conflict' || [429, 502, 503, 504].includes(error.status)
}

/**
 * How an upload stands, such as before a broken one goes on: what has arrived, and of how much, where that was said. Rejects as
 * uploadByTus does.
 */
export async function uploadState(
  client: ApiClient,
  { path, signal }: Pick<TusCommon, 'path' | 'signal'>,
): Promise<{ arrived_bytes: number; size_bytes: number | null }> {
  const answer = await client.raw(path, { method: 'HEAD', headers: version, ...(signal && { signal }) })
  await mustBe(answer, [200, 204])
  const { headers } = answer
  const length = headers.get('upload-length')
  return {
    arrived_bytes: Number(headers.get('upload-offset') ?? 0),
    size_bytes: length === null ? null : Number(length),
  }
}

function headersOf(offset: number, length: number, size_bytes: number, length_known: boolean): Record<string, string> {
  return {
    ...version,
    'upload-offset': String(offset),
    // Said once only: tus refuses to be told again.
    ...(!length_known && { 'upload-length': String(size_bytes) }),
    'content-type': 'application/offset+octet-stream',
    'content-length': String(length),
  }
}

async function sendPieces(
  client: ApiClient,
  { path, size_bytes, piece, on_progress, signal }: PiecewiseUpload,
  from: number,
  length_known: boolean,
): Promise<void> {
  let known = length_known
  for (let offset = from; offset < size_bytes; known = true) {
    const body = await piece(offset)
    const headers = headersOf(offset, body.byteLength, size_bytes, known)
    await mustBe(await client.raw(path, { method: 'PATCH', headers, body, ...(signal && { signal }) }), [204])
    offset += body.byteLength
    on_progress?.(offset)
  }
}

async function send(client: ApiClient, upload: StreamedUpload, offset: number, length_known: boolean): Promise<void> {
  const { path, size_bytes, signal } = upload
  const headers = headersOf(offset, size_bytes - offset, size_bytes, length_known)
  const body = counted(upload, offset)
  const answer = await client.raw(path, { method: 'PATCH', headers, body, duplex: 'half', ...(signal && { signal }) })
  await mustBe(answer, [204])
}

async function* counted(upload: StreamedUpload, offset: number): AsyncGenerator<Uint8Array> {
  let sent = offset
  for await (const chunk of upload.read(offset)) {
    yield chunk
    sent += chunk.byteLength
    upload.on_progress?.(sent)
  }
}

async function mustBe(answer: Answered, statuses: readonly number[]): Promise<void> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true })
  if (statuses.includes(answer.status)) return
  let document: Record<string, unknown>
  try {
    document = JSON.parse(text) as Record<string, unknown>
  } catch {
    document = { detail: `The upload was answered with HTTP status ${answer.status}. ${text.slice(0, 200)}`.trim() }
  }
  throw new ApiProblem(answer.status, document)
}
