/**
 * The uploads of this tab: sent by tus piece by piece, so that one goes on where it stopped, after a pause, a lost connection or a
 * reload with the same file. They go on while one looks at other pages. Not its job: how they are shown (upload-card.tsx).
 */
import { useSyncExternalStore } from 'react'
import { uploadByTus, uploadedBytes } from '../../sdk/tus.ts'
import { client } from '../session/session.ts'

export interface Upload {
  image_id: string
  file: File
  phase: 'sending' | 'paused' | 'sent' | 'failed'
  sent_bytes: number
  /** Null until it can be told. */
  bytes_per_s: number | null
  error: unknown
}

/** A piece takes about so long: long enough to be efficient, short enough to be seen moving. */
const piece_aim_ms = 800
const piece_min_bytes = 256 * 1024
const piece_max_bytes = 32 * 1024 ** 2

let uploads: ReadonlyMap<string, Upload> = new Map()
const stops = new Map<string, AbortController>()
const listeners = new Set<() => void>()

function become(next: ReadonlyMap<string, Upload>): void {
  uploads = next
  for (const listener of listeners) listener()
  const sending = [...next.values()].some(one => one.phase === 'sending')
  if (sending) addEventListener('beforeunload', warn)
  else removeEventListener('beforeunload', warn)
}

/** The browser asks whether to leave. */
const warn = (event: BeforeUnloadEvent) => event.preventDefault()

function put(image_id: string, changes: Partial<Upload>): void {
  const before = uploads.get(image_id)
  if (before) become(new Map(uploads).set(image_id, { ...before, ...changes }))
}

const pathOf = (image_id: string) => `/v1/image-uploads/${image_id}`

/** What has arrived of an upload that was begun elsewhere, or before a reload. */
export function arrivedBytes(image_id: string, signal: AbortSignal): Promise<number> {
  return uploadedBytes(client(), { path: pathOf(image_id), signal })
}

export function startUpload(image_id: string, file: File): void {
  const upload: Upload = { image_id, file, phase: 'sending', sent_bytes: 0, bytes_per_s: null, error: undefined }
  become(new Map(uploads).set(image_id, upload))
  void send(upload)
}

export function pauseUpload(image_id: string): void {
  put(image_id, { phase: 'paused', bytes_per_s: null })
  stops.get(image_id)?.abort()
}

/** Also once it has failed. */
export function resumeUpload(image_id: string): void {
  const upload = uploads.get(image_id)
  if (!upload || upload.phase === 'sending') return
  put(image_id, { phase: 'sending', error: undefined })
  void send(upload)
}

async function send({ image_id, file }: Upload): Promise<void> {
  const stop = new AbortController()
  stops.set(image_id, stop)
  const meter = new Meter()
  try {
    await uploadByTus(client(), {
      path: pathOf(image_id),
      size_bytes: file.size,
      signal: stop.signal,
      piece: async offset => new Uint8Array(await file.slice(offset, offset + meter.piece_bytes).arrayBuffer()),
      on_progress: sent_bytes => put(image_id, { sent_bytes, bytes_per_s: meter.sent(sent_bytes) }),
    })
    put(image_id, { phase: 'sent', sent_bytes: file.size, bytes_per_s: null })
  } catch (error) {
    if (!stop.signal.aborted) put(image_id, { phase: 'failed', bytes_per_s: null, error })
  } finally {
    if (stops.get(image_id) === stop) stops.delete(image_id)
  }
}

/** How fast it goes, and so how large the next piece is. */
class Meter {
  piece_bytes = 1024 ** 2
  private last: { at_ms: number; bytes: number } | undefined
  private bytes_per_s: number | null = null

  /** Bytes a second, of late. */
  sent(bytes: number): number | null {
    const at_ms = performance.now()
    if (this.last && bytes > this.last.bytes) {
      const took_ms = Math.max(1, at_ms - this.last.at_ms)
      const now = (1000 * (bytes - this.last.bytes)) / took_ms
      this.bytes_per_s = this.bytes_per_s === null ? now : 0.7 * this.bytes_per_s + 0.3 * now
      if (took_ms < piece_aim_ms / 2) this.piece_bytes = Math.min(piece_max_bytes, 2 * this.piece_bytes)
      else if (took_ms > 2 * piece_aim_ms) this.piece_bytes = Math.max(piece_min_bytes, this.piece_bytes / 2)
    }
    this.last = { at_ms, bytes }
    return this.bytes_per_s
  }
}

export function useUpload(image_id: string): Upload | undefined {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => uploads.get(image_id),
  )
}
