/**
 * What a VNC client says, as far as a proxy must understand it (RFC 6143, and the extensions that QEMU and noVNC speak): to let
 * those who only look on do nothing, to let nobody shut others out, and to stop what is no RFB. What the server says passes
 * unseen. Bytes come in pieces of any size; no more than a message's head is ever kept, but of encodings and clipboards.
 */
import { type Clock, realClock } from './clock.ts'
import {
  type ClipboardAllowance,
  clipboardBytesMax,
  clipboardMessage,
  clipboardTextBytesMax,
  extendedClipboardEncoding,
  isCapabilities,
  MalformedClipboard,
} from './rfb-clipboard.ts'

export class MalformedRfb extends Error {}

const encodingsMax = 1024

const message = {
  setPixelFormat: 0,
  setEncodings: 2,
  updateRequest: 3,
  key: 4,
  pointer: 5,
  cutText: 6,
  continuousUpdates: 150,
  fence: 248,
  power: 250,
  desktopSize: 251,
  qemu: 255,
} as const

/** Sizes of heads that do not depend on what is in them. */
const headBytes: Readonly<Record<number, number>> = {
  [message.setPixelFormat]: 20,
  [message.setEncodings]: 4,
  [message.updateRequest]: 10,
  [message.key]: 8,
  [message.pointer]: 6,
  [message.cutText]: 8,
  [message.continuousUpdates]: 10,
  [message.fence]: 9,
  [message.power]: 4,
  [message.desktopSize]: 8,
}

const pressedMax = 64

/** Of clipboards, unpacked: two of the longest at once, and as much again in a quarter of a minute. */
const clipboardBurstBytes = 2 * clipboardTextBytesMax
const clipboardBytesPerSecond = 64 * 1024

type Phase = 'version' | 'security' | 'init' | 'messages'

export class RfbClient {
  #phase: Phase = 'version'
  #head: Buffer = Buffer.alloc(0)
  /** Bytes of the message begun that are still to come, and whether they go on to the server. */
  #rest = 0
  #passes = false
  /** A message that is judged as a whole; of its body, what is not there yet is `#rest`. */
  #kept: { head: Buffer; body: Buffer } | null = null
  #clipboard = false
  #view_only: boolean
  readonly #clock: Pick<Clock, 'steady_ms'>
  readonly #allowance: ClipboardAllowance = { bytes: clipboardBurstBytes }
  #allowed_at_ms: number
  /** How to let go of each key that is held down, and of the mouse. */
  readonly #pressed = new Map<string, Buffer>()
  #release: Buffer[] = []

  constructor(view_only: boolean, clock: Pick<Clock, 'steady_ms'> = realClock) {
    this.#view_only = view_only
    this.#clock = clock
    this.#allowed_at_ms = clock.steady_ms()
  }

