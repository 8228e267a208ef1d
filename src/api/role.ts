/** Roles: sets of permissions under a name. Those that come with Croft cannot be changed; others can be composed. */
import Type, { type Static } from 'typebox'
import { permissions } from '../model/permissions.ts'
import { closed, Description, Name, NewName, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const Permissions = Type.Array(oneOf(permissions), { uniqueItems: true })

export const Role = closed({
  id: Uuid,
  name: Name,
  description: Description,
  permissions: Permissions,
  built_in: Type.Boolean(),
  version: Type.Integer(),
  created_at: Time,
})
export type Role = Static<typeof Role>

const params = closed({ role: Uuid })

export const roleRoutes = {
  list: route({
    name: 'role.list',
    method: 'GET',
    path: '/v1/roles',
    summary: 'Roles and what they permit',
    level: 'self',
    needs: null,
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(Role),
    errors: [],
    cli: { columns: ['name', 'built_in', 'description', 'id'] },
  }),
  get: route({
    name: 'role.get',
    method: 'GET',
    path: '/v1/roles/:role',
    summary: 'One role',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: Role,
    errors: ['not_found'],
  }),
  create: route({
    name: 'role.create',
    method: 'POST',
    path: '/v1/roles',
    summary: 'Compose a role of permissions that you hold yourself',
    level: 'system',
    needs: 'role.manage',
    body: closed({ name: NewName, description: Type.Optional(Description), permissions: Permissions }),
    status: 201,
    reply: Role,
    errors: ['name_taken'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'role.update',
    method: 'PATCH',
    path: '/v1/roles/:role',
    summary: 'Change a role that you composed; it counts at once for all who hold it',
    level: 'system',
    needs: 'role.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      description: Type.Optional(Description),
      permissions: Type.Optional(Permissions),
    }),
    status: 200,
    reply: Role,
    errors: ['not_found', 'name_taken', 'wrong_state', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'role.delete',
    method: 'DELETE',
    path: '/v1/roles/:role',
    summary: 'Delete a composed role that nobody holds',
    level: 'system',
    needs: 'role.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'wrong_state', 'changed_meanwhile'],
  }),
}
