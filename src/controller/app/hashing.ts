/** Password hashes, a few at a time: each takes 64 MiB and a thread. */
import { Gate, GateFull } from '../../lib/gate.ts'
import { hashPassword, salt_bytes } from '../../lib/password.ts'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'

/** One for the whole process, however many controllers run in it: it is the memory that is bounded. */
const hashing = new Gate(2, 256)

/** Runs `work`, which hashes a password, when it is its turn; one after another for the same key. Throws unavailable. */
export async function whenHashing<T>(key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await hashing.pass(key, work)
  } catch (error) {
    if (!(error instanceof GateFull)) throw error
    throw new CloudError('unavailable', 'Too many sign-ins are waiting here already. Try again in a few seconds.')
  }
}

const password_bytes_max = 1024

/** The hash to keep. Throws invalid for a password that is too long in bytes, unavailable when too many wait. */
export async function makeHash(cloud: Pick<Cloud, 'random'>, password: string): Promise<string> {
  const bytes = Buffer.byteLength(password)
  if (bytes > password_bytes_max) {
    throw new CloudError('invalid', `A password has at most ${password_bytes_max} bytes; this one has ${bytes}.`)
  }
  const salt = cloud.random.bytes(salt_bytes)
  return await whenHashing(Buffer.from(salt).toString('hex'), () => hashPassword(password, salt))
}
