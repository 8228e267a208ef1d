/**
 * Reads pieces of a file by position, never beyond its end and never more than a limit at once, so that a lying header
 * cannot make a parser read much. Not its job: knowing any format.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { DiskImageError } from './error.ts'

export interface Reader {
  readonly size_bytes: number
  /** Exactly `length` bytes; DiskImageError 'truncated' where the file ends before. */
  read(offset: number, length: number): Promise<Buffer>
}

const most_bytes = 1024 * 1024

/** Throws DiskImageError unless the range lies in the file; `what` names it for people. */
export function requireRange(reader: Pick<Reader, 'size_bytes'>, offset: number, length: number, what: string): void {
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
  if (sound && offset + length <= reader.size_bytes) return
  throw new DiskImageError(
    'truncated',
    `The image ends before its ${what}: it should reach to byte ${offset + length}, but has ${reader.size_bytes}. ` +
      'It was probably not copied whole; upload it again.',
    { offset, length, size_bytes: reader.size_bytes },
  )
}

export class FileReader implements Reader, AsyncDisposable {
  readonly #file: FileHandle
  readonly size_bytes: number

  private constructor(file: FileHandle, size_bytes: number) {
    this.#file = file
    this.size_bytes = size_bytes
  }

  static async open(path: string): Promise<FileReader> {
    // Non-blocking, as opening a pipe would wait for its other end.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = await file.stat()
    if (found.isFile()) return new FileReader(file, found.size)
    await file.close()
    throw new DiskImageError('not_a_file', `${path} is not a plain file, so it is not taken as a disk image.`, { path })
  }

  async read(offset: number, length: number): Promise<Buffer> {
    requireRange(this, offset, length, 'data')
    if (length > most_bytes) throw new RangeError(`${length} bytes asked at once; the limit is ${most_bytes}`)
    const buffer = Buffer.alloc(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await this.#file.read(buffer, done, length - done, offset + done)
      // The file became shorter while it was read.
      if (bytesRead === 0) requireRange({ size_bytes: offset + done }, offset, length, 'data')
      done += bytesRead
    }
    return buffer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}

/** A 64-bit number as a JavaScript number; Infinity where that would not be exact, which every limit then refuses. */
export function safeNumber(value: bigint): number {
  return value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.POSITIVE_INFINITY
}
