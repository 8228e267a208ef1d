/** What is hand-made about image keys: the public key comes from the file that openssl wrote. */
import { UsageError } from '../failure.ts'
import { readGiven } from '../files.ts'
import type { Comfort } from '../shop.ts'

export const comfort: Comfort = {
  extend() {
    // --public-key is the contract's own.
  },
  prepare: {
    create:
      () =>
      async ({ body }) => {
        if (typeof body.public_key === 'string') body.public_key = await publicKey(body.public_key)
        return undefined
      },
  },
}

/** `given`: a file, or the key itself. */
async function publicKey(given: string): Promise<string> {
  const text = given.includes('-----BEGIN') ? given : (await readGiven(given)).toString()
  // It stays on this machine: nothing of it is sent.
  if (text.includes('PRIVATE KEY')) {
    throw new UsageError(`${given} is a private key.`, `The public one: openssl pkey -in ${given} -pubout`)
  }
  return text
}
