/** Image keys: public keys whose signatures on images count. They are the whole system's, so that a signature means one thing. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { keyKinds } from '../model/signature.ts'
import { closed, Description, Name, NewName, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const ImageKey = closed({
  id: Uuid,
  name: Name,
  description: Type.String(),
  kind: oneOf(keyKinds),
  public_key: Type.String({ description: 'PEM, SubjectPublicKeyInfo' }),
  fingerprint: Type.String({ description: 'SHA-256 of the key in DER form, hexadecimal' }),
  created_at: Time,
})
export type ImageKey = Static<typeof ImageKey>

const params = closed({ image_key: Uuid })

export const imageKeyRoutes = {
  list: route({
    name: 'image-key.list',
    method: 'GET',
    path: '/v1/image-keys',
    summary: 'Keys whose signatures on images count',
    level: 'project',
    needs: 'image.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(ImageKey),
    errors: [],
    cli: { columns: ['name', 'kind', 'fingerprint', 'id'] },
  }),
  get: route({
    name: 'image-key.get',
    method: 'GET',
    path: '/v1/image-keys/:image_key',
    summary: 'One image key',
    level: 'project',
    needs: 'image.read',
    params,
    status: 200,
    reply: ImageKey,
    errors: ['not_found'],
  }),
  create: route({
    name: 'image-key.create',
    method: 'POST',
    path: '/v1/image-keys',
    summary: 'Trust a public key: images that bear its signature are verified by it',
    level: 'system',
    needs: 'image.trust',
    body: closed({
      name: NewName,
      description: Type.Optional(Description),
      public_key: Type.String({
        minLength: 1,
        maxLength: limits.key_length_max,
        description: 'PEM, as openssl pkey -pubout writes it: Ed25519, ECDSA P-256 or P-384, RSA of 2048 bits or more',
      }),
    }),
    status: 201,
    reply: ImageKey,
    errors: ['name_taken', 'conflict'],
    cli: { positional: ['name'] },
  }),
  delete: route({
    name: 'image-key.delete',
    method: 'DELETE',
    path: '/v1/image-keys/:image_key',
    summary: 'Trust a key no more; images that were verified by it stay as they are',
    level: 'system',
    needs: 'image.trust',
    params,
    status: 204,
    errors: ['not_found'],
  }),
}
