/** Flavors: sizes of instances. */
import Type, { type Static } from 'typebox'
import { limits } from '../model/limits.ts'
import { closed, Name, NewName, page, pageQuery, Tags, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Flavor = closed({
  id: Uuid,
  name: Name,
  vcpus: Type.Integer(),
  memory_mib: Type.Integer(),
  disk_gib: Type.Integer(),
  ephemeral_gib: Type.Integer({ description: 'A second disk, empty and formatted, gone with the instance; 0: none' }),
  swap_mib: Type.Integer({ description: 'A swap disk; 0: none' }),
  properties: Tags,
  created_at: Time,
})
export type Flavor = Static<typeof Flavor>

const params = closed({ flavor: Uuid })

export const flavorRoutes = {
  list: route({
    name: 'flavor.list',
    method: 'GET',
    path: '/v1/flavors',
    summary: 'Flavors that instances can be made of',
    level: 'project',
    needs: 'flavor.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(Flavor),
    errors: [],
    cli: { columns: ['name', 'vcpus', 'memory_mib', 'disk_gib', 'ephemeral_gib', 'swap_mib', 'id'] },
  }),
  get: route({
    name: 'flavor.get',
    method: 'GET',
    path: '/v1/flavors/:flavor',
    summary: 'One flavor',
    level: 'project',
    needs: 'flavor.read',
    params,
    status: 200,
    reply: Flavor,
    errors: ['not_found'],
  }),
  create: route({
    name: 'flavor.create',
    method: 'POST',
    path: '/v1/flavors',
    summary: 'Make a flavor',
    level: 'system',
    needs: 'flavor.manage',
    body: closed({
      name: NewName,
      vcpus: Type.Integer({ minimum: 1, maximum: limits.vcpus_max }),
      memory_mib: Type.Integer({ minimum: 16, maximum: limits.memory_mib_max }),
      disk_gib: Type.Integer({ minimum: 1, maximum: limits.disk_gib_max }),
      ephemeral_gib: Type.Optional(
        Type.Integer({ minimum: 0, maximum: limits.disk_gib_max, description: 'A second, empty disk with ext4' }),
      ),
      swap_mib: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.swap_mib_max, description: 'A swap disk' })),
      properties: Type.Optional(Tags),
    }),
    status: 201,
    reply: Flavor,
    errors: ['name_taken', 'invalid'],
    cli: { positional: ['name'] },
  }),
  delete: route({
    name: 'flavor.delete',
    method: 'DELETE',
    path: '/v1/flavors/:flavor',
    summary: 'Delete a flavor; instances made of it stay as they are',
    level: 'system',
    needs: 'flavor.manage',
    params,
    status: 204,
    errors: ['not_found'],
  }),
}
