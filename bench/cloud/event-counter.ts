/** A watcher that only counts: a hundred of them must not cost more than what they watch. */
import type { Socket } from 'node:net'
import { openEventStream } from './event-stream.ts'

/** The chunks of the transfer coding never divide an event, but TCP may: the end of what came is kept for the next. */
const mark = Buffer.from('\ndata: ')

export class EventCounter {
  events = 0
  private readonly socket: Socket
  private rest = Buffer.alloc(0)
  private waiting: { count: number; resolve(): void } | null = null

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.take(chunk))
  }

  static async open(url: string, token: string, query: string): Promise<EventCounter> {
    return new EventCounter(await openEventStream(url, token, query))
  }

  /** Resolves when so many have come since the beginning. */
  reached(count: number): Promise<void> {
    if (this.events >= count) return Promise.resolve()
    return new Promise(resolve => {
      this.waiting = { count, resolve }
    })
  }

  close(): void {
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    const seam = Buffer.concat([this.rest, chunk.subarray(0, mark.length - 1)])
    if (this.rest.length > 0 && seam.includes(mark)) this.events++
    for (let at = chunk.indexOf(mark); at >= 0; at = chunk.indexOf(mark, at + mark.length)) this.events++
    const tail = chunk.length >= mark.length - 1 ? chunk : Buffer.concat([this.rest, chunk])
    this.rest = Buffer.from(tail.subarray(-(mark.length - 1)))
    if (this.waiting && this.events >= this.waiting.count) {
      this.waiting.resolve()
      this.waiting = null
    }
  }
}
