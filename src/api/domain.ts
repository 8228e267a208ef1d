/** Domains: organisations that share a cloud, in a tree. A domain holds users and projects, and may hold domains. */
import Type, { type Static } from 'typebox'
import { closed, Description, Name, NewName, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Domain = closed({
  id: Uuid,
  name: Name,
  parent_id: nullable(Uuid),
  description: Description,
  enabled: Type.Boolean(),
  version: Type.Integer(),
  created_at: Time,
})
export type Domain = Static<typeof Domain>

const params = closed({ domain: Uuid })

export const domainRoutes = {
  list: route({
    name: 'domain.list',
    method: 'GET',
    path: '/v1/domains',
    summary: 'Domains that you may see: your own, and those where you hold domain.read',
    level: 'self',
    needs: null,
    query: closed({ ...pageQuery, name: Type.Optional(Name), parent_id: Type.Optional(Uuid) }),
    status: 200,
    reply: page(Domain),
    errors: [],
    cli: { columns: ['name', 'enabled', 'parent_id', 'id'] },
  }),
  get: route({
    name: 'domain.get',
    method: 'GET',
    path: '/v1/domains/:domain',
    summary: 'One domain',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: Domain,
    errors: ['not_found'],
  }),
  create: route({
    name: 'domain.create',
    method: 'POST',
    path: '/v1/domains',
    summary: 'Make a domain; below another when parent_id is given, which it keeps for good',
    level: 'domain',
    within: ['parent_id'],
    needs: 'domain.manage',
    body: closed({ name: NewName, parent_id: Type.Optional(Uuid), description: Type.Optional(Description) }),
    status: 201,
    reply: Domain,
    errors: ['name_taken', 'not_found'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'domain.update',
    method: 'PATCH',
    path: '/v1/domains/:domain',
    summary: 'Rename, describe, enable or disable; users and projects of a disabled domain cannot be used',
    level: 'domain',
    needs: 'domain.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      description: Type.Optional(Description),
      enabled: Type.Optional(Type.Boolean({ description: 'It may be used; false: its users and projects may not' })),
    }),
    status: 200,
    reply: Domain,
    errors: ['not_found', 'name_taken', 'wrong_state', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'domain.delete',
    method: 'DELETE',
    path: '/v1/domains/:domain',
    summary: 'Delete a domain that holds nothing any more',
    level: 'domain',
    needs: 'domain.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
}
