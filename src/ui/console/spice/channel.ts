/**
 * One connection of SPICE's over a WebSocket: shakes hands, then hands on whole messages, and answers what is asked for the connection's
 * own sake (spice-protocol, "Link", "Common messages"). What messages mean is its user's to know.
 */
import { joined } from '../../../sdk/joined.ts'
import { Bytes, pack, u16, u32, u8 } from './bytes.ts'
import { consoleClosed } from '../../../model/console.ts'
import { emptyTicket } from './ticket.ts'

export const channelType = { main: 1, display: 2, inputs: 3, cursor: 4 } as const
export type ChannelName = keyof typeof channelType

const common = { auth_selection: 0, auth_spice: 1, mini_header: 3 }
const auth_spice = 1
const link_bytes_max = 4096
/** A whole large screen, point by point, is less. */
const message_bytes_max = 96 * 1024 * 1024

/** Capabilities by their numbers, as one word of bits. */
export const bitsOf = (numbers: readonly number[]) => numbers.reduce((bits, number) => bits | (1 << number), 0)

export interface ChannelAsked {
  name: ChannelName
  socket: WebSocket
  /** That the main connection was told; 0 for itself. */
  session: number
  /** Of this kind of connection. */
  caps: readonly number[]
  /** Hands have been shaken. `caps`: the server's, of this kind. */
  onOpen(caps: number): void
  onMessage(type: number, body: Bytes): void
}

/** Ends by its socket: what is not SPICE closes it with 1008 and the reason. */
export class SpiceChannel {
  readonly #asked: ChannelAsked
  readonly #parts: Uint8Array[] = []
  #bytes = 0
  /** Nothing can be done with fewer. */
  #needed = 0
  #step: () => boolean = () => this.#reply()
  /** Messages between two acknowledgements, and until the next; 0: none wanted. */
  #window = 0
  #until_ack = 0

  constructor(asked: ChannelAsked) {
    this.#asked = asked
    const { socket } = asked
    socket.addEventListener('open', () => socket.send(linkMessage(asked)))
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#parts.push(new Uint8Array(data))
      this.#bytes += data.byteLength
      try {
        while (socket.readyState === socket.OPEN && this.#bytes >= this.#needed && this.#step()) continue
      } catch (error) {
        // Of a close frame's 125 bytes.
        socket.close(
          consoleClosed.unavailable,
          `SPICE: ${error instanceof Error ? error.message : String(error)}`.slice(0, 100),
        )
      }
    })
  }

  send(type: number, body: Uint8Array = new Uint8Array()): void {
    const { socket } = this.#asked
    if (socket.readyState === socket.OPEN) socket.send(joined([pack(u16(type), u32(body.length)), body]))
  }

  #reply(): boolean {
    const head = this.#peek(16)
    if (!head) return false
    if (head.u32be() !== 0x52454451) throw new Error('the host does not speak it')
    head.at = 12
    const size = head.u32()
    if (size < 178 || size > link_bytes_max) throw new Error(`a link of ${size} bytes`)
    const whole = this.#take(16 + size)
    if (!whole) return false
    const body = new Bytes(whole.subarray(16))
    const error = body.u32()
    if (error !== 0) throw new Error(`the link is refused (${error})`)
    const key = body.take(162)
    const [commons, own] = [body.u32(), body.u32()]
    body.at = body.u32() + commons * 4
    const caps = own > 0 ? body.u32() : 0
    this.#asked.socket.send(joined([pack(u32(auth_spice)), emptyTicket(key, bytes => crypto.getRandomValues(bytes))]))
    this.#step = () => this.#outcome(caps)
    return true
  }

  #outcome(caps: number): boolean {
    const said = this.#take(4)
    if (!said) return false
    const outcome = new Bytes(said).u32()
    if (outcome !== 0) throw new Error(`the ticket is refused (${outcome})`)
    this.#step = () => this.#message()
    this.#asked.onOpen(caps)
    return true
  }

  #message(): boolean {
    const head = this.#peek(6)
    if (!head) return false
    const [type, size] = [head.u16(), head.u32()]
    if (size > message_bytes_max) throw new Error(`a message of ${size} bytes`)
    const whole = this.#take(6 + size)
    if (!whole) return false
    const body = new Bytes(whole.subarray(6))
    if (!this.#common(type, body)) this.#asked.onMessage(type, body)
    if (this.#window > 0 && --this.#until_ack === 0) {
      this.#until_ack = this.#window
      this.send(2)
    }
    return true
  }

  /** What is for the connection alone. */
  #common(type: number, body: Bytes): boolean {
    if (type === 3) {
      const generation = body.u32()
      this.#window = body.u32()
      // This message is none of those that count.
      this.#until_ack = this.#window + 1
      this.send(1, pack(u32(generation)))
    } else if (type === 4) this.send(3, body.take(12))
    return type < 100
  }

  #peek(count: number): Bytes | null {
    if (!this.#has(count)) return null
    return new Bytes(this.#whole().subarray(0, count))
  }

  #take(count: number): Uint8Array | null {
    if (!this.#has(count)) return null
    const whole = this.#whole()
    this.#parts[0] = whole.subarray(count)
    this.#bytes -= count
    return whole.subarray(0, count)
  }

  #has(count: number): boolean {
    this.#needed = this.#bytes < count ? count : 0
    return this.#needed === 0
  }

  #whole(): Uint8Array {
    if (this.#parts.length !== 1) this.#parts.splice(0, this.#parts.length, joined(this.#parts))
    return this.#parts[0] ?? new Uint8Array()
  }
}

function linkMessage({ name, session, caps }: ChannelAsked): Uint8Array<ArrayBuffer> {
  const words = [bitsOf([common.auth_selection, common.auth_spice, common.mini_header]), bitsOf(caps)]
  const counts = [u32(1), u32(1), u32(18)]
  const body = pack(u32(session), u8(channelType[name]), u8(0), ...counts, ...words.map(u32))
  const head = pack(...[0x52, 0x45, 0x44, 0x51].map(u8), u32(2), u32(2), u32(body.length))
  return joined([head, body])
}
