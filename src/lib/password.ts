/**
 * Passwords as Argon2id hashes (RFC 9106) in the PHC string format, made and checked off the main thread. Its
 * parameters are the RFC's second recommended ones: 64 MiB, 3 passes, 4 lanes, about 0.1 s. Whoever calls bounds how
 * many run at once (lib/gate.ts), since each takes its 64 MiB.
 */
import { argon2, timingSafeEqual } from 'node:crypto'

const memory_kib = 64 * 1024
const passes = 3
const lanes = 4
const hash_bytes = 32
export const salt_bytes = 16

/** What a PHC string may ask of us, so that a hash from a strange database cannot use up the machine. */
const memory_kib_max = 1024 * 1024
const passes_max = 32
const lanes_max = 64

interface Parameters {
  memory_kib: number
  passes: number
  lanes: number
}

function derive(password: string, salt: Uint8Array, bytes: number, parameters: Parameters): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      {
        // The same password typed on two keyboards may arrive in two Unicode forms (RFC 8265).
        message: Buffer.from(password.normalize('NFC')),
        nonce: salt,
        parallelism: parameters.lanes,
        tagLength: bytes,
        memory: parameters.memory_kib,
        passes: parameters.passes,
      },
      (error, hash) => (error ? reject(error) : resolve(hash)),
    )
  })
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

/** The PHC string to keep. `salt`: 16 random bytes, never used before. */
export async function hashPassword(password: string, salt: Uint8Array): Promise<string> {
  if (salt.length !== salt_bytes) throw new RangeError(`a salt has ${salt_bytes} bytes, not ${salt.length}`)
  const hash = await derive(password, salt, hash_bytes, { memory_kib, passes, lanes })
  return `$argon2id$v=19$m=${memory_kib},t=${passes},p=${lanes}$${base64(salt)}$${base64(hash)}`
}

const phc = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/
const noSalt = new Uint8Array(salt_bytes)

/**
 * Whether `password` is the one that `kept` was made of. With null for `kept`, as for a user that does not exist, the
 * answer is no after the same work. Throws when `kept` is not an Argon2id PHC string within sane bounds.
 */
export async function checkPassword(password: string, kept: string | null): Promise<boolean> {
  if (kept === null) {
    await derive(password, noSalt, hash_bytes, { memory_kib, passes, lanes })
    return false
  }
  const [, m, t, p, salt, hash] = phc.exec(kept) ?? []
  const asked = { memory_kib: Number(m), passes: Number(t), lanes: Number(p) }
  const sane = asked.memory_kib <= memory_kib_max && asked.passes <= passes_max && asked.lanes <= lanes_max
  if (!salt || !hash || !sane)
    throw new Error('a kept password hash is not an Argon2id PHC string that Croft can check')
  const expected = Buffer.from(hash, 'base64')
  const found = await derive(password, Buffer.from(salt, 'base64'), expected.length, asked)
  return timingSafeEqual(found, expected)
}
