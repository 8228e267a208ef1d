/**
 * Sends a file by the tus protocol (tus.io, version 1.0.0), on from wherever it had come to: after a lost connection, and
 * after the program itself was stopped. Not its job: making the image that the content is for.
 */
import { ApiProblem, ConnectionFailed } from './errors.ts'
import { type ApiClient, delay } from './client.ts'
import type { Answered } from './fetch.ts'

export interface TusUpload {
  /** Path of the upload below the API's address. */
  path: string
  size_bytes: number
  /** The file's bytes from an offset on. Called again after each break. */
  read(offset_bytes: number): AsyncIterable<Uint8Array>
  on_progress?: (sent_bytes: number) => void
  signal?: AbortSignal
}

const version = { 'tus-resumable': '1.0.0' }
const retry_delays_ms = [200, 1000, 3000, 5000, 10_000]

/** Rejects with ApiProblem when the content is refused, ConnectionFailed when the server stays away for some 20 s. */
export async function uploadByTus(client: ApiClient, upload: TusUpload): Promise<void> {
  for (let tried = 0, reached = -1; ; tried++) {
    try {
      const { offset, length_known } = await stateOf(client, upload)
      upload.on_progress?.(offset)
      // As long as it comes further, it may break as often as it likes.
      if (offset > reached) tried = 0
      reached = offset
      if (offset < upload.size_bytes) await send(client, upload, offset, length_known)
      return
    } catch (error) {
      const pause_ms = retry_delays_ms[tried]
      // 'conflict': our own broken connection still holds it, or more arrived than we knew.
      const again = error instanceof ConnectionFailed || (error instanceof ApiProblem && error.code === 'conflict')
      if (!again || pause_ms === undefined || upload.signal?.aborted) throw error
      await delay(pause_ms, upload.signal)
    }
  }
}

async function stateOf(
  client: ApiClient,
  { path, signal }: TusUpload,
): Promise<{ offset: number; length_known: boolean }> {
  const answer = await client.raw(path, { method: 'HEAD', headers: version, ...(signal && { signal }) })
  await mustBe(answer, [200, 204])
  const { headers } = answer
  return { offset: Number(headers.get('upload-offset') ?? 0), length_known: headers.get('upload-length') !== null }
}

async function send(client: ApiClient, upload: TusUpload, offset: number, length_known: boolean): Promise<void> {
  const { path, size_bytes, signal } = upload
  const headers = {
    ...version,
    'upload-offset': String(offset),
    // Said once only: tus refuses to be told again.
    ...(!length_known && { 'upload-length': String(size_bytes) }),
    'content-type': 'application/offset+octet-stream',
    'content-length': String(size_bytes - offset),
  }
  const body = counted(upload, offset)
  const answer = await client.raw(path, { method: 'PATCH', headers, body, duplex: 'half', ...(signal && { signal }) })
  await mustBe(answer, [204])
}

async function* counted(upload: TusUpload, offset: number): AsyncGenerator<Uint8Array> {
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
