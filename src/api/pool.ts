/** Pools: file systems that disks are in. Hosts make them known by themselves; those that share one have it mounted. */
import Type, { type Static } from 'typebox'
import { closed, Name, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { hostStates } from './host.ts'
import { route } from './route.ts'

export const Pool = closed({
  id: uuidOf('The mark in its directory, by which hosts recognise it'),
  shared: Type.Boolean({ description: 'More than one host has it: instances move between them without their disks' }),
  total_gib: Type.Integer(),
  free_gib: Type.Integer({
    description: 'As the file system says; disks grow into what they claim only as they are written',
  }),
  claimed_gib: Type.Integer({ description: 'The sizes of all volumes in it' }),
  volumes: Type.Integer(),
  hosts: Type.Array(closed({ id: Uuid, name: Name, state: oneOf(hostStates) })),
  created_at: Time,
})
export type Pool = Static<typeof Pool>

const params = closed({ pool: Uuid })

export const poolRoutes = {
  list: route({
    name: 'pool.list',
    method: 'GET',
    path: '/v1/pools',
    summary: 'Pools with their room, and the hosts that share each',
    level: 'system',
    needs: 'topology.read',
    query: closed({
      ...pageQuery,
      shared: Type.Optional(Type.Boolean({ description: 'Only those of several hosts; false: only those of one' })),
    }),
    status: 200,
    reply: page(Pool),
    errors: [],
    cli: { columns: ['id', 'shared', 'total_gib', 'free_gib', 'claimed_gib', 'volumes', 'hosts'] },
  }),
  get: route({
    name: 'pool.get',
    method: 'GET',
    path: '/v1/pools/:pool',
    summary: 'One pool',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: Pool,
    errors: ['not_found'],
  }),
}
