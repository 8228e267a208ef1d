/**
 * One serial console, many viewers: the hypervisor gives out a single stream per guest, so it is opened for the first viewer, what
 * the guest writes goes to all, what any of them types goes to the guest, and it is closed after the last.
 */
import { Duplex, type Readable } from 'node:stream'
import { Failure, type Hypervisor } from './ports.ts'

/** What a newcomer can be shown of before. */
const keptMax_bytes = 256 * 1024
/** A viewer that is so far behind is let go: the others do not wait for it, and it can come back. */
const behindMax_bytes = 4 * 1024 * 1024

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

async function tail(log: Readable): Promise<Buffer[]> {
  const parts: Buffer[] = []
  for await (const part of log) parts.push(Buffer.from(part as Buffer | string))
  return parts
}

class Shared {
  readonly #stream: Duplex
  readonly #viewers = new Set<Viewer>()
  #kept: Buffer[]
  #kept_bytes: number

  constructor(stream: Duplex, before: Buffer[]) {
    this.#stream = stream
    this.#kept = before
    this.#kept_bytes = before.reduce((sum, part) => sum + part.length, 0)
    stream.on('data', (chunk: Buffer) => this.#wrote(chunk))
    stream.once('end', () => stream.destroy())
    // Why it ended is told by its end.
    stream.on('error', () => undefined)
    stream.once('close', () => {
      for (const viewer of this.#viewers) viewer.push(null)
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
      const kept = Buffer.concat(this.#kept)
      viewer.push(kept.subarray(Math.max(0, kept.length - replay_bytes)))
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
    this.#kept_bytes += chunk.length
    while (this.#kept_bytes - (this.#kept[0]?.length ?? 0) >= keptMax_bytes) {
      this.#kept_bytes -= this.#kept.shift()?.length ?? 0
    }
    for (const viewer of this.#viewers) {
      if (viewer.readableLength > behindMax_bytes) viewer.destroy()
      else viewer.push(chunk)
    }
  }
}

class Viewer extends Duplex {
  readonly #guest: Duplex

  constructor(guest: Duplex) {
    super({ allowHalfOpen: false })
    this.#guest = guest
  }

  override _read(): void {
    // What the guest writes comes by itself.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#guest.destroyed || this.#guest.write(chunk)) return done()
    // The guest reads slowly: who types waits, and nobody waits for a guest that is gone.
    const go = () => {
      this.#guest.off('drain', go)
      this.#guest.off('close', go)
      done()
    }
    this.#guest.on('drain', go)
    this.#guest.on('close', go)
  }
}
