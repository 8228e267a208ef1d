/** A viewer of a console, as far as its socket goes: what it was told, and how it ended. */
import { once } from 'node:events'
import { WebSocket } from 'ws'

export class Viewer {
  readonly socket: WebSocket
  text = ''
  bytes = 0
  readonly closed: Promise<{ code: number; reason: string }>
  #news = Promise.withResolvers<void>()

  constructor(url: string) {
    this.socket = new WebSocket(url, ['binary'])
    this.socket.on('message', (data: Buffer) => {
      this.text += data.toString('latin1')
      this.bytes += data.length
      this.#news.resolve()
      this.#news = Promise.withResolvers()
    })
    this.closed = once(this.socket, 'close').then(([code, reason]) => ({
      code: code as number,
      reason: String(reason),
    }))
    this.closed.catch(() => undefined)
  }

  async until(done: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(30_000)
    const over = once(late, 'abort')
    while (!done()) {
      if (late.aborted) throw new Error(`not yet, after ${this.bytes} bytes: …${this.text.slice(-500)}`)
      await Promise.race([this.#news.promise, over])
    }
  }

  says(text: string): Promise<void> {
    return this.until(() => this.text.includes(text))
  }
}
