/**
 * A small SPICE client (spice-protocol) over byte streams, for tests: opens the main channel and others of its session, and types. It
 * speaks the short form of messages (mini header).
 */
import { constants, createPublicKey, publicEncrypt } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'

const within_ms = 60_000

export const spiceChannel = { main: 1, display: 2, inputs: 3, cursor: 4, playback: 5, record: 6, usb: 9 } as const

const common_caps = { auth_selection: 1 << 0, auth_spice: 1 << 1, mini_header: 1 << 3 }

/** What a client says first: for `session` 0 with main. */
export function linkMessage(channel: number, session: number): Buffer {
  const body = Buffer.alloc(18 + 4)
  body.writeUInt32LE(session, 0)
  body[4] = channel
  body.writeUInt32LE(1, 6)
  body.writeUInt32LE(0, 10)
  body.writeUInt32LE(18, 14)
  body.writeUInt32LE(common_caps.auth_selection | common_caps.auth_spice | common_caps.mini_header, 18)
  const head = Buffer.alloc(16)
  head.write('REDQ', 0, 'latin1')
  head.writeUInt32LE(2, 4)
  head.writeUInt32LE(2, 8)
  head.writeUInt32LE(body.length, 12)
  return Buffer.concat([head, body])
}

/** Keys of a US keyboard by their codes (IBM PC, set 1). */
const codes = new Map(
  [
    ['1234567890', 2],
    ['qwertyuiop', 16],
    ['asdfghjkl', 30],
    ['zxcvbnm', 44],
    ['/', 53],
    [' ', 57],
    ['\n', 28],
  ].flatMap(([keys, first]) =>
    String(keys)
      .split('')
      .map((key, n): [string, number] => [key, Number(first) + n]),
  ),
)
const shift_code = 42
/** A keyboard of QEMU's has room for a few keys, and nothing tells when there is some again. */
const key_ms = 40

export class SpiceChannelClient {
  readonly #stream: Duplex
  #said: Buffer = Buffer.alloc(0)

  private constructor(stream: Duplex) {
    this.#stream = stream
  }

  /** Shakes hands, with the empty ticket of a server that wants none. Throws when it is refused. */
  static async open(stream: Duplex, channel: number, session: number): Promise<SpiceChannelClient> {
    const made = new SpiceChannelClient(stream)
    stream.write(linkMessage(channel, session))
    const head = await made.#take(16)
    if (head.toString('latin1', 0, 4) !== 'REDQ') throw new Error(`no SPICE server: ${head.toString('hex')}`)
    const reply = await made.#take(head.readUInt32LE(12))
    if (reply.readUInt32LE() !== 0) throw new Error(`the link is refused: ${reply.readUInt32LE()}`)
    const key = createPublicKey({ key: reply.subarray(4, 166), format: 'der', type: 'spki' })
    const ticket = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, Buffer.of(0))
    stream.write(Buffer.concat([Buffer.of(1, 0, 0, 0), ticket]))
    const outcome = (await made.#take(4)).readUInt32LE()
    if (outcome !== 0) throw new Error(`the ticket is refused: ${outcome}`)
    return made
  }

  /** The session that other channels name; of main. */
  async session(): Promise<number> {
    for (;;) {
      const { type, body } = await this.#message()
      if (type === 103) return body.readUInt32LE()
    }
  }

  /** The next message of this type; what comes before it is passed over. */
  async next(wanted: number): Promise<Buffer> {
    for (;;) {
      const { type, body } = await this.#message()
      if (type === wanted) return body
    }
  }

  send(type: number, body: Buffer): void {
    const head = Buffer.alloc(6)
    head.writeUInt16LE(type)
    head.writeUInt32LE(body.length, 2)
    this.#stream.write(Buffer.concat([head, body]))
  }

  /** Of inputs: letters, digits, space, slash and new line. */
  async type(text: string): Promise<void> {
    for (const character of text) {
      const code = codes.get(character.toLowerCase())
      if (code === undefined) throw new Error(`no key is known for ${character}`)
      const upper = character !== character.toLowerCase()
      if (upper) this.#key(101, shift_code)
      this.#key(101, code)
      this.#key(102, code | 0x80)
      if (upper) this.#key(102, shift_code | 0x80)
      await new Promise(resolve => setTimeout(resolve, key_ms))
    }
  }

  #key(type: number, code: number): void {
    const key = Buffer.alloc(4)
    key.writeUInt32LE(code)
    this.send(type, key)
  }

  close(): void {
    this.#stream.destroy()
  }

  async #message(): Promise<{ type: number; body: Buffer }> {
    const head = await this.#take(6)
    return { type: head.readUInt16LE(), body: await this.#take(head.readUInt32LE(2)) }
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
        continue
      }
      if (this.#stream.readableEnded || this.#stream.destroyed)
        throw new Error(`the server hung up after ${bytes} bytes`)
      await once(this.#stream, 'readable', { signal })
    }
    const all = Buffer.concat(parts)
    this.#said = all.subarray(count)
    return all.subarray(0, count)
  }
}
