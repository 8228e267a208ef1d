/**
 * One libvirt stream (a console, a screenshot, a volume's bytes) as a Node Duplex.
 *
 * Reading ends when the daemon has no more; `end()` finishes the stream in both directions, as libvirt's streams have no
 * half-closed state; `destroy()` aborts it. A reader that is too slow holds up its whole connection once
 * `buffer_bytes_max` are waiting, so bulk transfers are best given a connection of their own.
 */
import { Duplex } from 'node:stream'
import { frameStatus, STREAM_CHUNK_BYTES_MAX } from './frames.ts'
import type { Procedure } from './procedures.ts'
import type { CallOptions, Encode, Rpc, StreamSink } from './rpc.ts'
import type { XdrReader } from './xdr.ts'

export interface StreamOptions extends CallOptions {
  /** Bytes that may wait for the reader before the connection is held up. */
  buffer_bytes_max?: number | undefined
}

export type StreamDirection = 'read' | 'write' | 'both'

export class LibvirtStream extends Duplex {
  readonly #rpc: Rpc
  readonly #procedure: Procedure
  readonly #sink: StreamSink
  #serial = 0
  #state: 'opening' | 'live' | 'over' = 'opening'
  /** What went wrong before there was anybody to tell. */
  #early: Error | null = null
  #whenFinished: ((error?: Error) => void) | null = null

  private constructor(rpc: Rpc, procedure: Procedure, direction: StreamDirection, buffer_bytes_max: number) {
    // Once there is nothing more to read, a stream is to be finished, which is what ending its writable side does: so
    // even a stream that is only read is a Duplex. One that is only written has nothing to read from the start.
    super({
      allowHalfOpen: direction === 'write',
      readableHighWaterMark: buffer_bytes_max,
      writableHighWaterMark: STREAM_CHUNK_BYTES_MAX,
      decodeStrings: true,
    })
    this.#rpc = rpc
    this.#procedure = procedure
    this.#sink = {
      data: chunk => this.#received(chunk),
      finished: () => this.#finished(),
      failed: error => this.#failed(error),
    }
    if (direction === 'write') {
      this.push(null)
      this.resume()
    }
  }

  /** Calls `procedure`, which opens a stream, and answers once the daemon has opened it. */
  static async open<T>(
    rpc: Rpc,
    procedure: Procedure,
    direction: StreamDirection,
    encode: Encode,
    decode: (body: XdrReader) => T,
    options: StreamOptions = {},
  ): Promise<{ stream: LibvirtStream; result: T }> {
    const stream = new LibvirtStream(rpc, procedure, direction, options.buffer_bytes_max ?? 1024 * 1024)
    const { serial, answer } = rpc.openStream(procedure, stream.#sink, encode, decode, options)
    stream.#serial = serial
    try {
      const result = await answer
      if (stream.#early) throw stream.#early
      if (stream.#state === 'opening') stream.#state = 'live'
      return { stream, result }
    } catch (error) {
      stream.destroy()
      throw error
    }
  }

  override _read(): void {
    this.#rpc.holdStream(this.#sink, false)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    let offset = 0
    const sendMore = () => {
      while (offset < chunk.length) {
        if (this.#state === 'over') return callback()
        const part = chunk.subarray(offset, offset + STREAM_CHUNK_BYTES_MAX)
        offset += part.length
        if (!this.#rpc.sendStream(this.#serial, this.#procedure, frameStatus.continue, part)) {
          return this.#rpc.drained(sendMore)
        }
      }
      callback()
    }
    sendMore()
  }

  /** Tells the daemon that this is all, and waits until it has confirmed, which for an upload means that it is stored. */
  override _final(callback: (error?: Error | null) => void): void {
    if (this.#state === 'over') return callback()
    this.#whenFinished = callback
    this.#rpc.sendStream(this.#serial, this.#procedure, frameStatus.ok)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#rpc.holdStream(this.#sink, false)
    if (this.#state === 'live') {
      this.#state = 'over'
      this.#rpc.sendStream(this.#serial, this.#procedure, frameStatus.error)
    }
    callback(error)
  }

  #received(chunk: Buffer): void {
    if (this.destroyed || !this.readable) return
    // The daemon marks the end of what there is to read with an empty chunk, and then waits for us to finish.
    if (chunk.length === 0) this.push(null)
    else if (!this.push(chunk)) this.#rpc.holdStream(this.#sink, true)
  }

  #finished(): void {
    this.#state = 'over'
    const callback = this.#whenFinished
    this.#whenFinished = null
    if (!this.destroyed && this.readable) this.push(null)
    callback?.()
  }

  #failed(error: Error): void {
    // An 'error' event before the caller has the stream would be one that nobody can listen for.
    if (this.#state === 'opening') this.#early = error
    const early = this.#state === 'opening'
    this.#state = 'over'
    if (early) return
    this.#whenFinished?.(error)
    this.#whenFinished = null
    this.destroy(error)
  }
}
