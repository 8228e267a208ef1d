/**
 * Where a log that is read again goes on from what was shown of it. Its end is read again, and begins somewhere in what was shown: the last that
 * was shown is the first that is read. A guest may say the same again and again, or one letter for ever: where more than one place fits, none is
 * taken. Pure.
 */
import { joined } from './joined.ts'

/** So much has to agree, if so much was shown: longer than lines that guests say again and again. */
const seam_bytes = 2048

export class Seam {
  readonly #most: number
  /** The end of what was shown, oldest first. */
  #parts: Uint8Array[] = []
  #length = 0

  /** `most`: so many bytes of the log are read again at first. */
  constructor(most: number) {
    this.#most = most
  }

  get is_empty(): boolean {
    return this.#length === 0
  }

  forget(): void {
    this.#parts = []
    this.#length = 0
  }

  shown(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#parts.push(bytes)
    this.#length += bytes.length
    // Rarely, so that many small parts are not copied with each one.
    if (this.#length > 2 * this.#most || this.#parts.length > 4096) this.#keep()
  }

  /** What comes after the shown in these parts of the log; null when they do not say where that is. */
  after(parts: readonly Uint8Array[]): Uint8Array | null {
    const all = joined(parts)
    const shown = this.#keep()
    const at_least = Math.min(seam_bytes, shown.length)
    const [length, another] = overlaps(shown, all)
    if (length === undefined || length < at_least) return null
    return another !== undefined && another >= at_least ? null : all.subarray(length)
  }

  /** The same where it is read from before what was shown, of which only a little was asked for: then that stands in there, once. */
  within(parts: readonly Uint8Array[]): Uint8Array | null {
    const all = joined(parts)
    if (all.length < this.#length) return null
    const decoder = new TextDecoder('latin1')
    const [text, end] = [decoder.decode(all), decoder.decode(this.#keep().slice(-seam_bytes))]
    const at = text.indexOf(end)
    return at < 0 || text.includes(end, at + 1) ? null : all.subarray(at + end.length)
  }

  /** Whether what was shown ends with just this: then most likely nothing was said meanwhile. */
  endsWith(parts: readonly Uint8Array[]): boolean {
    const all = joined(parts)
    const shown = this.#keep()
    const begin = shown.length - all.length
    return begin >= 0 && all.every((byte, at) => byte === shown[begin + at])
  }

  #keep(): Uint8Array {
    const all = joined(this.#parts)
    const kept = all.length > this.#most ? all.slice(-this.#most) : all
    this.#parts = [kept]
    this.#length = kept.length
    return kept
  }
}

/**
 * By how much the end of the one may be the beginning of the other: the longest, and the one below it. Looks at each byte a few times only,
 * whatever they are (Knuth, Morris and Pratt, Fast Pattern Matching in Strings, 1977).
 */
export function overlaps(shown: ArrayLike<number>, all: ArrayLike<number>): number[] {
  const most = Math.min(shown.length, all.length)
  // Of each beginning of `all`: how long the longest shorter one is that it ends with.
  const shorter = new Int32Array(most + 1)
  for (let at = 1, fits = 0; at < most; at++) {
    while (fits > 0 && all[at] !== all[fits]) fits = shorter[fits] ?? 0
    if (all[at] === all[fits]) fits++
    shorter[at + 1] = fits
  }
  let fits = 0
  for (let at = shown.length - most; at < shown.length; at++) {
    while (fits > 0 && shown[at] !== all[fits]) fits = shorter[fits] ?? 0
    if (shown[at] === all[fits]) fits++
  }
  const another = shorter[fits] ?? 0
  return [fits, another].filter(length => length > 0)
}
