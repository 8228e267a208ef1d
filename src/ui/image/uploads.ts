/**
 * The uploads of this tab: sent by tus piece by piece, so that one goes on where it stopped, after a pause, a lost connection or a
 * reload with the same file. They go on while one looks at other pages, works in another project, or signs in again as the same person.
 * Not its job: how they are shown (upload-card.tsx).
 */
import { useSyncExternalStore } from 'react'
import type { ApiClient } from '../../sdk/client.ts'
import { ApiProblem, ConnectionFailed } from '../../sdk/errors.ts'
import { uploadByTus, uploadState } from '../../sdk/tus.ts'
import { live } from '../live/stream.ts'
import { client, expire, lentClient, onSession, sessionNow, sessionState } from '../session/session.ts'
import { forgetFile, rememberFile } from './remembered.ts'

export interface Upload {
  image_id: string
  file: File
  /** Whose it is: with the sign-out, or another person's sign-in, it ends. */
  user_id: string
  client: ApiClient
  /** 'broken': between two tries. */
  phase: 'sending' | 'broken' | 'paused' | 'sent' | 'failed'
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
  const sending = [...next.values()].some(isUnderWay)
  if (sending) addEventListener('beforeunload', warn)
  else removeEventListener('beforeunload', warn)
}

export function isUnderWay({ phase }: Upload): boolean {
  return phase === 'sending' || phase === 'broken'
}

/** The browser asks whether to leave. */
const warn = (event: BeforeUnloadEvent) => event.preventDefault()

function put(image_id: string, changes: Partial<Upload>): void {
  const before = uploads.get(image_id)
  if (before) become(new Map(uploads).set(image_id, { ...before, ...changes }))
}

const pathOf = (image_id: string) => `/v1/image-uploads/${image_id}`

/** What has arrived of an upload that was begun elsewhere, or before a reload; and of how much. */
export function arrivedOf(image_id: string, signal: AbortSignal): ReturnType<typeof uploadState> {
  return uploadState(client(), { path: pathOf(image_id), signal })
}

export function startUpload(image_id: string, file: File): void {
  const upload: Upload = {
    image_id,
    file,
    user_id: sessionNow().user.id,
    client: lentClient(),
    phase: 'sending',
    sent_bytes: 0,
    bytes_per_s: null,
    error: undefined,
  }
  rememberFile(image_id, file)
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
  if (!upload || isUnderWay(upload)) return
  const now = isSignedOut(upload.error) ? { ...upload, client: lentClient() } : upload
  put(image_id, { phase: 'sending', client: now.client, error: undefined })
  void send(now)
}

/** What is to be asked by HEAD is answered without words: by its status alone. */
const isSignedOut = (error: unknown) => error instanceof ApiProblem && error.status === 401

/** It has stopped, and goes on by itself once the connection is back. */
export function goesOn({ phase, error }: Pick<Upload, 'phase' | 'error'>): boolean {
  return phase === 'failed' && (error instanceof ConnectionFailed || isSignedOut(error))
}

function goOn(): void {
  for (const upload of uploads.values()) if (goesOn(upload)) resumeUpload(upload.image_id)
}

addEventListener('online', goOn)
live.subscribe(() => {
  if (live.state === 'live') goOn()
})

onSession(() => {
  const state = sessionState()
  const user_id = state.kind === 'signed-in' ? state.session.user.id : undefined
  const ours = [...uploads].filter(([, upload]) => upload.user_id === user_id)
  if (ours.length === uploads.size) return
  for (const upload of uploads.values()) if (upload.user_id !== user_id) stops.get(upload.image_id)?.abort()
  become(new Map(ours))
})

async function send({ image_id, file, client: its }: Upload): Promise<void> {
  const stop = new AbortController()
  stops.set(image_id, stop)
  const meter = new Meter()
  try {
    await uploadByTus(its, {
      path: pathOf(image_id),
      size_bytes: file.size,
      signal: stop.signal,
      piece: async offset => new Uint8Array(await file.slice(offset, offset + meter.piece_bytes).arrayBuffer()),
      on_progress: sent_bytes => put(image_id, { phase: 'sending', sent_bytes, bytes_per_s: meter.sent(sent_bytes) }),
      on_break: () => put(image_id, { phase: 'broken', bytes_per_s: null }),
    })
    forgetFile(image_id)
    put(image_id, { phase: 'sent', sent_bytes: file.size, bytes_per_s: null })
  } catch (error) {
    if (stop.signal.aborted) return
    put(image_id, { phase: 'failed', bytes_per_s: null, error })
    if (isSignedOut(error)) expire(its)
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
