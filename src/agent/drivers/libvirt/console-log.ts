/**
 * Reads the kept console log of a guest: virtlogd (or QEMU) writes it, and turns it over at a size (`NAME`, then `NAME.0`,
 * `NAME.1`, … the older ones). Follows on the kernel's word, not by polling.
 */
import { type FSWatcher, watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

const chunk_bytes = 64 * 1024
const backupsMax = 10

/** After the guest has gone off: what it wrote last is still on its way through virtlogd. */
const lastWords_ms = 250

/**
 * The last `tail_bytes` over all that is kept; with `follow` it goes on as it grows, until that signal says that no more will
 * be written. An absent log is an empty one.
 */
export async function readLog(path: string, tail_bytes: number, follow: AbortSignal | null): Promise<Readable> {
  const parts = await keptParts(path)
  const stop = new AbortController()
  const chunks = readParts(path, parts, tail_bytes, follow && { stop: stop.signal, end: follow })
  const log = Readable.from(chunks, { objectMode: false, highWaterMark: chunk_bytes })
  // Whoever leaves while the guest is silent must not leave a watch behind: the stream alone would wait for its next word.
  const destroy = log._destroy.bind(log)
  log._destroy = (error, done) => {
    stop.abort()
    destroy(error, done)
  }
  return log
}

interface Follow {
  /** Nobody reads any more. */
  readonly stop: AbortSignal
  /** Nobody writes any more. */
  readonly end: AbortSignal
}

interface Part {
  readonly path: string
  readonly bytes: number
  readonly inode: number | null
}

/** Where a log ended when it was looked at. */
export interface LogEnd {
  readonly inode: number | null
  readonly bytes: number
}

/** The last `bytes_max` of all that is kept, and where that ends. */
export async function readTail(path: string, bytes_max: number): Promise<{ bytes: Buffer; end: LogEnd }> {
  const parts = await keptParts(path)
  const bytes = await collect(readParts(path, parts, bytes_max, null))
  const { inode = null, bytes: size = 0 } = parts.at(-1) ?? {}
  return { bytes, end: { inode, bytes: size } }
}

/** What was written since then; the last `bytes_max` of it, and of one that was turned over more than once just what is there. */
export async function readSince(path: string, since: LogEnd, bytes_max: number): Promise<Buffer> {
  const parts = (await keptParts(path)).slice(-2)
  const at = parts.findIndex(({ inode }) => inode !== null && inode === since.inode)
  const [first, ...later] = parts.slice(Math.max(0, at))
  const new_bytes = [first, ...later].reduce((sum, part) => sum + (part?.bytes ?? 0), 0) - (at < 0 ? 0 : since.bytes)
  return await collect(readParts(path, parts, Math.min(bytes_max, Math.max(0, new_bytes)), null))
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

/** Oldest first; the last is the one that is written now. */
async function keptParts(path: string): Promise<Part[]> {
  const parts: Part[] = []
  for (const name of [path, ...Array.from({ length: backupsMax }, (_, n) => `${path}.${n}`)]) {
    const found = await statIfThere(name)
    if (found === null && name !== path) break
    parts.unshift({ path: name, bytes: found?.size ?? 0, inode: found?.ino ?? null })
  }
  return parts
}

async function* readParts(path: string, parts: readonly Part[], tail_bytes: number, follow: Follow | null) {
  const total_bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
  let skip_bytes = Math.max(0, total_bytes - tail_bytes)
  for (const part of parts.slice(0, -1)) {
    if (skip_bytes >= part.bytes) {
      skip_bytes -= part.bytes
      continue
    }
    yield* readFrom(part.path, skip_bytes, part.bytes)
    skip_bytes = 0
  }
  const current = parts.at(-1)
  const end_bytes = current?.bytes ?? 0
  if (follow === null) yield* readFrom(path, skip_bytes, end_bytes)
  else yield* followFrom(path, skip_bytes, follow)
}

async function* readFrom(path: string, from: number, to: number): AsyncGenerator<Buffer> {
  const handle = await openIfThere(path)
  if (handle === null) return
  try {
    for (let at = from; at < to; ) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(chunk_bytes, to - at)), 0, null, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

async function* followFrom(path: string, from: number, { stop, end }: Follow): AsyncGenerator<Buffer> {
  let news = Promise.withResolvers<void>()
  const watcher: FSWatcher = watch(dirname(path), () => news.resolve())
  stop.addEventListener('abort', () => news.resolve(), { once: true })
  let over = false
  const conclude = () =>
    void delay(lastWords_ms).then(() => {
      over = true
      news.resolve()
    })
  if (end.aborted) conclude()
  else end.addEventListener('abort', conclude, { once: true })
  let at = from
  let inode = await inodeOf(path)
  try {
    while (!stop.aborted) {
      news = Promise.withResolvers<void>()
      const last = over
      const size = await sizeOf(path)
      const now = await inodeOf(path)
      // Turned over: what was written last is in the first backup, the new file begins.
      if (now !== inode || (size ?? 0) < at) {
        const kept = await sizeOf(`${path}.0`)
        if (kept !== null && kept > at && (await inodeOf(`${path}.0`)) === inode) yield* readFrom(`${path}.0`, at, kept)
        inode = now
        at = 0
      }
      if (size !== null && size > at) {
        for await (const chunk of readFrom(path, at, size)) {
          at += chunk.length
          yield chunk
        }
        continue
      }
      if (last) return
      if (!stop.aborted && !over) await news.promise
    }
  } finally {
    end.removeEventListener('abort', conclude)
    watcher.close()
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

async function sizeOf(path: string): Promise<number | null> {
  return (await statIfThere(path))?.size ?? null
}

async function inodeOf(path: string): Promise<number | null> {
  return (await statIfThere(path))?.ino ?? null
}

async function statIfThere(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
