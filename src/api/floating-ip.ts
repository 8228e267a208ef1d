/** Floating addresses: of an external network, put in front of an instance's own and moved at will. */
import Type, { type Static } from 'typebox'
import { closed, Description, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { AddressText } from './network.ts'
import { route } from './route.ts'

export const FloatingIp = closed({
  id: Uuid,
  address: Type.String(),
  network_id: Uuid,
  project_id: Uuid,
  port_id: nullable(Uuid),
  instance_id: nullable(Uuid),
  fixed_address: nullable(Type.String()),
  router_id: nullable(Uuid),
  description: Type.String(),
  version: Type.Integer(),
  created_at: Time,
})
export type FloatingIp = Static<typeof FloatingIp>

const params = closed({ floating_ip: Uuid })

export const floatingIpRoutes = {
  list: route({
    name: 'floating-ip.list',
    method: 'GET',
    path: '/v1/floating-ips',
    summary: "The project's floating addresses",
    level: 'project',
    needs: 'network.read',
    query: closed({
      ...pageQuery,
      network_id: Type.Optional(Uuid),
      port_id: Type.Optional(Uuid),
      instance_id: Type.Optional(Uuid),
      address: Type.Optional(AddressText),
    }),
    status: 200,
    reply: page(FloatingIp),
    errors: [],
    cli: { columns: ['address', 'fixed_address', 'instance_id', 'id'] },
  }),
  get: route({
    name: 'floating-ip.get',
    method: 'GET',
    path: '/v1/floating-ips/:floating_ip',
    summary: 'One floating address',
    level: 'project',
    needs: 'network.read',
    params,
    status: 200,
    reply: FloatingIp,
    errors: ['not_found'],
  }),
  create: route({
    name: 'floating-ip.create',
    method: 'POST',
    path: '/v1/floating-ips',
    summary: 'Take an address of an external network, and put it in front of a port or an instance if one is named',
    level: 'project',
    needs: 'floating-ip.manage',
    body: closed({
      network_id: Type.Optional(
        Type.String({ ...Uuid, description: 'Without it: the only external network there is' }),
      ),
      address: Type.Optional(AddressText),
      port_id: Type.Optional(Uuid),
      instance_id: Type.Optional(Uuid),
      fixed_address: Type.Optional(AddressText),
      description: Type.Optional(Description),
    }),
    status: 201,
    reply: FloatingIp,
    errors: ['not_found', 'conflict', 'no_address', 'quota_exceeded'],
  }),
  update: route({
    name: 'floating-ip.update',
    method: 'PATCH',
    path: '/v1/floating-ips/:floating_ip',
    summary: 'Put it in front of another port or instance, or of none',
    level: 'project',
    needs: 'floating-ip.manage',
    params,
    body: closed({
      port_id: Type.Optional(nullable(Uuid)),
      instance_id: Type.Optional(nullable(Uuid)),
      fixed_address: Type.Optional(AddressText),
      description: Type.Optional(Description),
    }),
    status: 200,
    reply: FloatingIp,
    errors: ['not_found', 'conflict', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'floating-ip.delete',
    method: 'DELETE',
    path: '/v1/floating-ips/:floating_ip',
    summary: 'Give the address back',
    level: 'project',
    needs: 'floating-ip.manage',
    params,
    status: 204,
    errors: ['not_found', 'changed_meanwhile'],
  }),
}
