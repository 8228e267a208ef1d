/** Keys and pointer on their way to the guest (spice-protocol, "Inputs channel"): keys as the codes of an IBM PC keyboard, whatever its language. */
import { type Bytes, type Outlet, pack, u16, u32, u8 } from './bytes.ts'
import { scanCodes } from './scan-codes.ts'

const message = { key_down: 101, key_up: 102, motion: 111, position: 112, press: 113, release: 114 }
/** The server acknowledges each fourth; more than twice that on the way are gathered. */
const bunch = 4
const unacknowledged_max = 2 * bunch
const buttons = { left: 1, middle: 2, right: 3, up: 4, down: 5 }

export class Inputs {
  readonly #channel: Outlet
  readonly #down = new Set<string>()
  #held = 0
  #sent = 0
  #waits: (() => void) | null = null

  constructor(channel: Outlet) {
    this.#channel = channel
  }

  hear(type: number, _body: Bytes): void {
    if (type !== 111) return
    this.#sent = Math.max(0, this.#sent - bunch)
    const next = this.#waits
    this.#waits = null
    next?.()
  }

  /** `code`: as the browser names the key (W3C UI Events). False for keys that a PC keyboard has not. */
  key(code: string, is_down: boolean): boolean {
    const scan = scanCodes.get(code)
    if (scan === undefined) return false
    if (is_down) this.#down.add(code)
    // What was pressed elsewhere is not let go of here.
    else if (!this.#down.delete(code)) return true
    this.#channel.send(is_down ? message.key_down : message.key_up, pack(u32(wireOf(scan, is_down))))
    return true
  }

  /** Nobody holds a key any more: of what the window was left with, no end is heard. */
  releaseAll(): void {
    for (const code of [...this.#down]) this.key(code, false)
  }

  pointer(x: number, y: number, pressed: number): void {
    this.#moves(() => this.#channel.send(message.position, pack(u32(x), u32(y), u16(heldOf(pressed)), u8(0))))
  }

  motion(dx: number, dy: number, pressed: number): void {
    this.#moves(() => this.#channel.send(message.motion, pack(u32(dx), u32(dy), u16(heldOf(pressed)))))
  }

  /** `pressed`: as MouseEvent.buttons has them all. */
  buttons(pressed: number): void {
    const now = heldOf(pressed)
    for (const [bit, button] of [
      [1, buttons.left],
      [2, buttons.middle],
      [4, buttons.right],
    ] as const) {
      if ((now & bit) === (this.#held & bit)) continue
      this.#held = (this.#held & ~bit) | (now & bit)
      this.#channel.send((now & bit) === 0 ? message.release : message.press, pack(u8(button), u16(this.#held)))
    }
  }

  wheel(down: boolean): void {
    const button = down ? buttons.down : buttons.up
    this.#channel.send(message.press, pack(u8(button), u16(this.#held)))
    this.#channel.send(message.release, pack(u8(button), u16(this.#held)))
  }

  /** Where it was on the way is no matter: of moves that come too fast the last counts. */
  #moves(send: () => void): void {
    if (this.#sent >= unacknowledged_max) {
      this.#waits = () => this.#moves(send)
      return
    }
    this.#sent += 1
    send()
  }
}

/** The browser's bits are left, right, middle; SPICE's left, middle, right. */
const heldOf = (pressed: number) => (pressed & 1) | ((pressed & 4) >> 1) | ((pressed & 2) << 1)

/** Byte by byte as the keyboard says it, the first lowest; 0x80 on the last when it is let go of. */
function wireOf(scan: number, is_down: boolean): number {
  const [prefix, code] = [scan >> 8, (scan & 0xff) | (is_down ? 0 : 0x80)]
  return prefix === 0 ? code : prefix | (code << 8)
}
