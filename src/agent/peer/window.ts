/**
 * How much of a guest's memory may be on its way between the two relays. What QEMU has written counts for it as sent, while it still waits in
 * buffers on the way; and when the guest stands still to be handed over, all of that has to arrive before it can go on. Left alone, the
 * kernel's buffers grow to megabytes, which is a tenth of a second and more of that pause. So the receiving relay tells how much it has taken,
 * and the sending one holds back what is beyond what the line carries in its own delay and a little more (as TCP Vegas and BBR do).
 *
 * Who receives may be of a version that tells nothing: then nothing is held back, as before.
 */
import { Transform, type Duplex } from 'node:stream'

/** Never less: at this a line with 10 ms from one end to the other still carries 50 MB/s. */
export const window_bytes_min = 512 * 1024
/** What may wait on the way, beyond what is under way. */
const queue_ms = 10
/** Told by the receiver so often; well below the least window, so that what is held back never waits for a word that does not come. */
export const told_bytes = 128 * 1024
const sample_ms = 50
/** Rates that are looked back at: a moment without CPU is no slower line. */
const samples_max = 10

/** The sender's count. */
export class Window {
  #sent = 0
  #taken = 0
  #limit = Infinity
  #held: ((now_ms: number) => void) | null = null
  #delay_min_ms = Infinity
  /** What was sent, when; the oldest first. */
  readonly #marks: { readonly sent: number; readonly at_ms: number }[] = []
  readonly #rates: number[] = []
  #sample: { readonly taken: number; readonly at_ms: number } | null = null

  get limit_bytes(): number {
    return this.#limit
  }

  /** `go` is called when so many bytes may be sent. */
  send(bytes: number, now_ms: number, go: () => void): void {
    this.#held = at_ms => {
      this.#sent += bytes
      if (this.#limit < Infinity) this.#marks.push({ sent: this.#sent, at_ms })
      go()
    }
    this.#look(now_ms)
  }

  /** The receiver has taken so many since the beginning. */
  taken(bytes: number, now_ms: number): void {
    this.#taken = Math.max(this.#taken, bytes)
    for (let mark = this.#marks[0]; mark !== undefined && mark.sent <= this.#taken; mark = this.#marks[0]) {
      this.#delay_min_ms = Math.min(this.#delay_min_ms, now_ms - mark.at_ms)
      this.#marks.shift()
    }
    this.#sample ??= { taken: this.#taken, at_ms: now_ms }
    const passed_ms = now_ms - this.#sample.at_ms
    if (passed_ms >= sample_ms) {
      this.#rates.push((this.#taken - this.#sample.taken) / passed_ms)
      if (this.#rates.length > samples_max) this.#rates.shift()
      this.#sample = { taken: this.#taken, at_ms: now_ms }
    }
    const delay_ms = this.#delay_min_ms === Infinity ? 0 : this.#delay_min_ms
    // What the receiver has taken and not told yet is under way as well, as far as is known here.
    const carried = Math.max(0, ...this.#rates) * (delay_ms + queue_ms) + told_bytes
    this.#limit = Math.max(window_bytes_min, carried)
    this.#look(now_ms)
  }

  /** Nobody will tell any more: nothing is held back from now on. */
  open(): void {
    this.#taken = Infinity
    this.#limit = Infinity
    this.#marks.length = 0
    this.#look(0)
  }

  #look(now_ms: number): void {
    if (this.#held === null || this.#sent - this.#taken >= this.#limit) return
    const go = this.#held
    this.#held = null
    go(now_ms)
  }
}

/** What passes through it waits for its window. */
export function heldBy(window: Window): Transform {
  return new Transform({
    highWaterMark: 16 * 1024,
    transform(chunk: Buffer, _encoding, done) {
      window.send(chunk.length, performance.now(), () => done(null, chunk))
    },
  })
}

/** The receiver's part; `tell` is called at once, so that the sender knows that it will be told. */
export function tellTaken(stream: Duplex, tell: (bytes: number) => void): void {
  let taken = 0
  let told = 0
  stream.on('data', (chunk: Buffer) => {
    taken += chunk.length
    if (taken - told < told_bytes) return
    told = taken
    tell(taken)
  })
  tell(0)
}

/** More than any source leaves unread that goes by what it is told: that much is said of a gigabyte and more. */
export const unread_bytes_max = 256 * 1024

/** To who asked to be told. A host that asks and never reads is cut off: its words would pile up here. */
export function sayTaken(session: Duplex, line: string): void {
  if (!session.writable) return
  if (session.writableLength > unread_bytes_max)
    session.destroy(new Error('the other host does not read what it asked for'))
  else session.write(`${line}\n`)
}

/** A line on the connection for messages; it is the relays' own, and not passed on. */
export const takenLine = (number: number, bytes: number) => `+${number} ${bytes}`

/** Null for any other line. */
export function parseTaken(line: string): { number: number; bytes: number } | null {
  const [, number, bytes] = /^\+(\d{1,9}) (\d{1,15})$/.exec(line) ?? []
  return number === undefined ? null : { number: Number(number), bytes: Number(bytes) }
}
