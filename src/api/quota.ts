/** Quotas: how much a project or a domain may have, and how much of it is used. */
import Type, { type Static } from 'typebox'
import { type QuotaResource, quotaResources } from '../model/quota.ts'
import { closed, nullable, oneOf, Uuid } from './common.ts'
import { route } from './route.ts'

const Limit = nullable(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'null: no limit' }))
const Scope = oneOf(['project', 'domain'])

export const Quota = closed({
  scope: Scope,
  scope_id: Uuid,
  resources: Type.Array(closed({ resource: oneOf(quotaResources), used: Type.Integer(), limit: Limit })),
})
export type Quota = Static<typeof Quota>

const optionalLimit = Type.Optional(Limit)
const limits = Object.fromEntries(quotaResources.map(resource => [resource, optionalLimit])) as Record<
  QuotaResource,
  typeof optionalLimit
>

export const quotaRoutes = {
  get: route({
    name: 'quota.get',
    method: 'GET',
    path: '/v1/quotas',
    summary: 'Limits and use of your project, or of another project or a domain that you may look into',
    level: 'project',
    needs: 'quota.read',
    query: closed({ project_id: Type.Optional(Uuid), domain_id: Type.Optional(Uuid) }),
    status: 200,
    reply: Quota,
    errors: ['not_found'],
  }),
  set: route({
    name: 'quota.set',
    method: 'PUT',
    path: '/v1/quotas/:scope/:id',
    summary: 'Set the limits that are named; the others stay. Below what is used, nothing is taken away',
    level: 'domain',
    needs: 'quota.manage',
    params: closed({ scope: Scope, id: Uuid }),
    body: closed(limits),
    status: 200,
    reply: Quota,
    errors: ['not_found'],
  }),
}
