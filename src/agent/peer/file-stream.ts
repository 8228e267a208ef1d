/**
 * One file over a stream, without its holes: parts of [offset: 8 bytes][length: 4 bytes][bytes], then one without bytes whose offset
 * is the file's length, then the SHA-256 of all before it. Who receives answers with one byte once it is on disk.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

const part_bytes = 256 * 1024
/** Sent even if empty: the header is there, and what the receiver has in its place. */
const always_bytes = 1024 * 1024
const head_bytes = 12
const digest_bytes = 32
const received = Buffer.from([1])
const nothing = Buffer.alloc(part_bytes)

export interface SendFileOptions {
  readonly path: string
  /** Bytes in a second; null: no limit. */
  readonly rate_max: number | null
  /** Of the file's bytes so far, holes included. */
  readonly show: (bytes: number) => void
}

/** Resolves once the other end has it all on disk; rejects when the stream closes before it said so. */
export async function sendFile(stream: Duplex, { path, rate_max, show }: SendFileOptions): Promise<void> {
  const hash = createHash('sha256')
  const begun_ms = performance.now()
  const closed = new AbortController()
  const { signal } = closed
  const gone = () => closed.abort(new Error('the connection was closed'))
  stream.once('close', gone)
  if (stream.destroyed) gone()
  let sent_bytes = 0
  const write = async (bytes: Buffer) => {
    hash.update(bytes)
    sent_bytes += bytes.length
    if (!stream.write(bytes)) await once(stream, 'drain', { signal })
    const early_ms = rate_max === null ? 0 : (sent_bytes / rate_max) * 1000 - (performance.now() - begun_ms)
    if (early_ms > 5) await delay(early_ms)
  }
  await using file = await open(path, 'r')
  let at = 0
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(part_bytes), 0, part_bytes, at)
    if (bytesRead === 0) break
    signal.throwIfAborted()
    const bytes = buffer.subarray(0, bytesRead)
    if (at < always_bytes || !bytes.equals(nothing.subarray(0, bytesRead))) {
      await write(head(at, bytesRead))
      await write(bytes)
    }
    at += bytesRead
    show(at)
  }
  await write(head(at, 0))
  const answer = once(stream, 'data', { signal })
  stream.write(hash.digest())
  const [said] = (await answer) as [Buffer]
  if (!said.subarray(0, 1).equals(received)) throw new Error('the other host did not keep the file')
}

/** Into the file at `path`, which is there. Resolves once it is on disk as it was sent; rejects when it is not. */
export async function receiveFile(stream: Duplex, path: string, bytes_max: number): Promise<void> {
  const hash = createHash('sha256')
  const take = reader(stream)
  await using file = await open(path, 'r+')
  for (;;) {
    const header = await take(head_bytes)
    const offset = Number(header.readBigUInt64BE(0))
    const length = header.readUInt32BE(8)
    if (length > part_bytes || offset + length > bytes_max) throw new Error('the file is larger than its disk can be')
    hash.update(header)
    if (length === 0) {
      await file.truncate(offset)
      break
    }
    const bytes = await take(length)
    hash.update(bytes)
    await file.write(bytes, 0, length, offset)
  }
  if (!(await take(digest_bytes)).equals(hash.digest())) throw new Error('the file is not as it was sent')
  await file.sync()
  stream.write(received)
}

function head(offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(head_bytes)
  bytes.writeBigUInt64BE(BigInt(offset), 0)
  bytes.writeUInt32BE(length, 8)
  return bytes
}

/** Exactly as many bytes as are asked for; rejects when the stream ends before. */
function reader(stream: Duplex): (bytes: number) => Promise<Buffer> {
  const chunks = stream.iterator({ destroyOnReturn: false })
  let have: Buffer = Buffer.alloc(0)
  return async bytes => {
    const parts: Buffer[] = [have]
    let length = have.length
    while (length < bytes) {
      const { value, done } = (await chunks.next()) as IteratorResult<Buffer>
      if (done === true) throw new Error('the file’s stream ended early')
      parts.push(value)
      length += value.length
    }
    const all = parts.length === 1 ? have : Buffer.concat(parts)
    have = all.subarray(bytes)
    return all.subarray(0, bytes)
  }
}
