/**
 * Follows an instance's serial log over lines that break. A stream on which nothing is said for a while is cut by proxies on the way, or is dead and
 * nobody tells; and a guest may say nothing for days. So a line that is silent is given up for a new one, which goes on where the log was.
 */
import { delay } from './client.ts'
import { ApiProblem } from './errors.ts'
import { Seam } from './log-seam.ts'

export interface FollowedLog {
  /** The log's last `tail_bytes`, and what comes after. Ends when nothing more will come. */
  open(tail_bytes: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  /** Of what is there at the beginning. */
  tail_bytes: number
  signal: AbortSignal
  write(bytes: Uint8Array): void | Promise<void>
  /** What was shown is not in the log any more: it is written from its beginning again, or from as far back as it is kept. */
  anew(): void
  /** A line is there; or broke, and another is tried soon. */
  said?(state: 'following' | 'lost', error?: unknown): void
  silence_ms?: number
  retry_ms?: number
  /** What is there already has come when nothing came for so long. */
  gathered_ms?: number
}

const silence_standard_ms = 45_000
const retry_standard_ms = 2000
/** Of it, to find where one was: after silence hardly anything is new. */
const [silent_bytes, again_bytes] = [16 * 1024, 256 * 1024]
const gathered_standard_ms = 300
/** What is written without a pause is looked at all the same. */
const gathered_ms_max = 3000
/** One that lasted so long was cut, and did not fail. */
const lasted_ms = 5000

/** Resolves when the log has ended, or the signal fires; rejects with ApiProblem when it may not be read, and as `write` does. */
export async function followLog(log: FollowedLog): Promise<void> {
  const { signal, retry_ms = retry_standard_ms } = log
  const follower = new Follower(log)
  while (!signal.aborted) {
    const begun_ms = Date.now()
    try {
      if ((await follower.read()) === 'ended') return
    } catch (error) {
      if (signal.aborted) return
      if (follower.failed || (error instanceof ApiProblem && error.status < 500)) throw error
      const was_cut = Date.now() - begun_ms > lasted_ms
      if (was_cut) continue
      log.said?.('lost', error)
      await delay(retry_ms, signal).catch(() => undefined)
    }
  }
}

class Follower {
  readonly #log: FollowedLog
  readonly #seam = new Seam(again_bytes)
  #again_bytes = again_bytes
  /** What was read could not be written: no other line helps. */
  failed: { error: unknown } | undefined

  constructor(log: FollowedLog) {
    this.#log = log
  }

  /** One line after another, until one breaks. */
  async read(): Promise<'ended' | 'silent'> {
    const { tail_bytes } = this.#log
    if (this.#seam.is_empty) return await this.#readLine(tail_bytes, false)
    const goes_on = await this.#readLine(this.#again_bytes, true)
    if (goes_on !== 'elsewhere') return goes_on
    if (this.#again_bytes < again_bytes) {
      this.#again_bytes = again_bytes
      return 'silent'
    }
    this.#log.anew()
    this.#seam.forget()
    return await this.#readLine(Math.max(tail_bytes, again_bytes), false)
  }

  async #readLine(tail_bytes: number, find: false): Promise<'ended' | 'silent'>
  async #readLine(tail_bytes: number, find: true): Promise<'ended' | 'silent' | 'elsewhere'>
  async #readLine(tail_bytes: number, find: boolean): Promise<'ended' | 'silent' | 'elsewhere'> {
    const { signal, silence_ms = silence_standard_ms, gathered_ms = gathered_standard_ms } = this.#log
    const own = new AbortController()
    let why: 'silent' | 'elsewhere' | undefined
    const giveUp = (reason: 'silent' | 'elsewhere') => {
      why = reason
      own.abort()
    }
    let timer = setTimeout(giveUp, silence_ms, 'silent')
    const gathered = find
      ? new Gathered(this.#seam, gathered_ms, this.#again_bytes < again_bytes, () => giveUp('elsewhere'))
      : null
    try {
      const bytes = await this.#log.open(tail_bytes, AbortSignal.any([signal, own.signal]))
      this.#log.said?.('following')
      // It goes on by itself, on a timer: what fails then ends the line.
      gathered?.begin(rest => void this.#show(rest).catch(() => own.abort()))
      clearTimeout(timer)
      timer = setTimeout(giveUp, silence_ms, 'silent')
      for await (const part of bytes) {
        clearTimeout(timer)
        if (!gathered?.take(part)) await this.#show(part)
        timer = setTimeout(giveUp, silence_ms, 'silent')
      }
      if (gathered && !gathered.look()) return 'elsewhere'
      return 'ended'
    } catch (error) {
      if (this.failed) throw this.failed.error
      if (why === 'silent' && !signal.aborted) this.#again_bytes = silent_bytes
      else if (why === undefined) this.#again_bytes = again_bytes
      if (why === undefined || signal.aborted) throw error
      return why
    } finally {
      clearTimeout(timer)
      gathered?.stop()
      own.abort()
    }
  }

  async #show(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    this.#seam.shown(bytes)
    try {
      await this.#log.write(bytes)
    } catch (error) {
      this.failed ??= { error }
      throw error
    }
  }
}

/** Holds back what comes until the place is found at which it goes on from what was shown. */
class Gathered {
  readonly #seam: Seam
  readonly #elsewhere: () => void
  readonly #quiet_ms: number
  readonly #after_silence: boolean
  #parts: Uint8Array[] | null = []
  #show: ((rest: Uint8Array) => void) | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #begun_ms = 0

  constructor(seam: Seam, quiet_ms: number, after_silence: boolean, elsewhere: () => void) {
    this.#seam = seam
    this.#quiet_ms = quiet_ms
    this.#after_silence = after_silence
    this.#elsewhere = elsewhere
  }

  begin(show: (rest: Uint8Array) => void): void {
    this.#show = show
    this.#begun_ms = Date.now()
    this.#wait()
  }

  /** False when nothing is held back any more. */
  take(part: Uint8Array): boolean {
    if (!this.#parts) return false
    this.#parts.push(part)
    if (Date.now() - this.#begun_ms < gathered_ms_max) this.#wait()
    return true
  }

  /** False when what came does not hold what was shown. */
  look(): boolean {
    if (!this.#parts) return true
    // Of a guest that says the same again and again nobody can tell how often it did: after mere silence, not at all.
    const nothing = this.#after_silence && this.#seam.endsWith(this.#parts) ? new Uint8Array() : null
    const rest = nothing ?? this.#seam.after(this.#parts) ?? this.#seam.within(this.#parts)
    if (rest === null) return false
    this.#parts = null
    this.#show?.(rest)
    return true
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #wait(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.look() || this.#elsewhere(), this.#quiet_ms)
  }
}
