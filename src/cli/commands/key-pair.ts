/** What is hand-made about key pairs: the public key from the file where ssh-keygen left it. */
import { readFile } from 'node:fs/promises'
import { UsageError } from '../failure.ts'
import type { Comfort } from '../program.ts'

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
      },
  },
}

async function publicKey(file: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`The file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`)
  }
  // It stays on this machine: nothing of it is sent.
  if (text.includes('PRIVATE KEY')) throw new UsageError(`${file} is a private key.`, `The public one: ${file}.pub`)
  return text.trim()
}
