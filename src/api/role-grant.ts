/** Grants: who holds which role where. On the system a role holds everywhere; on a domain in it and all below; on an instance there alone. */
import Type, { type Static } from 'typebox'
import { closed, Name, nullable, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'
import { NameOrId } from './session.ts'

const Scope = oneOf(['system', 'domain', 'project', 'instance'])

export const RoleGrant = closed({
  id: Uuid,
  user_id: Uuid,
  user_name: Name,
  role_id: Uuid,
  role_name: Name,
  scope: Scope,
  domain_id: nullable(Uuid),
  project_id: nullable(Uuid),
  instance_id: nullable(Uuid),
  instance_name: nullable(Name),
  created_at: Time,
})
export type RoleGrant = Static<typeof RoleGrant>

const params = closed({ role_grant: Uuid })

export const roleGrantRoutes = {
  list: route({
    name: 'role-grant.list',
    method: 'GET',
    path: '/v1/role-grants',
    summary: 'Your own grants, and those of users and places in domains that you may look into',
    level: 'self',
    needs: null,
    query: closed({
      ...pageQuery,
      user_id: Type.Optional(Uuid),
      domain_id: Type.Optional(Uuid),
      project_id: Type.Optional(Uuid),
      instance_id: Type.Optional(Uuid),
    }),
    status: 200,
    reply: page(RoleGrant),
    errors: [],
    cli: { columns: ['user_name', 'role_name', 'scope', 'domain_id', 'project_id', 'instance_name', 'id'] },
  }),
  create: route({
    name: 'role-grant.create',
    method: 'POST',
    path: '/v1/role-grants',
    summary: 'Grant a role: on the system, or on one domain, project or instance; only what you hold there yourself',
    level: 'domain',
    within: ['domain_id', 'project_id', 'instance_id'],
    needs: 'user.manage',
    body: closed({
      user_id: Uuid,
      role: NameOrId,
      scope: Scope,
      domain_id: Type.Optional(Uuid),
      project_id: Type.Optional(Uuid),
      instance_id: Type.Optional(Uuid),
    }),
    status: 201,
    reply: RoleGrant,
    errors: ['not_found', 'conflict'],
  }),
  delete: route({
    name: 'role-grant.delete',
    method: 'DELETE',
    path: '/v1/role-grants/:role_grant',
    summary: 'Revoke a grant',
    level: 'domain',
    needs: 'user.manage',
    params,
    status: 204,
    errors: ['not_found', 'wrong_state'],
  }),
}
