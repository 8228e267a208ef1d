/**
 * Bytes that wait, first in, first out, in pieces of one size however small they came: a guest may say its letters one by one, and a viewer may
 * type so. Kept as they came, a MiB of such takes a hundred of memory, and to take them out one by one stops the agent for a minute and more.
 */
export const piece_bytes = 16 * 1024

export class Pieces {
  /** All but the last are full; each has room for `piece_bytes`. */
  readonly #blocks: Buffer[] = []
  #last_bytes = 0

  /** In bytes. */
  get length(): number {
    return Math.max(0, this.#blocks.length - 1) * piece_bytes + this.#last_bytes
  }

  /** Copies it. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      let last = this.#blocks.at(-1)
      if (!last || this.#last_bytes === piece_bytes) {
        this.#blocks.push((last = Buffer.allocUnsafeSlow(piece_bytes)))
        this.#last_bytes = 0
      }
      const part = bytes.subarray(at, at + piece_bytes - this.#last_bytes)
      last.set(part, this.#last_bytes)
      this.#last_bytes += part.length
      at += part.length
    }
  }

  /** The oldest, at most a piece of it. */
  shift(): Buffer | undefined {
    const block = this.#blocks.shift()
    if (!block || this.#blocks.length > 0) return block
    const bytes = block.subarray(0, this.#last_bytes)
    this.#last_bytes = 0
    return bytes
  }

  /** All of it, which stays. */
  joined(): Buffer {
    return Buffer.concat(this.#blocks, this.length)
  }
}
