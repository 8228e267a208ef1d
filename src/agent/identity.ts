/** Who this host is to its controllers: its key, its certificate, and whom it trusts; kept on disk, readable by root alone. */
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { keep, readKept } from './kept.ts'

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
export function readIdentity(state_dir: string): Promise<Identity | null> {
  return readKept(state_dir, file, check, 'join this host again with a new token')
}

/** One file, so that key and certificate can never be of two different joins. */
export function writeIdentity(state_dir: string, identity: Identity): Promise<void> {
  return keep(state_dir, file, identity)
}
