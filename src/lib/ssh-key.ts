/**
 * OpenSSH public keys read and judged, and Ed25519 pairs made: RFC 4253 (wire form, RSA), RFC 5656 (ECDSA), RFC 8709
 * (Ed25519), OpenSSH's PROTOCOL.u2f (keys on security tokens) and PROTOCOL.key (private key file).
 */
import { createHash, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'

export interface SshPublicKey {
  type: string
  /** Normal form: type, base64, and the comment if there is one, on one line. */
  line: string
  /** As `ssh-keygen -l` shows it: 'SHA256:' and unpadded base64. */
  fingerprint: string
  comment: string
}

/** The key is refused; the message says why and what to do, for the person who sent it. */
export class SshKeyRefused extends Error {}

const rsa_bits_min = 2048
const rsa_bits_max = 16_384
const comment_length_max = 256

const curves: Record<string, { jwk: string; bytes: number }> = {
  nistp256: { jwk: 'P-256', bytes: 32 },
  nistp384: { jwk: 'P-384', bytes: 48 },
  nistp521: { jwk: 'P-521', bytes: 66 },
}

/** Reads what RFC 4251 section 5 calls strings, one after another. */
class Reader {
  private rest: Buffer

  constructor(blob: Buffer) {
    this.rest = blob
  }

  string(): Buffer {
    const length = this.rest.length < 4 ? undefined : this.rest.readUInt32BE(0)
    if (length === undefined || this.rest.length < 4 + length) throw new SshKeyRefused('The key is cut off.')
    const value = this.rest.subarray(4, 4 + length)
    this.rest = this.rest.subarray(4 + length)
    return value
  }

  /** A positive number without its leading zero bytes. */
  number(): Buffer {
    const value = this.string()
    const first = value.findIndex(byte => byte !== 0)
    if (first === -1 || ((value[0] ?? 0) & 0x80) !== 0)
      throw new SshKeyRefused('The key holds a number that is not positive.')
    return value.subarray(first)
  }

  end(): void {
    if (this.rest.length > 0) throw new SshKeyRefused('The key goes on after its end.')
  }
}

function bitsOf(number: Buffer): number {
  return number.length * 8 - Math.clz32(number[0] ?? 0) + 24
}

function checkRsa(reader: Reader): void {
  const e = reader.number()
  const n = reader.number()
  const bits = bitsOf(n)
  if (bits < rsa_bits_min) {
    throw new SshKeyRefused(
      `An RSA key has at least ${rsa_bits_min} bits, this one ${bits}. Make a better one: ssh-keygen -t ed25519.`,
    )
  }
  if (bits > rsa_bits_max) throw new SshKeyRefused(`An RSA key has at most ${rsa_bits_max} bits, this one ${bits}.`)
  if (bitsOf(e) < 2 || ((e.at(-1) ?? 0) & 1) === 0 || bitsOf(e) > 64)
    throw new SshKeyRefused('The RSA key has a bad exponent.')
}

function checkEcdsa(reader: Reader, expected: string): void {
  const name = reader.string().toString('latin1')
  const curve = curves[name]
  if (name !== expected || !curve)
    throw new SshKeyRefused(`The key says that it is on ${expected}, and then on another curve.`)
  const point = reader.string()
  if (point.length !== 1 + 2 * curve.bytes || point[0] !== 4)
    throw new SshKeyRefused('The ECDSA key has no proper point.')
  const x = point.subarray(1, 1 + curve.bytes).toString('base64url')
  const y = point.subarray(1 + curve.bytes).toString('base64url')
  try {
    createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: curve.jwk, x, y } })
  } catch (cause) {
    throw new SshKeyRefused(`The ECDSA key's point is not on ${name}.`, { cause })
  }
}

function checkEd25519(reader: Reader): void {
  if (reader.string().length !== 32) throw new SshKeyRefused('An Ed25519 key has 32 bytes.')
}

const kinds: Record<string, (reader: Reader) => void> = {
  'ssh-ed25519': checkEd25519,
  'ssh-rsa': checkRsa,
  'ecdsa-sha2-nistp256': reader => checkEcdsa(reader, 'nistp256'),
  'ecdsa-sha2-nistp384': reader => checkEcdsa(reader, 'nistp384'),
  'ecdsa-sha2-nistp521': reader => checkEcdsa(reader, 'nistp521'),
  'sk-ssh-ed25519@openssh.com': reader => {
    checkEd25519(reader)
    reader.string()
  },
  'sk-ecdsa-sha2-nistp256@openssh.com': reader => {
    checkEcdsa(reader, 'nistp256')
    reader.string()
  },
}

/** Reads one line as in id_ed25519.pub. Throws SshKeyRefused. */
export function parseSshPublicKey(text: string): SshPublicKey {
  const line = text.trim()
  if (/PRIVATE KEY/.test(line)) {
    throw new SshKeyRefused(
      'This is a private key: keep it to yourself. Send the public one, from the file that ends in .pub.',
    )
  }
  if (/\p{Cc}/u.test(line)) throw new SshKeyRefused('A public key is one line of text.')
  const [type = '', base64 = '', ...words] = line.split(/ +/)
  const check = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (!check) {
    const known = Object.keys(kinds).join(', ')
    throw new SshKeyRefused(`The line does not begin with a kind of key that is taken here: ${known}.`)
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new SshKeyRefused('The key is not base64.')
  const blob = Buffer.from(base64, 'base64')
  const reader = new Reader(blob)
  if (reader.string().toString('latin1') !== type)
    throw new SshKeyRefused(`The key says ${type}, and holds another kind.`)
  check(reader)
  reader.end()
  const comment = words.join(' ')
  if (comment.length > comment_length_max) {
    throw new SshKeyRefused(`A key's comment has at most ${comment_length_max} characters.`)
  }
  return { type, line: lineOf(type, blob, comment), fingerprint: fingerprintOf(blob), comment }
}

function lineOf(type: string, blob: Buffer, comment: string): string {
  return [type, blob.toString('base64'), comment].filter(Boolean).join(' ')
}

function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

function string(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const generate = promisify(generateKeyPair)

/** A new Ed25519 pair. `private_key` is the text of a file as ssh-keygen writes it, without a passphrase. */
export async function makeSshKeyPair(comment: string): Promise<{ public_key: SshPublicKey; private_key: string }> {
  const { privateKey } = await generate('ed25519')
  const { d, x } = privateKey.export({ format: 'jwk' })
  if (typeof d !== 'string' || typeof x !== 'string') throw new Error('the key pair that was made has no parts')
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const blob = Buffer.concat([string('ssh-ed25519'), string(point)])
  // Twice the same number: with a passphrase it would show whether decryption worked. Ours has none to check.
  const check = uint32(0)
  const secret = Buffer.concat([
    check,
    check,
    string('ssh-ed25519'),
    string(point),
    string(Buffer.concat([seed, point])),
    string(comment),
  ])
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1))
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    uint32(1),
    string(blob),
    string(Buffer.concat([secret, padding])),
  ])
  const lines = file.toString('base64').match(/.{1,70}/g) ?? []
  const private_key = ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join(
    '\n',
  )
  return { public_key: parseSshPublicKey(lineOf('ssh-ed25519', blob, comment)), private_key }
}
