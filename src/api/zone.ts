/** Zones: places that fail apart from each other, such as rooms or racks. */
import Type, { type Static } from 'typebox'
import { closed, Name, NewName, nullable, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { route } from './route.ts'

export const Zone = closed({
  id: Uuid,
  name: Name,
  region_id: Uuid,
  region: Name,
  storm: nullable(
    closed({
      since: Time,
      gone: Type.Integer({ description: 'Hosts that vanished at once' }),
      hosts: Type.Integer({ description: 'Of so many that were there' }),
      overridden_at: nullable(Time),
    }),
  ),
  created_at: Time,
})
export type Zone = Static<typeof Zone>

const params = closed({ zone: Uuid })

export const zoneRoutes = {
  list: route({
    name: 'zone.list',
    method: 'GET',
    path: '/v1/zones',
    summary: 'Zones that instances can be placed in',
    level: 'self',
    needs: null,
    query: closed({ ...pageQuery, name: Type.Optional(Name), region_id: Type.Optional(Uuid) }),
    status: 200,
    reply: page(Zone),
    errors: [],
    cli: { columns: ['name', 'region', 'storm', 'id'] },
  }),
  get: route({
    name: 'zone.get',
    method: 'GET',
    path: '/v1/zones/:zone',
    summary: 'One zone',
    level: 'self',
    needs: null,
    params,
    status: 200,
    reply: Zone,
    errors: ['not_found'],
  }),
  create: route({
    name: 'zone.create',
    method: 'POST',
    path: '/v1/zones',
    summary: 'Make a zone',
    level: 'system',
    needs: 'topology.manage',
    body: closed({
      name: NewName,
      region_id: Type.Optional(uuidOf('The first region unless given')),
    }),
    status: 201,
    reply: Zone,
    errors: ['name_taken', 'not_found'],
    cli: { positional: ['name'] },
  }),
  update: route({
    name: 'zone.update',
    method: 'PATCH',
    path: '/v1/zones/:zone',
    summary: 'Rename a zone, or move it to another region',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({ name: Type.Optional(NewName), region_id: Type.Optional(Uuid) }),
    status: 200,
    reply: Zone,
    errors: ['not_found', 'name_taken'],
  }),
  override: route({
    name: 'zone.override-storm',
    method: 'POST',
    path: '/v1/zones/:zone/override-storm',
    summary:
      'So many hosts vanished at once that nothing is fenced nor restarted: do it all the same, since they are truly down',
    level: 'system',
    needs: 'host.fence',
    params,
    status: 200,
    reply: Zone,
    errors: ['not_found', 'wrong_state'],
  }),
  delete: route({
    name: 'zone.delete',
    method: 'DELETE',
    path: '/v1/zones/:zone',
    summary: 'Delete a zone that holds no cluster',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 204,
    errors: ['not_found', 'in_use'],
  }),
}
