/** Regions: places far apart, each with zones of its own. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

export const Region = closed({ id: Uuid, name: Name, created_at: Time })
export type Region = Static<typeof Region>

const params = closed({ region: Uuid })

export const regionRoutes = {
  list: route({
    name: 'region.list',
    method: 'GET',
    path: '/v1/regions',
    summary: 'Regions, which zones are in',
    level: 'self',
    needs: null,
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(Region),
    errors: [],
    cli: { columns: ['name', 'id'] },
  }),
  get: route({
    name: 'region.get',
    method: 'GET',
    path: '/v1/regions/:region',
    summary: 'One region',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: Region,
    errors: ['not_found'],
  }),
  create: route({
    name: 'region.create',
    method: 'POST',
    path: '/v1/regions',
    summary: 'Make a region',
    level: 'system',
    needs: 'topology.manage',
    body: closed({ name: NewName }),
    status: 201,
    reply: Region,
    errors: ['name_taken'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'region.update',
    method: 'PATCH',
    path: '/v1/regions/:region',
    summary: 'Rename a region',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({ name: Type.Optional(NewName) }),
    status: 200,
    reply: Region,
    errors: ['not_found', 'name_taken'],
  }),
  delete: route({
    name: 'region.delete',
    method: 'DELETE',
    path: '/v1/regions/:region',
    summary: 'Delete a region that holds no zone',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use'],
  }),
}
