/** One line of text on a stream, read with a bound and written in pieces that any receiver takes. Not its job: what it says. */
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'

const newline = 0x0a
/** WebSockets are bounded by message, and each write is one. */
const piece_bytes = 64 * 1024

/** What comes up to the first newline, without it; null when the stream ends before, or the line is longer than that. */
export async function readLine(source: Readable, bytes_max: number): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Not destroyed at the end: the other way of the same socket is still needed.
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const end = chunk.indexOf(newline)
    chunks.push(end === -1 ? chunk : chunk.subarray(0, end))
    bytes += chunk.length
    if (end !== -1) return Buffer.concat(chunks).toString()
    if (bytes > bytes_max) return null
  }
  return null
}

/** JSON has no newline of its own. */
export async function writeLine(target: Writable, text: string): Promise<void> {
  const bytes = Buffer.from(`${text}\n`)
  for (let at = 0; at < bytes.length; at += piece_bytes) {
    if (!target.write(bytes.subarray(at, at + piece_bytes))) await once(target, 'drain')
  }
}
