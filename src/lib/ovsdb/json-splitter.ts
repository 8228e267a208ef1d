/**
 * Cuts a byte stream into JSON texts. JSON-RPC over OVSDB has no framing (RFC 7047 section 4): a message ends where
 * its outermost bracket closes. Works on bytes, since every structural character of JSON is ASCII, also within UTF-8.
 * Bounded: a message beyond max_bytes or max_depth ends the stream, so that a peer cannot exhaust memory or stack.
 * Not its job: what the messages mean.
 */
import { OvsdbProtocolError } from './errors.ts'

export interface SplitterLimits {
  max_bytes: number
  max_depth: number
}

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

export class JsonSplitter {
  readonly #limits: SplitterLimits
  #parts: Buffer[] = []
  #bytes = 0
  #depth = 0
  #inString = false
  #escaped = false

  constructor(limits: SplitterLimits) {
    this.#limits = limits
  }

  /** The messages that this chunk completes, parsed. Throws OvsdbProtocolError on anything that is not JSON objects. */
  *push(chunk: Buffer): Generator {
    let start = 0
    let i = 0
    while (i < chunk.length) {
      if (this.#inString) {
        i = this.#skipString(chunk, i)
        continue
      }
      const byte = chunk[i]
      if (byte === quote && this.#depth > 0) this.#inString = true
      else if (byte === openBrace || byte === openBracket) this.#open()
      else if (byte === closeBrace || byte === closeBracket) {
        if (--this.#depth < 0) throw new OvsdbProtocolError('the peer closed a bracket that it had not opened')
        if (this.#depth === 0) {
          yield this.#take(chunk.subarray(start, i + 1))
          start = i + 1
        }
      } else if (this.#depth === 0 && !isSpace(byte))
        throw new OvsdbProtocolError(`the peer sent byte ${byte} between messages: this is not OVSDB's JSON-RPC`)
      i++
    }
    this.#keep(chunk.subarray(start))
  }

  /** Jumps from quote to quote with indexOf, which is native; most bytes of a message are inside strings. */
  #skipString(chunk: Buffer, from: number): number {
    let i = from
    if (this.#escaped) {
      this.#escaped = false
      i++
    }
    // The next quote is looked for again only when it has been passed: many escapes must not cost their square.
    let end = chunk.indexOf(quote, i)
    for (;;) {
      const escape = chunk.subarray(i, end < 0 ? chunk.length : end).indexOf(backslash)
      if (escape < 0) {
        if (end < 0) return chunk.length
        this.#inString = false
        return end + 1
      }
      i += escape + 2
      if (i > chunk.length) this.#escaped = true
      if (i >= chunk.length) return chunk.length
      if (end >= 0 && end < i) end = chunk.indexOf(quote, i)
    }
  }

  #open(): void {
    if (++this.#depth > this.#limits.max_depth)
      throw new OvsdbProtocolError(`the peer's message nests deeper than ${this.#limits.max_depth}`)
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return
    if (this.#depth === 0) return
    this.#bytes += part.length
    if (this.#bytes > this.#limits.max_bytes)
      throw new OvsdbProtocolError(`the peer's message is longer than ${this.#limits.max_bytes} bytes`)
    this.#parts.push(part)
  }

  #take(last: Buffer): unknown {
    if (this.#bytes + last.length > this.#limits.max_bytes)
      throw new OvsdbProtocolError(`the peer's message is longer than ${this.#limits.max_bytes} bytes`)
    const text = this.#parts.length === 0 ? last.toString() : Buffer.concat([...this.#parts, last]).toString()
    this.#parts = []
    this.#bytes = 0
    try {
      return JSON.parse(text) as unknown
    } catch (cause) {
      throw new OvsdbProtocolError('the peer sent a message that is not JSON', { cause })
    }
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
