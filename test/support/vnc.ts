/** A small VNC client (RFC 6143, raw encoding) over a WebSocket or any byte stream, for tests and figures. */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'

const within_ms = 60_000
const shift = 0xffe1
const enter = 0xff0d

export class Vnc {
  readonly width: number
  readonly height: number
  readonly #stream: Duplex
  #said: Buffer

  private constructor(stream: Duplex, said: Buffer, width: number, height: number) {
    this.#stream = stream
    this.#said = said
    this.width = width
    this.height = height
  }

  /** A socket that is being opened: the server speaks first, so nothing may be missed. */
  static over(socket: WebSocket): Promise<Vnc> {
    return Vnc.of(createWebSocketStream(socket))
  }

  /** Shakes hands, and asks for 32 bits a pixel, raw. */
  static async of(stream: Duplex): Promise<Vnc> {
    const made = new Vnc(stream, Buffer.alloc(0), 0, 0)
    await made.#take(12)
    stream.write('RFB 003.008\n')
    await made.#take((await made.#take(1))[0] ?? 0)
    stream.write(Buffer.of(1))
    if ((await made.#take(4)).readUInt32BE() !== 0) throw new Error('the server wants a password')
    stream.write(Buffer.of(1))
    const init = await made.#take(24)
    await made.#take(init.readUInt32BE(20))
    const format = Buffer.of(0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0)
    stream.write(Buffer.concat([format, Buffer.of(2, 0, 0, 1, 0, 0, 0, 0)]))
    return new Vnc(stream, made.#said, init.readUInt16BE(0), init.readUInt16BE(2))
  }

  press(keysym: number): void {
    this.#key(keysym, 1)
    this.#key(keysym, 0)
  }

  /** Letters, digits, space, slash and new line, as on a US keyboard. */
  type(text: string): void {
    for (const character of text) {
      const upper = /[A-Z]/.test(character)
      if (upper) this.#key(shift, 1)
      this.press(character === '\n' ? enter : character.charCodeAt(0))
      if (upper) this.#key(shift, 0)
    }
  }

  #key(keysym: number, down: 0 | 1): void {
    const said = Buffer.alloc(8)
    said[0] = 4
    said[1] = down
    said.writeUInt32BE(keysym, 4)
    this.#stream.write(said)
  }

  /** All of the screen as it is now. */
  picture(): Promise<Buffer> {
    return this.#update(0)
  }

  /** The next part of it that changes. Ask before what is to change it. */
  change(): Promise<Buffer> {
    return this.#update(1)
  }

  /** Asks for a screen of this size; the server's word on it (rfbproto, ExtendedDesktopSize): 0 done, 4 the guest was told, 3 it cannot. */
  async resize(width: number, height: number): Promise<number> {
    this.#stream.write(Buffer.from([2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xfe, 0xcc]))
    const asked = Buffer.alloc(24)
    asked[0] = 251
    asked.writeUInt16BE(width, 2)
    asked.writeUInt16BE(height, 4)
    asked[6] = 1
    asked.writeUInt16BE(width, 16)
    asked.writeUInt16BE(height, 18)
    this.#stream.write(asked)
    for (;;) {
      const [type, , , count = 0] = await this.#take(4)
      if (type !== 0) throw new Error(`the server said ${type}, which was not asked for`)
      for (let n = 0; n < count; n++) {
        const head = await this.#take(12)
        if (head.readInt32BE(8) !== -308) {
          await this.#take(head.readUInt16BE(4) * head.readUInt16BE(6) * 4)
          continue
        }
        const screens = await this.#take(4)
        await this.#take(16 * (screens[0] ?? 0))
        // 1: at this client's wish. The server tells the size as it is by itself, too.
        if (head.readUInt16BE(0) === 1) return head.readUInt16BE(2)
      }
    }
  }

  /** Says that it speaks of clipboards in the extended form (rfbproto), and what it can do with text: all. */
  async shareClipboard(): Promise<void> {
    const encodings = Buffer.from([2, 0, 0, 2, 0, 0, 0, 0, 0xc0, 0xa1, 0xe5, 0xce])
    this.#stream.write(encodings)
    await this.clipboard(0x01000000)
    this.sayClipboard(0x1f000001, Buffer.from([0, 0x10, 0, 0]))
  }

  sayClipboard(flags: number, rest: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(12)
    head[0] = 6
    head.writeInt32BE(-4 - rest.length, 4)
    head.writeInt32BE(flags, 8)
    this.#stream.write(Buffer.concat([head, rest]))
  }

  /** What follows the flags of the next clipboard message with this action; others are passed over. No picture may be due. */
  async clipboard(action: number): Promise<Buffer> {
    for (;;) {
      const type = (await this.#take(1))[0]
      if (type !== 3) throw new Error(`the server said ${type} and not what is on its clipboard`)
      const body = await this.#cutText()
      if ((body.readUInt32BE() & 0xff000000 & action) !== 0) return body.subarray(4)
    }
  }

  /** In either form: the extended one is marked by a negative length. */
  async #cutText(): Promise<Buffer> {
    return await this.#take(Math.abs((await this.#take(7)).readInt32BE(3)))
  }

  close(): void {
    this.#stream.destroy()
  }

  async #update(incremental: number): Promise<Buffer> {
    const asked = Buffer.alloc(10)
    asked[0] = 3
    asked[1] = incremental
    asked.writeUInt16BE(this.width, 6)
    asked.writeUInt16BE(this.height, 8)
    this.#stream.write(asked)
    for (;;) {
      const type = (await this.#take(1))[0]
      if (type === 2) continue
      if (type === 3) {
        await this.#cutText()
        continue
      }
      if (type !== 0) throw new Error(`the server said ${type}, which was not asked for`)
      const count = (await this.#take(3)).readUInt16BE(1)
      const parts: Buffer[] = []
      for (let n = 0; n < count; n++) {
        const head = await this.#take(12)
        parts.push(await this.#take(head.readUInt16BE(4) * head.readUInt16BE(6) * 4))
      }
      return Buffer.concat(parts)
    }
  }

  async #take(count: number): Promise<Buffer> {
    const signal = AbortSignal.timeout(within_ms)
    const parts = [this.#said]
    let bytes = this.#said.length
    while (bytes < count) {
      const part = this.#stream.read() as Buffer | null
      if (part) {
        parts.push(part)
        bytes += part.length
      } else await once(this.#stream, 'readable', { signal })
    }
    const all = Buffer.concat(parts)
    this.#said = all.subarray(count)
    return all.subarray(0, count)
  }
}
