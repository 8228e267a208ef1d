/** The part of `fetch` that the SDK needs of a way to a server, as types: each runtime brings its own. */

export interface Asked {
  method: string
  headers: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer> | AsyncIterable<Uint8Array>
  /** As the built-in fetch wants it of a body in pieces. */
  duplex?: 'half'
  signal?: AbortSignal
}

export interface Answered {
  status: number
  headers: { get(name: string): string | null }
  body: AsyncIterable<Uint8Array> | null
}

/** Rejects with the signal's reason when aborted, with ConnectionFailed (or fetch's own TypeError) when no answer comes. */
export type Fetch = (url: string, asked: Asked) => Promise<Answered>
