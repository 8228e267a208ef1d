/** What is hand-made about key pairs: the public key from the file where ssh-keygen left it. */
import { UsageError } from '../failure.ts'
import { readGiven } from '../files.ts'
import type { Comfort } from '../shop.ts'

export const comfort: Comfort = {
  extend(noun) {
    noun.commands
      .find(command => command.name() === 'create')
      ?.option('--file <path>', 'public key, such as ~/.ssh/id_ed25519.pub; without a key one is made')
  },
  prepare: {
    create:
      (_, { file }) =>
      async ({ body }) => {
        if (typeof file === 'string') body.public_key = await publicKey(file)
        return undefined
      },
  },
}

async function publicKey(file: string): Promise<string> {
  const text = (await readGiven(file)).toString()
  // It stays on this machine: nothing of it is sent.
  if (text.includes('PRIVATE KEY')) throw new UsageError(`${file} is a private key.`, `The public one: ${file}.pub`)
  return text.trim()
}
