/** API keys: long-lived secrets for programs that act as their owner. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'
import { NameOrId } from './session.ts'

const fields = {
  id: Uuid,
  name: Name,
  project_id: nullable(Uuid),
  expires_at: nullable(Time),
  last_used_at: nullable(Time),
  created_at: Time,
}
export const ApiKey = closed(fields)
export type ApiKey = Static<typeof ApiKey>

export const NewApiKey = closed({
  ...fields,
  secret: nullable(
    Type.String({
      description:
        'Shown only here. null when an Idempotency-Key was used again: then delete the key and make another.',
    }),
  ),
})
export type NewApiKey = Static<typeof NewApiKey>

const params = closed({ api_key: Uuid })

export const apiKeyRoutes = {
  list: route({
    name: 'api-key.list',
    method: 'GET',
    path: '/v1/api-keys',
    summary: 'Your API keys, without their secrets',
    level: 'self',
    needs: null,
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(ApiKey),
    errors: [],
    cli: { columns: ['name', 'project_id', 'expires_at', 'last_used_at', 'id'] },
  }),
  get: route({
    name: 'api-key.get',
    method: 'GET',
    path: '/v1/api-keys/:api_key',
    summary: 'One of your API keys, without its secret',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: ApiKey,
    errors: ['not_found'],
  }),
  create: route({
    name: 'api-key.create',
    method: 'POST',
    path: '/v1/api-keys',
    summary: 'Make an API key that acts as you in one project: the one you work in, unless another is named',
    level: 'self',
    needs: null,
    body: closed({
      name: NewName,
      project: Type.Optional(NameOrId),
      expires_at: Type.Optional(
        nullable(
          Type.Unsafe<string>({ ...Time, description: 'Until when it is good, RFC 3339; null: until it is deleted' }),
        ),
      ),
    }),
    status: 201,
    reply: NewApiKey,
    errors: ['name_taken', 'not_found'],
    cli: { positional: ['name'] },
  }),
  delete: route({
    name: 'api-key.delete',
    method: 'DELETE',
    path: '/v1/api-keys/:api_key',
    summary: 'Delete one of your API keys: it is good for nothing any more',
    level: 'self',
    needs: null,
    params,
    status: 204,
    errors: ['not_found'],
  }),
}
