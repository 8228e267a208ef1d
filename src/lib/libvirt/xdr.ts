/**
 * XDR (RFC 4506), as much of it as libvirt's protocol uses: big-endian words of four bytes, everything padded to four.
 *
 * The reader trusts nothing: every length is checked against the bytes that are really there before anything is
 * read or allocated, so a broken or hostile peer costs one XdrError and no memory. Not its job: what the words mean.
 */

/** libvirt's limit on one string, in bytes (REMOTE_STRING_MAX). */
export const STRING_BYTES_MAX = 4 * 1024 * 1024

/** Bytes that are not what the protocol says, or a value that the protocol cannot carry. */
export class XdrError extends Error {
  override readonly name = 'XdrError'
}

export class XdrWriter {
  #buffer: Buffer
  #length: number

  /** `reserved_bytes` are left free at the front, for a header to be written once the length is known. */
  constructor(reserved_bytes = 0) {
    this.#buffer = Buffer.allocUnsafe(Math.max(256, reserved_bytes))
    this.#length = reserved_bytes
  }

  u32(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw new XdrError(`${value} is not an unsigned 32-bit number`)
    }
    const at = this.#grow(4)
    this.#buffer.writeUInt32BE(value, at)
    return this
  }

  i32(value: number): this {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0x7fff_ffff) {
      throw new XdrError(`${value} is not a signed 32-bit number`)
    }
    const at = this.#grow(4)
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  u64(value: bigint | number): this {
    const big = wide(value)
    if (big < 0n || big > 0xffff_ffff_ffff_ffffn) throw new XdrError(`${value} is not an unsigned 64-bit number`)
    const at = this.#grow(8)
    this.#buffer.writeBigUInt64BE(big, at)
    return this
  }

  i64(value: bigint | number): this {
    const big = wide(value)
    if (BigInt.asIntN(64, big) !== big) throw new XdrError(`${value} is not a signed 64-bit number`)
    const at = this.#grow(8)
    this.#buffer.writeBigInt64BE(big, at)
    return this
  }

  double(value: number): this {
    const at = this.#grow(8)
    this.#buffer.writeDoubleBE(value, at)
    return this
  }

  boolean(value: boolean): this {
    return this.u32(value ? 1 : 0)
  }

  /** UTF-8. A zero byte is refused, because the peer is written in C and would silently cut the string there. */
  string(value: string, bytes_max = STRING_BYTES_MAX): this {
    if (value.includes('\0')) throw new XdrError('a string for libvirt must not contain a zero byte')
    return this.opaque(Buffer.from(value, 'utf8'), bytes_max)
  }

  opaque(value: Uint8Array, bytes_max = STRING_BYTES_MAX): this {
    if (value.length > bytes_max) {
      throw new XdrError(`a value of ${value.length} bytes is over the protocol's limit of ${bytes_max}`)
    }
    return this.u32(value.length).fixed(value)
  }

  /** Opaque bytes whose length both sides know; padded, not preceded by a length. */
  fixed(value: Uint8Array): this {
    const at = this.#grow(padded(value.length))
    this.#buffer.set(value, at)
    this.#buffer.fill(0, at + value.length, this.#length)
    return this
  }

  optional<T>(value: T | null | undefined, write: (value: T) => void): this {
    if (value === null || value === undefined) return this.u32(0)
    this.u32(1)
    write(value)
    return this
  }

  optionalString(value: string | null | undefined): this {
    return this.optional(value, text => this.string(text))
  }

  array<T>(values: readonly T[], write: (value: T) => void): this {
    this.u32(values.length)
    for (const value of values) write(value)
    return this
  }

  /** Everything written, with the reserved bytes at the front. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Makes room for `bytes` more and answers where they start. */
  #grow(bytes: number): number {
    const at = this.#length
    this.#length += bytes
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    return at
  }
}

export class XdrReader {
  readonly #buffer: Buffer
  #offset = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get remaining_bytes(): number {
    return this.#buffer.length - this.#offset
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  i32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8))
  }

  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8))
  }

  /** An unsigned 64-bit number that has to be exact as a JavaScript number (sizes, counts). */
  u64Number(): number {
    const value = this.u64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new XdrError(`${value} is too large to be exact`)
    return Number(value)
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#take(8))
  }

  boolean(): boolean {
    const value = this.u32()
    if (value > 1) throw new XdrError(`expected 0 or 1, found ${value}`)
    return value === 1
  }

  string(bytes_max = STRING_BYTES_MAX): string {
    return this.opaque(bytes_max).toString('utf8')
  }

  /** A view into the message, not a copy. */
  opaque(bytes_max = STRING_BYTES_MAX): Buffer {
    const length = this.u32()
    if (length > bytes_max) throw new XdrError(`a value of ${length} bytes is over the limit of ${bytes_max}`)
    return this.fixed(length)
  }

  fixed(length: number): Buffer {
    const at = this.#take(padded(length))
    return this.#buffer.subarray(at, at + length)
  }

  optional<T>(read: () => T): T | null {
    return this.boolean() ? read() : null
  }

  optionalString(): string | null {
    return this.optional(() => this.string())
  }

  /** At most `count_max` elements. An element takes at least four bytes, so a count that the message cannot hold is refused. */
  array<T>(count_max: number, read: () => T): T[] {
    const count = this.u32()
    if (count > count_max) throw new XdrError(`a list of ${count} is over the limit of ${count_max}`)
    if (count * 4 > this.remaining_bytes) {
      throw new XdrError(`a list of ${count} cannot fit in the ${this.remaining_bytes} bytes that are left`)
    }
    const values: T[] = []
    for (let index = 0; index < count; index++) values.push(read())
    return values
  }

  /** Says that nothing may be left: left-over bytes mean that both sides read the protocol differently. */
  end(): void {
    if (this.remaining_bytes > 0) throw new XdrError(`${this.remaining_bytes} bytes are left over`)
  }

  #take(bytes: number): number {
    const at = this.#offset
    if (bytes > this.#buffer.length - at) {
      throw new XdrError(`the message ends early: ${bytes} bytes wanted, ${this.#buffer.length - at} left`)
    }
    this.#offset = at + bytes
    return at
  }
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4
}

function wide(value: bigint | number): bigint {
  if (typeof value === 'bigint') return value
  if (!Number.isSafeInteger(value)) throw new XdrError(`${value} is not an exact whole number`)
  return BigInt(value)
}
