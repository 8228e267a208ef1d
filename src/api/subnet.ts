/** Subnets: the address ranges of a network. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { AddressText, CidrText } from './network.ts'
import { route } from './route.ts'

export const HostRoute = closed({ destination: CidrText, next_hop: AddressText })

export const Subnet = closed({
  id: Uuid,
  name: Name,
  network_id: Uuid,
  project_id: Uuid,
  cidr: Type.String(),
  gateway: nullable(Type.String()),
  dns: Type.Array(Type.String()),
  host_routes: Type.Array(HostRoute),
  dhcp: Type.Boolean(),
  pool_start: Type.String(),
  pool_end: Type.String(),
  version: Type.Integer(),
  created_at: Time,
})
export type Subnet = Static<typeof Subnet>

const params = closed({ subnet: Uuid })

const changeable = {
  gateway: Type.Optional(nullable(AddressText)),
  dns: Type.Optional(Type.Array(AddressText, { maxItems: 8 })),
  host_routes: Type.Optional(Type.Array(HostRoute, { maxItems: 64, description: 'Routes that DHCP tells guests' })),
  dhcp: Type.Optional(Type.Boolean({ description: 'false: without DHCP' })),
  pool_start: Type.Optional(AddressText),
  pool_end: Type.Optional(AddressText),
}

export const subnetRoutes = {
  list: route({
    name: 'subnet.list',
    method: 'GET',
    path: '/v1/subnets',
    summary: 'Subnets of the networks that the project sees',
    level: 'project',
    needs: 'network.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name), network_id: Type.Optional(Uuid) }),
    status: 200,
    reply: page(Subnet),
    errors: [],
    cli: { columns: ['name', 'cidr', 'gateway', 'dhcp', 'network_id', 'id'] },
  }),
  get: route({
    name: 'subnet.get',
    method: 'GET',
    path: '/v1/subnets/:subnet',
    summary: 'One subnet',
    level: 'project',
    needs: 'network.read',
    params,
    status: 200,
    reply: Subnet,
    errors: ['not_found'],
  }),
  create: route({
    name: 'subnet.create',
    method: 'POST',
    path: '/v1/subnets',
    summary: 'Add a subnet to a network of the project',
    level: 'project',
    needs: 'network.manage',
    body: closed({
      name: NewName,
      network_id: Uuid,
      cidr: CidrText,
      ...changeable,
    }),
    status: 201,
    reply: Subnet,
    errors: ['not_found', 'overlap', 'forbidden'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'subnet.update',
    method: 'PATCH',
    path: '/v1/subnets/:subnet',
    summary: 'Change a subnet; its CIDR stays',
    level: 'project',
    needs: 'network.manage',
    params,
    body: closed({ name: Type.Optional(NewName), ...changeable }),
    status: 200,
    reply: Subnet,
    errors: ['not_found', 'in_use', 'conflict', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'subnet.delete',
    method: 'DELETE',
    path: '/v1/subnets/:subnet',
    summary: 'Delete a subnet that no port has an address of',
    level: 'project',
    needs: 'network.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
}
