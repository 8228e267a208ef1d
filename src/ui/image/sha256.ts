/**
 * SHA-256 (FIPS 180-4) of what comes piece by piece. The browser's own digests need all of it at once, and a secure context;
 * an image of many GiB comes in pieces, and a first cloud may be on plain HTTP. Not its job: secrets; this is for checksums.
 */
const primes = (count: number): number[] => {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every(prime => n % prime !== 0)) found.push(n)
  return found
}
const fraction = (value: number) => Math.floor((value - Math.floor(value)) * 2 ** 32) | 0
/** Of the cube roots, and the square roots, of the first primes. */
const constants = Int32Array.from(primes(64), prime => fraction(Math.cbrt(prime)))
const start = Int32Array.from(primes(8), prime => fraction(Math.sqrt(prime)))

const block_bytes = 64

export class Sha256 {
  private readonly state = start.slice()
  private readonly schedule = new Int32Array(64)
  private readonly rest = new Uint8Array(block_bytes)
  private rest_bytes = 0
  private total_bytes = 0

  update(bytes: Uint8Array): void {
    this.total_bytes += bytes.byteLength
    let at = 0
    if (this.rest_bytes > 0) {
      at = Math.min(block_bytes - this.rest_bytes, bytes.byteLength)
      this.rest.set(bytes.subarray(0, at), this.rest_bytes)
      this.rest_bytes += at
      if (this.rest_bytes < block_bytes) return
      this.block(this.rest, 0)
      this.rest_bytes = 0
    }
    for (; at + block_bytes <= bytes.byteLength; at += block_bytes) this.block(bytes, at)
    this.rest.set(bytes.subarray(at))
    this.rest_bytes = bytes.byteLength - at
  }

  /** Hexadecimal, lower case. The last thing that is asked of it. */
  digest(): string {
    const total_bits = BigInt(this.total_bytes) * 8n
    // A one bit, zeros, and the length in 64 bits, up to the end of a block.
    const padding = new Uint8Array(9 + ((2 * block_bytes - 9 - this.rest_bytes) % block_bytes))
    padding[0] = 0x80
    new DataView(padding.buffer).setBigUint64(padding.byteLength - 8, total_bits)
    this.update(padding)
    return Array.from(this.state, word => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  private block(bytes: Uint8Array, at: number): void {
    const { state, schedule: w } = this
    for (let t = 0, i = at; t < 16; t++, i += 4)
      w[t] = (byte(bytes, i) << 24) | (byte(bytes, i + 1) << 16) | (byte(bytes, i + 2) << 8) | byte(bytes, i + 3)
    for (let t = 16; t < 64; t++) {
      const x = w[t - 15] as number
      const y = w[t - 2] as number
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[t] = ((w[t - 16] as number) + s0 + (w[t - 7] as number) + s1) | 0
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
    for (let t = 0; t < 64; t++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (constants[t] as number) + (w[t] as number)) | 0
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    for (const [n, word] of [a, b, c, d, e, f, g, h].entries()) state[n] = ((state[n] as number) + word) | 0
  }
}

const byte = (bytes: Uint8Array, at: number) => bytes[at] as number
