/**
 * The ticket with which a SPICE connection is opened: a password, encrypted with the server's key (RSA-OAEP with SHA-1, RFC 8017,
 * 7.1.1). Croft's servers want none, so it is the empty one; who may connect was settled by the controller. Browsers have
 * this built in only for pages that came by HTTPS, hence here.
 */

const key_bytes = 128
const hash_bytes = 20
/** In a DER SubjectPublicKeyInfo of 1024 bits with exponent 65537, which is what SPICE sends, the modulus is here. */
const modulus_at = 29

/** `key`: the server's, as its link message has it. */
export function emptyTicket(
  key: Uint8Array,
  random: (bytes: Uint8Array<ArrayBuffer>) => void,
): Uint8Array<ArrayBuffer> {
  const seed = new Uint8Array(hash_bytes)
  random(seed)
  const block = new Uint8Array(key_bytes - hash_bytes - 1)
  block.set(sha1(new Uint8Array()))
  // A password ends with a zero, and this one is nothing else.
  block[block.length - 2] = 1
  const masked = xor(block, mask(seed, block.length))
  const masked_seed = xor(seed, mask(masked, hash_bytes))
  const message = Uint8Array.of(0, ...masked_seed, ...masked)
  return bytesOf(power(numberOf(message), 65_537n, numberOf(key.subarray(modulus_at, modulus_at + key_bytes))))
}

/** MGF1 (RFC 8017, B.2.1). */
function mask(seed: Uint8Array, length: number): Uint8Array {
  const made = new Uint8Array(Math.ceil(length / hash_bytes) * hash_bytes)
  for (let n = 0; n * hash_bytes < length; n++) made.set(sha1(Uint8Array.of(...seed, 0, 0, 0, n)), n * hash_bytes)
  return made.subarray(0, length)
}

const xor = (one: Uint8Array, other: Uint8Array) => one.map((byte, n) => byte ^ (other[n] ?? 0))

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % modulus) {
    if (rest & 1n) result = (result * square) % modulus
  }
  return result
}

const numberOf = (bytes: Uint8Array) => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)

function bytesOf(value: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(key_bytes)
  for (let n = key_bytes - 1, rest = value; n >= 0; n--, rest >>= 8n) bytes[n] = Number(rest & 255n)
  return bytes
}

const turn = (word: number, by: number) => (word << by) | (word >>> (32 - by))

/** FIPS 180-4, 6.1. Not for anything that SHA-1 has to be safe for. */
export function sha1(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) << 6)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 4, message.length * 8)
  const hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
  const words = new Int32Array(80)
  for (let at = 0; at < padded.length; at += 64) {
    for (let n = 0; n < 16; n++) words[n] = view.getInt32(at + n * 4)
    for (let n = 16; n < 80; n++) {
      const before = (back: number) => words[n - back] ?? 0
      words[n] = turn(before(3) ^ before(8) ^ before(14) ^ before(16), 1)
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0] = hash
    for (let n = 0; n < 80; n++) {
      const next = (turn(a, 5) + roundOf(n, b, c, d) + e + (words[n] ?? 0)) | 0
      ;[a, b, c, d, e] = [next, a, turn(b, 30), c, d]
    }
    for (const [n, word] of [a, b, c, d, e].entries()) hash[n] = ((hash[n] ?? 0) + word) | 0
  }
  const made = new DataView(new ArrayBuffer(hash_bytes))
  for (const [n, word] of hash.entries()) made.setInt32(n * 4, word)
  return new Uint8Array(made.buffer)
}

function roundOf(n: number, b: number, c: number, d: number): number {
  if (n < 20) return ((b & c) | (~b & d)) + 0x5a827999
  if (n < 40) return (b ^ c ^ d) + 0x6ed9eba1
  return n < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc : (b ^ c ^ d) + 0xca62c1d6
}
