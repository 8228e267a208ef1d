/** Key pairs: SSH public keys that new instances let in. They belong to a user. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { closed, Name, NewName, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const fields = {
  id: Uuid,
  name: Name,
  public_key: Type.String(),
  fingerprint: Type.String({ description: 'As ssh-keygen -l shows it: SHA256:…' }),
  created_at: Time,
}
export const KeyPair = closed(fields)
export type KeyPair = Static<typeof KeyPair>

export const NewKeyPair = closed({
  ...fields,
  private_key: nullable(
    Type.String({ description: 'Of a key that was made here, in OpenSSH form. Shown only here, and not kept.' }),
  ),
})
export type NewKeyPair = Static<typeof NewKeyPair>

const params = closed({ key_pair: Uuid })

export const keyPairRoutes = {
  list: route({
    name: 'key-pair.list',
    method: 'GET',
    path: '/v1/key-pairs',
    summary: 'Your key pairs',
    level: 'self',
    needs: null,
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(KeyPair),
    errors: [],
    cli: { columns: ['name', 'fingerprint', 'id'] },
  }),
  get: route({
    name: 'key-pair.get',
    method: 'GET',
    path: '/v1/key-pairs/:key_pair',
    summary: 'One of your key pairs',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: KeyPair,
    errors: ['not_found'],
  }),
  create: route({
    name: 'key-pair.create',
    method: 'POST',
    path: '/v1/key-pairs',
    summary: 'Take in a public key; without one, an Ed25519 pair is made and its private key answered once',
    level: 'self',
    needs: 'key-pair.manage',
    body: closed({
      name: NewName,
      public_key: Type.Optional(
        Type.String({ minLength: 1, maxLength: limits.key_length_max, description: 'One line, as in id_ed25519.pub' }),
      ),
    }),
    status: 201,
    reply: NewKeyPair,
    errors: ['name_taken'],
    cli: { positional: ['name'] },
  }),
  delete: route({
    name: 'key-pair.delete',
    method: 'DELETE',
    path: '/v1/key-pairs/:key_pair',
    summary: 'Delete a key pair; instances that have the key keep it',
    level: 'self',
    needs: 'key-pair.manage',
    params,
    status: 204,
    errors: ['not_found'],
  }),
}
