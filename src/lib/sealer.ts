/**
 * Seals secrets that are kept in a database with a key that is not: AES-256-GCM (NIST SP 800-38D), the secret's name
 * bound in as additional data, so that one sealed secret cannot be put in another's place.
 *
 * A sealed secret is: version (1 byte, 1), nonce (12), tag (16), ciphertext. The key is a file of 32 random bytes.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { chmod, link, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

const version = 1
const key_bytes = 32
const nonce_bytes = 12
const tag_bytes = 16
const head_bytes = 1 + nonce_bytes + tag_bytes

/** A sealed secret does not open with this key: another key, another name, or changed. */
export class SealBroken extends Error {}

/** The key file cannot be used; the message says why and what to do. */
export class KeyFileRefused extends Error {}

export interface Sealer {
  seal(name: string, secret: Uint8Array): Uint8Array
  /** Throws SealBroken. */
  unseal(name: string, sealed: Uint8Array): Uint8Array
}

export type RandomBytes = (count: number) => Uint8Array

/** `random` must never give the same 12 bytes twice for one key. */
export function makeSealer(key: Uint8Array, random: RandomBytes): Sealer {
  if (key.length !== key_bytes) throw new KeyFileRefused(`a sealing key has ${key_bytes} bytes, not ${key.length}`)
  return {
    seal(name, secret) {
      const nonce = random(nonce_bytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tag_bytes })
      cipher.setAAD(Buffer.from(name))
      const text = Buffer.concat([cipher.update(secret), cipher.final()])
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), text])
    },
    unseal(name, sealed) {
      const bytes = Buffer.from(sealed)
      if (bytes[0] !== version || bytes.length < head_bytes)
        throw new SealBroken(`The secret '${name}' is not a sealed one.`)
      const nonce = bytes.subarray(1, 1 + nonce_bytes)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tag_bytes })
      decipher.setAAD(Buffer.from(name))
      decipher.setAuthTag(bytes.subarray(1 + nonce_bytes, head_bytes))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(head_bytes)), decipher.final()])
      } catch (cause) {
        throw new SealBroken(
          `The secret '${name}' in the database does not open with this key file. It was sealed with another one: ` +
            'put the right key file in its place (every controller of one database needs the same), or restore it from a backup.',
          { cause },
        )
      }
    },
  }
}

/**
 * The sealer of the key in `path`, made there (mode 0600) when there is none yet. Several processes may start at once:
 * one file comes of it. Throws KeyFileRefused for a file that is too short, or that others may read.
 */
export async function openSealer(path: string, random: RandomBytes = randomBytes): Promise<Sealer> {
  const key = (await readKey(path)) ?? (await makeKey(path, random))
  return makeSealer(key, random)
}

async function readKey(path: string): Promise<Uint8Array | null> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) {
      throw new KeyFileRefused(
        `Others may read the key file ${path}. Take that away (chmod 600), and consider whether someone has read it.`,
      )
    }
    const key = await readFile(path)
    if (key.length === key_bytes) return key
    throw new KeyFileRefused(
      `The key file ${path} has ${key.length} bytes, not ${key_bytes}: it is damaged, or another file. Restore it from a backup.`,
    )
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** What is sealed with the key is soon on disk for good; the key's name must be there before. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}

async function makeKey(path: string, random: RandomBytes): Promise<Uint8Array> {
  const own = `${path}.${process.pid}.${Buffer.from(random(6)).toString('hex')}`
  const file = await open(own, 'wx', 0o600)
  try {
    await chmod(own, 0o600)
    await file.write(random(key_bytes))
    await file.sync()
    // Unlike a rename, a link does not replace a file that someone else was faster to make.
    await link(own, path)
    await syncFolder(dirname(path))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await file.close()
    await rm(own, { force: true })
  }
  const key = await readKey(path)
  if (!key) throw new KeyFileRefused(`The key file ${path} was made and is gone again.`)
  return key
}
