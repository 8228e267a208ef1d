/**
 * One serial console, many viewers: the hypervisor gives out a single stream per guest, so it is opened for the first viewer, what
 * the guest writes goes to all, what any of them types goes to the guest, and it is closed after the last.
 */
import { Duplex, type Readable } from 'node:stream'
import type { TypedState } from '../model/console.ts'
import { Pieces, piece_bytes } from './pieces.ts'
import { Failure, type Hypervisor, type SerialStream } from './ports.ts'

/** What a newcomer can be shown of before. */
const keptMax_bytes = 256 * 1024
/** A viewer that is so far behind is let go: the others do not wait for it, and it can come back. */
const behindMax_bytes = 4 * 1024 * 1024
/** So much of what a viewer typed waits for a guest that does not read, such as a file that was pasted; what is more is dropped. */
export const typedMax_bytes = 1024 * 1024
/** Who types is told of it from so much on, or when the guest has read nothing for so long. */
const typedMuch_bytes = 128 * 1024
const typedSlow_ms = 2000
/** After so much it is asked whether all of it was taken: the sockets on the way hold a long text by themselves. */
const askAfter_bytes = 2048

type Consoles = Pick<Hypervisor, 'openConsole' | 'readConsoleLog'>

export class SharedConsoles {
  readonly #hypervisor: Consoles
  readonly #open = new Map<string, Promise<Shared>>()

  constructor(hypervisor: Consoles) {
    this.#hypervisor = hypervisor
  }

  /** A viewer's end. `replay_bytes` of what the guest wrote last come first. */
  async open(id: string, replay_bytes: number): Promise<Duplex> {
    const there = this.#open.get(id)
    // What has just ended is no more to be joined.
    const shared = there && (await there.catch(() => null))
    if (shared?.live) return shared.join(replay_bytes)
    if (this.#open.get(id) === there) {
      const made = this.#start(id)
      this.#open.set(id, made)
      const forget = () => {
        if (this.#open.get(id) === made) this.#open.delete(id)
      }
      made.then(one => one.whenOver(forget), forget)
    }
    const next = await this.#open.get(id)
    if (!next?.live) throw new Failure('The console ended as it was opened. Try again.', { passing: true })
    return next.join(replay_bytes)
  }

  async #start(id: string): Promise<Shared> {
    const before = await tail(await this.#hypervisor.readConsoleLog(id, keptMax_bytes, null))
    const stream = await this.#hypervisor.openConsole(id)
    return new Shared(stream, before)
  }
}

async function tail(log: Readable): Promise<Pieces> {
  const kept = new Pieces()
  for await (const part of log) kept.push(Buffer.from(part as Buffer | string))
  return kept
}

class Shared {
  readonly #stream: SerialStream
  readonly #viewers = new Set<Viewer>()
  readonly #kept: Pieces

  constructor(stream: SerialStream, before: Pieces) {
    this.#stream = stream
    this.#kept = before
    // Each viewer may wait for it.
    stream.setMaxListeners(0)
    stream.on('data', (chunk: Buffer) => this.#wrote(chunk))
    stream.once('end', () => stream.destroy())
    // Why it ended is told by its end.
    stream.on('error', () => undefined)
    stream.once('close', () => {
      for (const viewer of this.#viewers) viewer.showEnd()
      this.#viewers.clear()
    })
  }

  whenOver(listener: () => void): void {
    if (this.#stream.closed) listener()
    else this.#stream.once('close', listener)
  }

  get live(): boolean {
    return !this.#stream.destroyed && this.#stream.readable
  }

  join(replay_bytes: number): Duplex {
    const viewer = new Viewer(this.#stream)
    if (replay_bytes > 0) {
      const kept = this.#kept.joined()
      viewer.show(kept.subarray(Math.max(0, kept.length - replay_bytes)))
    }
    this.#viewers.add(viewer)
    viewer.once('close', () => {
      this.#viewers.delete(viewer)
      if (this.#viewers.size === 0) this.#stream.destroy()
    })
    return viewer
  }

  #wrote(chunk: Buffer): void {
    this.#kept.push(chunk)
    while (this.#kept.length - piece_bytes >= keptMax_bytes) this.#kept.shift()
    for (const viewer of this.#viewers) {
      if (viewer.behind_bytes > behindMax_bytes) viewer.destroy()
      else viewer.show(chunk)
    }
  }
}

/**
 * One viewer's end. Writing to it never holds up the line that it comes over: on that line the controller asks whether this host lives, behind what is
 * typed. So what a guest does not read waits here, and 'typed' tells of it (TypedState).
 */
class Viewer extends Duplex {
  readonly #guest: SerialStream
  readonly #unread = new Pieces()
  #wants = true
  #over = false
  readonly #waiting = new Pieces()
  #waiting_bytes = 0
  #unasked_bytes = 0
  #full = false
  #said: TypedState = 'taken'
  #slow: NodeJS.Timeout | undefined

  constructor(guest: SerialStream) {
    super({ allowHalfOpen: false, readableHighWaterMark: piece_bytes })
    this.#guest = guest
  }

  get behind_bytes(): number {
    return this.readableLength + this.#unread.length
  }

  /** What the guest writes. */
  show(bytes: Buffer): void {
    if (this.#wants) this.#wants = this.push(bytes)
    else this.#unread.push(bytes)
  }

  showEnd(): void {
    this.#over = true
    if (this.#wants) this.push(null)
  }

  override _read(): void {
    const piece = this.#unread.shift()
    if (piece) this.push(piece)
    else if (this.#over) this.push(null)
    else this.#wants = true
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#waiting_bytes + chunk.length > typedMax_bytes) this.#say('dropped')
    else {
      this.#waiting.push(chunk)
      this.#waiting_bytes += chunk.length
      this.#goOn()
      if (this.#waiting_bytes > typedMuch_bytes) this.#say('waiting')
    }
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#slow)
    this.#guest.off('drain', this.#drained)
    done(error)
  }

  /** As much as the guest takes; its stream holds one chunk more than that. */
  #goOn(): void {
    while (!this.#full && this.#waiting.length > 0) {
      const chunk = this.#waiting.shift() ?? Buffer.alloc(0)
      this.#waiting_bytes -= chunk.length
      const has_room = this.#guest.destroyed || this.#guest.write(chunk)
      this.#unasked_bytes += chunk.length
      if (has_room && (!this.#guest.taken || this.#unasked_bytes < askAfter_bytes)) continue
      this.#full = true
      this.#slow = setTimeout(() => this.#say('waiting'), typedSlow_ms)
      if (!has_room || !this.#guest.taken) this.#guest.once('drain', this.#drained)
      else this.#guest.taken().then(this.#drained, this.#drained)
      this.#unasked_bytes = 0
    }
    if (!this.#full) this.#say('taken')
  }

  readonly #drained = () => {
    this.#full = false
    clearTimeout(this.#slow)
    if (!this.destroyed) this.#goOn()
  }

  /** What was dropped is said once, and stays so until the guest has read what is here. */
  #say(state: TypedState): void {
    if (state === this.#said || (state === 'waiting' && this.#said === 'dropped')) return
    this.#said = state
    this.emit('typed', state)
  }
}
