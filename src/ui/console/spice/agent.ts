/**
 * What is said to spice-vdagent in the guest, over the main connection: texts of the clipboard, and the size of its screen
 * (spice-protocol, "vd_agent.h"). A guest says what it likes here: it is bounded, and it never reads this computer's clipboard by itself.
 */
import { joined } from '../../../sdk/joined.ts'
import { Bytes, type Outlet, pack, u32 } from './bytes.ts'

const message = { start: 106, data: 107, token: 108 }
const kinds = { monitors: 2, clipboard: 4, capabilities: 6, grab: 7, request: 8, release: 9 }
const caps = { monitors: 1, by_demand: 5, selection: 6 }
const own_caps = (1 << caps.monitors) | (1 << caps.by_demand) | (1 << caps.selection)
const utf8 = 1
const chunk_bytes_max = 2048
const text_bytes_max = 512 * 1024
/** What the guest may send before it is told that more may come. */
const tokens = 10

export class Agent {
  readonly #channel: Outlet
  readonly #onText: (text: string) => void
  #tokens = 0
  readonly #waiting: Uint8Array[] = []
  #parts: Uint8Array[] = []
  #bytes = 0
  /** Of a message that is longer than anything that is taken: what of it still passes by. */
  #skipped = 0
  #caps = 0
  #is_there = false
  #offered = ''
  #size: { width: number; height: number } | null = null

  constructor(channel: Outlet, onText: (text: string) => void) {
    this.#channel = channel
    this.#onText = onText
  }

  /** It runs in the guest, and takes so many messages. */
  connected(tokens_left: number): void {
    this.#is_there = true
    this.#tokens = tokens_left
    this.#parts = []
    this.#bytes = 0
    this.#skipped = 0
    this.#waiting.length = 0
    this.#channel.send(message.start, pack(u32(tokens)))
    this.#say(kinds.capabilities, pack(u32(1), u32(own_caps)))
    if (this.#size) this.resize(this.#size)
  }

  disconnected(): void {
    this.#is_there = false
    this.#caps = 0
  }

  tokensCame(count: number): void {
    this.#tokens += count
    this.#flush()
  }

  /** Pieces of messages, of any size. */
  hear(piece: Uint8Array): void {
    this.#channel.send(message.token, pack(u32(1)))
    this.#hear(piece)
  }

  #hear(piece: Uint8Array): void {
    const taken = piece.subarray(Math.min(this.#skipped, piece.length))
    this.#skipped -= piece.length - taken.length
    this.#parts.push(taken)
    this.#bytes += taken.length
    if (this.#bytes < 20) return
    const all = joined(this.#parts)
    const head = new Bytes(all)
    head.u32()
    const kind = head.u32()
    head.u64()
    const size = head.u32()
    if (size > text_bytes_max + 64) {
      this.#parts = []
      this.#bytes = 0
      this.#skipped = 20 + size
      return this.#hear(all)
    }
    this.#parts = [all]
    if (all.length < 20 + size) return
    this.#parts = []
    this.#bytes = 0
    this.#message(kind, new Bytes(all.subarray(20, 20 + size)))
    if (all.length > 20 + size) this.#hear(all.subarray(20 + size))
  }

  /** Offers a text to the guest, which asks for it when somebody pastes there. */
  offer(text: string): void {
    this.#offered = text
    this.#say(kinds.grab, joined([this.#selection(), pack(u32(utf8))]))
  }

  resize(size: { width: number; height: number }): void {
    this.#size = size
    const { width, height } = size
    this.#say(kinds.monitors, pack(u32(1), u32(0), u32(height), u32(width), u32(32), u32(0), u32(0)))
  }

  #message(kind: number, body: Bytes): void {
    if (kind === kinds.capabilities) {
      const asks = body.u32() !== 0
      this.#caps = body.u32()
      if (asks) this.#say(kinds.capabilities, pack(u32(0), u32(own_caps)))
      return
    }
    // Of the selections of an X server only the clipboard.
    if (this.#caps & (1 << caps.selection) && [kinds.clipboard, kinds.grab, kinds.request].includes(kind)) {
      if (body.u32() !== 0) return
    }
    if (kind === kinds.grab) {
      while (body.left >= 4) {
        if (body.u32() === utf8) return this.#say(kinds.request, joined([this.#selection(), pack(u32(utf8))]))
      }
    } else if (kind === kinds.request) this.#answer()
    else if (kind === kinds.clipboard && body.u32() === utf8 && body.left <= text_bytes_max) {
      this.#onText(new TextDecoder().decode(body.take(body.left)).replaceAll('\0', ''))
    }
  }

  #answer(): void {
    const text = new TextEncoder().encode(this.#offered).slice(0, text_bytes_max)
    this.#say(kinds.clipboard, joined([this.#selection(), pack(u32(utf8)), text]))
  }

  #selection = () => (this.#caps & (1 << caps.selection) ? pack(u32(0)) : new Uint8Array())

  #say(kind: number, body: Uint8Array): void {
    if (!this.#is_there) return
    const whole = joined([pack(u32(1), u32(kind), u32(0), u32(0), u32(body.length)), body])
    for (let at = 0; at < whole.length; at += chunk_bytes_max) this.#waiting.push(whole.slice(at, at + chunk_bytes_max))
    this.#flush()
  }

  #flush(): void {
    for (; this.#tokens > 0 && this.#waiting.length > 0; this.#tokens--) {
      this.#channel.send(message.data, this.#waiting.shift() ?? new Uint8Array())
    }
  }
}