  /** What of this goes on to the server. Throws MalformedRfb. */
  push(chunk: Buffer): Buffer {
    const out: Buffer[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#rest > 0) {
        const part = chunk.subarray(at, at + this.#rest)
        if (this.#kept) part.copy(this.#kept.body, this.#kept.body.length - this.#rest)
        else if (this.#passes) out.push(part)
        at += part.length
        this.#rest -= part.length
        if (this.#rest === 0) this.#ended(out)
        continue
      }
      const missing = this.#wanted() - this.#head.length
      this.#head = Buffer.concat([this.#head, chunk.subarray(at, at + missing)])
      at += missing
      if (this.#head.length >= this.#wanted()) {
        this.#whole(out)
        this.#head = Buffer.alloc(0)
      }
    }
    return Buffer.concat(out)
  }

  /** From now on; returns what the server is told at once, so that no key stays down behind somebody who lost control. */
  setViewOnly(view_only: boolean): Buffer {
    this.#view_only = view_only
    if (!view_only) return Buffer.alloc(0)
    this.#release.push(...this.#pressed.values())
    this.#pressed.clear()
    // Not into the middle of a message that goes on.
    const amid = this.#rest > 0 && this.#passes && !this.#kept
    return amid ? Buffer.alloc(0) : Buffer.concat(this.#release.splice(0))
  }

  #wanted(): number {
    if (this.#phase === 'version') return 12
    if (this.#phase !== 'messages') return 1
    const [type, second] = this.#head
    if (type === undefined) return 1
    if (type !== message.qemu) {
      const size = headBytes[type]
      if (size === undefined) throw new MalformedRfb(`a message of the unknown type ${type}`)
      return size
    }
    if (second === undefined) return 2
    if (second === 0) return 12
    if (second !== 1) throw new MalformedRfb(`a QEMU message of the unknown type ${second}`)
    if (this.#head.length < 4) return 4
    return this.#head.readUInt16BE(2) === 2 ? 10 : 4
  }

  #whole(out: Buffer[]): void {
    const head = this.#head
    switch (this.#phase) {
      case 'version': {
        const minor = /^RFB 003\.00([378])\n$/.exec(head.toString('latin1'))?.[1]
        if (minor === undefined) throw new MalformedRfb('it does not begin as RFB 3 does')
        // In 3.3 the server alone decides on security (RFC 6143, 7.1.2).
        this.#phase = minor === '3' ? 'init' : 'security'
        out.push(head)
        return
      }
      case 'security':
        // QEMU is reached by nobody but its agent: there is nothing to prove.
        if (head[0] !== 1) throw new MalformedRfb(`the security type ${head[0]}, which was not offered`)
        this.#phase = 'init'
        out.push(head)
        return
      case 'init':
        // Always shared: nobody is thrown out because another comes.
        this.#phase = 'messages'
        out.push(Buffer.of(1))
        return
      default:
        this.#message(head, out)
    }
  }

  #message(head: Buffer, out: Buffer[]): void {
    const type = head[0] ?? 0
    this.#rest = bodyBytes(head)
    const isExtended = type === message.cutText && head.readInt32BE(4) < 0
    if (type === message.setEncodings || isExtended) {
      this.#kept = { head, body: Buffer.alloc(this.#rest) }
      if (this.#rest === 0) this.#ended(out)
      return
    }
    // A clipboard in the old form is Latin-1 without an owner who can be asked for it again, which ended older QEMUs (CVE-2023-6683).
    this.#passes = type !== message.cutText && (!this.#view_only || !acts(head))
    if (!this.#passes) return
    out.push(Buffer.from(head))
    if (type === message.key || type === message.pointer || type === message.qemu) this.#track(head)
  }

  /** All of a message is there. */
  #ended(out: Buffer[]): void {
    if (this.#kept) {
      const { head, body } = this.#kept
      this.#kept = null
      if (head[0] === message.setEncodings) {
        this.#clipboard ||= hasClipboard(body)
        out.push(head, body)
      } else this.#clipboardSaid(body, out)
    }
    out.push(...this.#release.splice(0))
  }

  /**
   * Who only looks on neither gives a clipboard nor asks for the guest's: what is copied there, passwords among it, is not what is
   * shown. It may say what it can do, so that it can take part when it is given control.
   */
  #clipboardSaid(body: Buffer, out: Buffer[]): void {
    // QEMU before 8.2 does not survive the form that was not agreed on (CVE-2023-6683).
    if (!this.#clipboard) throw new MalformedRfb('a clipboard in the extended form, which was not agreed on')
    // Not even unpacked: that is work, and anybody who was given a link could ask for much of it.
    if (this.#view_only && body.length >= 4 && !isCapabilities(body)) return
    const steady_ms = this.#clock.steady_ms()
    const gained = ((steady_ms - this.#allowed_at_ms) / 1000) * clipboardBytesPerSecond
    this.#allowed_at_ms = steady_ms
    this.#allowance.bytes = Math.min(clipboardBurstBytes, this.#allowance.bytes + gained)
    try {
      const said = clipboardMessage(body, this.#allowance)
      if (said) out.push(said)
    } catch (error) {
      throw error instanceof MalformedClipboard ? new MalformedRfb(error.message, { cause: error }) : error
    }
  }

  #track(head: Buffer): void {
    const up = Buffer.from(head)
    let down: boolean
    if (head[0] === message.pointer) {
      down = head[1] !== 0
      up[1] = 0
    } else if (head[0] === message.key) {
      down = head[1] !== 0
      up[1] = 0
    } else {
      if (head[1] !== 0) return
      down = head.readUInt16BE(2) !== 0
      up.writeUInt16BE(0, 2)
    }
    const name = head[0] === message.pointer ? 'pointer' : up.toString('latin1')
    this.#pressed.delete(name)
    if (down && this.#pressed.size < pressedMax) this.#pressed.set(name, up)
  }
}

function bodyBytes(head: Buffer): number {
  switch (head[0]) {
    case message.setEncodings: {
      const count = head.readUInt16BE(2)
      if (count > encodingsMax) throw new MalformedRfb(`${count} encodings`)
      return 4 * count
    }
    case message.cutText: {
      // A negative length marks the extended clipboard.
      const length = Math.abs(head.readInt32BE(4))
      if (length > clipboardBytesMax) throw new MalformedRfb(`a clipboard of ${length} bytes`)
      return length
    }
    case message.fence:
      return head[8] ?? 0
    case message.desktopSize:
      return 16 * (head[6] ?? 0)
    default:
      return 0
  }
}

function hasClipboard(encodings: Buffer): boolean {
  for (let at = 0; at < encodings.length; at += 4) {
    if (encodings.readUInt32BE(at) === extendedClipboardEncoding) return true
  }
  return false
}

/** Whether it does something to the guest: what who only looks on may not. */
function acts(head: Buffer): boolean {
  switch (head[0]) {
    case message.key:
    case message.pointer:
    case message.power:
    case message.desktopSize:
      return true
    case message.qemu:
      return head[1] === 0
    default:
      return false
  }
}
