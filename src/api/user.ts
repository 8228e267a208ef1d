/** Users: people and programs that sign in. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const User = closed({
  id: Uuid,
  domain_id: Uuid,
  name: Name,
  email: nullable(Type.String()),
  enabled: Type.Boolean(),
  default_project_id: nullable(Uuid),
  locked_until: nullable(Time),
  version: Type.Integer(),
  created_at: Time,
})
export type User = Static<typeof User>

const Password = Type.String({
  minLength: 8,
  maxLength: 1024,
  description: 'At least 8 characters, at most 1024 bytes in UTF-8',
})
const Email = Type.String({
  maxLength: 254,
  pattern: '^[^@\\s]+@[^@\\s]+$',
  title: 'An address such as ada@example.org',
})
const params = closed({ user: Uuid })

export const userRoutes = {
  list: route({
    name: 'user.list',
    method: 'GET',
    path: '/v1/users',
    summary: 'Users of the domains that you may look into',
    level: 'domain',
    needs: 'user.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name), domain_id: Type.Optional(Uuid) }),
    status: 200,
    reply: page(User),
    errors: [],
    cli: { columns: ['name', 'enabled', 'email', 'locked_until', 'id'] },
  }),
  get: route({
    name: 'user.get',
    method: 'GET',
    path: '/v1/users/:user',
    summary: 'One user: yourself, or one of a domain that you may look into',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: User,
    errors: ['not_found'],
  }),
  create: route({
    name: 'user.create',
    method: 'POST',
    path: '/v1/users',
    summary: 'Make a user, in your own domain unless another is named; without a password it cannot sign in yet',
    level: 'domain',
    needs: 'user.manage',
    body: closed({
      name: NewName,
      domain_id: Type.Optional(Uuid),
      password: Type.Optional(Password),
      email: Type.Optional(nullable(Email)),
      default_project_id: Type.Optional(nullable(Uuid)),
    }),
    status: 201,
    reply: User,
    errors: ['name_taken', 'not_found', 'unavailable'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'user.update',
    method: 'PATCH',
    path: '/v1/users/:user',
    summary: 'Rename, enable or disable (which signs out), set e-mail address and default project',
    level: 'domain',
    needs: 'user.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      email: Type.Optional(nullable(Email)),
      enabled: Type.Optional(Type.Boolean({ description: 'May sign in; false: may not, and is signed out' })),
      default_project_id: Type.Optional(nullable(Uuid)),
    }),
    status: 200,
    reply: User,
    errors: ['not_found', 'name_taken', 'wrong_state', 'changed_meanwhile'],
  }),
  password: route({
    name: 'user.password',
    method: 'POST',
    path: '/v1/users/:user/password',
    summary: 'Change a password: your own with the old one, or as administrator; signs out everywhere else',
    level: 'self',
    needs: null,
    params,
    body: closed({ password: Password, old_password: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })) }),
    status: 204,
    errors: ['not_found', 'sign_in_refused', 'locked_out', 'unavailable'],
  }),
  unlock: route({
    name: 'user.unlock',
    method: 'POST',
    path: '/v1/users/:user/unlock',
    summary: 'Let a user that is locked after failed sign-ins try again',
    level: 'domain',
    needs: 'user.manage',
    params,
    status: 200,
    reply: User,
    errors: ['not_found'],
  }),
  delete: route({
    name: 'user.delete',
    method: 'DELETE',
    path: '/v1/users/:user',
    summary: 'Delete a user with its keys and roles; what it made stays with its projects',
    level: 'domain',
    needs: 'user.manage',
    params,
    status: 204,
    errors: ['not_found', 'wrong_state', 'changed_meanwhile'],
  }),
}
