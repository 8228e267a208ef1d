/** Randomness from a seed: the same seed gives the same cloud, the same faults, the same end. */
export interface Seeded {
  /** 0 ≤ x < 1. */
  fraction(): number
  /** A whole number, low ≤ n ≤ high. */
  between(low: number, high: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(count: number): Uint8Array
  /** An independent stream, so that one part's draws do not shift another's. */
  fork(name: string): Seeded
}

/** sfc32 by Chris Doty-Humphrey (PractRand): 128 bits of state, passes BigCrush; plenty for deciding when a host dies. */
export function seeded(seed: string): Seeded {
  let [a, b, c, d] = hash(seed)
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    c |= 0
    return t >>> 0
  }
  for (let i = 0; i < 15; i++) next()
  const fraction = () => next() / 2 ** 32
  const between = (low: number, high: number) => low + Math.floor(fraction() * (high - low + 1))
  return {
    fraction,
    between,
    chance: probability => fraction() < probability,
    pick(items) {
      const item = items[between(0, items.length - 1)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    bytes: count => Uint8Array.from({ length: count }, () => next() & 0xff),
    fork: name => seeded(`${seed}/${name}`),
  }
}

/** Four 32-bit words from a text (FNV-1a with four offsets). */
function hash(text: string): [number, number, number, number] {
  const word = (offset: number) => {
    let value = 0x811c9dc5 ^ offset
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
    return value | 0
  }
  return [word(1), word(2), word(3), word(4)]
}
