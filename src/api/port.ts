/** Ports: where an instance or a router meets a network. */
import Type, { type Static } from 'typebox'
import { closed, NewName, nullable, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { AddressText } from './network.ts'
import { route } from './route.ts'

export const portKinds = ['instance', 'router', 'gateway', 'metadata', 'floating', 'free'] as const

export const MacText = Type.String({
  pattern: '^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$',
  description: 'Such as fa:16:3e:00:00:01',
})
const PortName = Type.Union([NewName, Type.Literal('')])

/** Addresses beyond the port's own that its instance may send from. */
export const AddressPair = closed({
  address: Type.String({ minLength: 2, maxLength: 49, description: 'An address, or a CIDR' }),
  mac: Type.Optional(MacText),
})

export const Port = closed({
  id: Uuid,
  name: Type.String(),
  network_id: Uuid,
  project_id: Uuid,
  mac: Type.String(),
  kind: oneOf(portKinds),
  instance_id: nullable(Uuid),
  router_id: nullable(Uuid),
  addresses: Type.Array(closed({ subnet_id: Uuid, address: Type.String() })),
  security_groups: Type.Array(Uuid),
  port_security: Type.Boolean({ description: 'Only its own addresses may send, and security groups apply' }),
  allowed_address_pairs: Type.Array(AddressPair),
  admin_up: Type.Boolean(),
  version: Type.Integer(),
  created_at: Time,
})
export type Port = Static<typeof Port>

const params = closed({ port: Uuid })
const SecurityGroups = Type.Array(Uuid, { maxItems: 16, uniqueItems: true })
const AddressPairs = Type.Array(AddressPair, { maxItems: 32 })

export const portRoutes = {
  list: route({
    name: 'port.list',
    method: 'GET',
    path: '/v1/ports',
    summary: "The project's ports",
    level: 'project',
    needs: 'network.read',
    query: closed({
      ...pageQuery,
      network_id: Type.Optional(Uuid),
      instance_id: Type.Optional(Uuid),
      router_id: Type.Optional(Uuid),
      security_group_id: Type.Optional(Uuid),
      kind: Type.Optional(oneOf(portKinds)),
    }),
    status: 200,
    reply: page(Port),
    errors: [],
    cli: { columns: ['name', 'kind', 'mac', 'network_id', 'instance_id', 'id'] },
  }),
  get: route({
    name: 'port.get',
    method: 'GET',
    path: '/v1/ports/:port',
    summary: 'One port',
    level: 'project',
    needs: 'network.read',
    params,
    status: 200,
    reply: Port,
    errors: ['not_found'],
  }),
  create: route({
    name: 'port.create',
    method: 'POST',
    path: '/v1/ports',
    summary: 'Make a port, for an instance to be made with it',
    level: 'project',
    needs: 'network.manage',
    body: closed({
      network_id: Uuid,
      name: Type.Optional(PortName),
      mac: Type.Optional(MacText),
      fixed_addresses: Type.Optional(Type.Array(AddressText, { minItems: 1, maxItems: 8 })),
      security_groups: Type.Optional(SecurityGroups),
      port_security: Type.Optional(
        Type.Boolean({ description: 'false: any address may send, and no security groups apply' }),
      ),
      allowed_address_pairs: Type.Optional(AddressPairs),
    }),
    status: 201,
    reply: Port,
    errors: ['not_found', 'conflict', 'no_address', 'forbidden'],
  }),
  update: route({
    name: 'port.update',
    method: 'PATCH',
    path: '/v1/ports/:port',
    summary: "Change a port's name, security groups or what it may send",
    level: 'project',
    needs: 'network.manage',
    params,
    body: closed({
      name: Type.Optional(PortName),
      security_groups: Type.Optional(SecurityGroups),
      port_security: Type.Optional(
        Type.Boolean({ description: 'false: any address may send, and no security groups apply' }),
      ),
      allowed_address_pairs: Type.Optional(AddressPairs),
      admin_up: Type.Optional(Type.Boolean({ description: 'It carries traffic; false: none' })),
    }),
    status: 200,
    reply: Port,
    errors: ['not_found', 'wrong_state', 'forbidden', 'changed_meanwhile'],
  }),
  delete: route({
    name: 'port.delete',
    method: 'DELETE',
    path: '/v1/ports/:port',
    summary: 'Delete a free port',
    level: 'project',
    needs: 'network.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use', 'changed_meanwhile'],
  }),
}
