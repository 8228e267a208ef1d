/** What is hand-made about image keys: the public key comes from the file that openssl wrote. */
import { readFile } from 'node:fs/promises'
import { UsageError } from '../failure.ts'
import type { Comfort } from '../program.ts'

export const comfort: Comfort = {
  extend() {
    // --public-key is the contract's own.
  },
  prepare: {
    create:
      () =>
      async ({ body }) => {
        if (typeof body.public_key === 'string') body.public_key = await publicKey(body.public_key)
      },
  },
}

/** `given`: a file, or the key itself. */
async function publicKey(given: string): Promise<string> {
  const text = given.includes('-----BEGIN') ? given : await readGiven(given)
  // It stays on this machine: nothing of it is sent.
  if (text.includes('PRIVATE KEY')) {
    throw new UsageError(`${given} is a private key.`, `The public one: openssl pkey -in ${given} -pubout`)
  }
  return text
}

async function readGiven(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`The file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`)
  }
}
