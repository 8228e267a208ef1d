/** Networks: what ports are on. Overlay networks are a project's own; external ones lead outside. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

/** One IPv4 or IPv6 address. */
export const AddressText = Type.String({ minLength: 2, maxLength: 45, description: 'IPv4 or IPv6 address' })
export const CidrText = Type.String({
  minLength: 4,
  maxLength: 49,
  description: 'Such as 10.0.0.0/24 or 2001:db8::/64',
})
export const Mtu = Type.Integer({ minimum: 576, maximum: 9216 })

export const networkKinds = ['overlay', 'external'] as const

export const Network = closed({
  id: Uuid,
  name: Name,
  project_id: Uuid,
  kind: oneOf(networkKinds),
  shared: Type.Boolean({ description: 'All projects may use it' }),
  mtu: Type.Integer(),
  physical_network: nullable(Type.String()),
  vlan: nullable(Type.Integer()),
  subnets: Type.Array(Uuid),
  version: Type.Integer(),
  created_at: Time,
})
export type Network = Static<typeof Network>

const params = closed({ network: Uuid })

export const networkRoutes = {
  list: route({
    name: 'network.list',
    method: 'GET',
    path: '/v1/networks',
    summary: "The project's networks, and those that all share",
    level: 'project',
    needs: 'network.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name), kind: Type.Optional(oneOf(networkKinds)) }),
    status: 200,
    reply: page(Network),
    errors: [],
    cli: { columns: ['name', 'kind', 'shared', 'mtu', 'id'] },
  }),
  get: route({
    name: 'network.get',
    method: 'GET',
    path: '/v1/networks/:network',
    summary: 'One network',
    level: 'project',
    needs: 'network.read',
    params,
    status: 200,
    reply: Network,
    errors: ['not_found'],
  }),
  create: route({
    name: 'network.create',
    method: 'POST',
    path: '/v1/networks',
    summary: 'Make a network; external and shared ones need network.publish on the system',
    level: 'project',
    needs: 'network.manage',
    body: closed({
      name: NewName,
      kind: Type.Optional(
        oneOf(networkKinds, { description: 'overlay: between guests on any host; external: the way outside' }),
      ),
      shared: Type.Optional(Type.Boolean({ description: 'All projects may use it' })),
      mtu: Type.Optional(Mtu),
      physical_network: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
          title: 'Letters, digits, _ and -',
          description: 'External only: as hosts name it',
        }),
      ),
      vlan: Type.Optional(Type.Integer({ minimum: 1, maximum: 4094, description: 'External only' })),
    }),
    status: 201,
    reply: Network,
    errors: ['conflict', 'quota_exceeded'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'network.update',
    method: 'PATCH',
    path: '/v1/networks/:network',
    summary: 'Rename a network, change its MTU, share it or not',
    level: 'project',
    needs: 'network.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      shared: Type.Optional(Type.Boolean({ description: 'All projects may use it' })),
      mtu: Type.Optional(Mtu),
    }),
    status: 200,
    reply: Network,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'network.delete',
    method: 'DELETE',
    path: '/v1/networks/:network',
    summary: 'Delete a network with its subnets',
    level: 'project',
    needs: 'network.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
}
