/** Routers: join subnets with each other and, by an external gateway, with the outside. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { AddressText } from './network.ts'
import { route } from './route.ts'

export const Router = closed({
  id: Uuid,
  name: Name,
  project_id: Uuid,
  external_network_id: nullable(Uuid),
  external_addresses: Type.Array(Type.String(), { description: 'Its own on the external network' }),
  snat: Type.Boolean({ description: 'Instances without a floating address go outside by its address' }),
  interfaces: Type.Array(closed({ subnet_id: Uuid, port_id: Uuid, address: Type.String(), cidr: Type.String() })),
  version: Type.Integer(),
  created_at: Time,
})
export type Router = Static<typeof Router>

const params = closed({ router: Uuid })
const gateway = {
  external_address: Type.Optional(AddressText),
  snat: Type.Optional(
    Type.Boolean({ description: 'false: instances without a floating address do not go outside by its address' }),
  ),
}

export const routerRoutes = {
  list: route({
    name: 'router.list',
    method: 'GET',
    path: '/v1/routers',
    summary: "The project's routers",
    level: 'project',
    needs: 'network.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(Router),
    errors: [],
    cli: { columns: ['name', 'external_addresses', 'snat', 'id'] },
  }),
  get: route({
    name: 'router.get',
    method: 'GET',
    path: '/v1/routers/:router',
    summary: 'One router',
    level: 'project',
    needs: 'network.read',
    params,
    status: 200,
    reply: Router,
    errors: ['not_found'],
  }),
  create: route({
    name: 'router.create',
    method: 'POST',
    path: '/v1/routers',
    summary: 'Make a router, with a gateway on an external network if one is named',
    level: 'project',
    needs: 'network.manage',
    body: closed({ name: NewName, external_network_id: Type.Optional(Uuid), ...gateway }),
    status: 201,
    reply: Router,
    errors: ['not_found', 'conflict', 'no_address', 'quota_exceeded'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'router.update',
    method: 'PATCH',
    path: '/v1/routers/:router',
    summary: 'Rename a router, set or clear its external gateway, turn SNAT on or off',
    level: 'project',
    needs: 'network.manage',
    params,
    body: closed({
      name: Type.Optional(NewName),
      external_network_id: Type.Optional(nullable(Uuid)),
      ...gateway,
    }),
    status: 200,
    reply: Router,
    errors: ['not_found', 'conflict', 'overlap', 'in_use', 'no_address', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'router.delete',
    method: 'DELETE',
    path: '/v1/routers/:router',
    summary: 'Delete a router that has no interface',
    level: 'project',
    needs: 'network.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
  addInterface: route({
    name: 'router.add-interface',
    method: 'POST',
    path: '/v1/routers/:router/interfaces',
    summary: "Join a subnet: the router takes the subnet's gateway address",
    level: 'project',
    needs: 'network.manage',
    params,
    body: closed({ subnet_id: Uuid }),
    status: 201,
    reply: Router,
    errors: ['not_found', 'conflict', 'overlap', 'changed_meanwhile'],
  }),
  removeInterface: route({
    name: 'router.remove-interface',
    method: 'DELETE',
    path: '/v1/routers/:router/interfaces/:subnet',
    summary: 'Leave a subnet',
    level: 'project',
    needs: 'network.manage',
    params: closed({ router: Uuid, subnet: Uuid }),
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
}
