/** Who this host is to its controllers: its key, its certificate, and whom it trusts; kept on disk, readable by root alone. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { replaceFile } from './drivers/state-directory.ts'

export const Identity = Type.Object({
  host_id: Type.String(),
  name: Type.String(),
  key_pem: Type.String(),
  certificate_pem: Type.String(),
  ca_pem: Type.String(),
  link_urls: Type.Array(Type.String(), { minItems: 1 }),
})
export type Identity = Static<typeof Identity>

const file = 'identity.json'
const check = Compile(Identity)

/** Null when this host has not joined. Throws when the file is there and cannot be read. */
export async function readIdentity(state_dir: string): Promise<Identity | null> {
  const path = join(state_dir, file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  const value: unknown = JSON.parse(text)
  if (!check.Check(value)) throw new Error(`${path} is damaged; join this host again with a new token`)
  return value
}

/** One file, so that key and certificate can never be of two different joins. */
export function writeIdentity(state_dir: string, identity: Identity): Promise<void> {
  return replaceFile(state_dir, file, `${JSON.stringify(identity, null, 2)}\n`)
}
