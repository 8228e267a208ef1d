/** Maintenance of a host: it takes nothing new, and what is on it is moved away until it is empty. */
import Type, { type Static } from 'typebox'
import { closed, Name, nullable, oneOf, page, pageQuery, Time, Uuid } from './common.ts'
import { Operation } from './operation.ts'
import { route } from './route.ts'

export const Maintenance = closed({
  id: Uuid,
  host_id: Uuid,
  host: Name,
  state: oneOf(['draining', 'drained'], {
    description: "'drained': nothing is on it any more; it stays so until it is ended",
  }),
  reason: Type.String({ description: 'As given when it was begun' }),
  moved: Type.Integer({ description: 'Instances that have gone elsewhere since it began' }),
  moving: Type.Integer({ description: 'On their way now' }),
  left: Type.Integer({ description: 'Still there, those on their way and deleted ones included' }),
  obstacles: Type.Array(
    closed({
      instance_id: Uuid,
      instance: Name,
      reason: Type.String({ description: 'Why it cannot be moved now, and what would help' }),
      attempts: Type.Integer(),
      since: Time,
      again_at: Time,
    }),
    { description: 'What is in the way; each is tried again by itself' },
  ),
  operation_id: nullable(Uuid),
  drained_at: nullable(Time),
  created_at: Time,
})
export type Maintenance = Static<typeof Maintenance>

const params = closed({ host: Uuid })
const path = '/v1/hosts/:host/maintenance'

export const maintenanceRoutes = {
  list: route({
    name: 'maintenance.list',
    method: 'GET',
    path: '/v1/maintenances',
    summary: 'Hosts in maintenance, with how far they are emptied and what is in the way',
    level: 'system',
    needs: 'topology.read',
    query: closed({ ...pageQuery }),
    status: 200,
    reply: page(Maintenance),
    errors: [],
    cli: { columns: ['host', 'state', 'moved', 'moving', 'left', 'obstacles', 'created_at'] },
  }),
  get: route({
    name: 'maintenance.get',
    method: 'GET',
    path,
    summary: 'How far a host in maintenance is emptied, and what is in the way',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: Maintenance,
    errors: ['not_found'],
  }),
  start: route({
    name: 'maintenance.start',
    method: 'POST',
    path,
    summary: 'Empty a host: nothing new is placed or started there, and all that is on it is moved away',
    level: 'system',
    needs: 'topology.manage',
    params,
    body: closed({
      reason: Type.Optional(Type.String({ maxLength: 255, description: 'For who looks at the host later' })),
    }),
    status: 202,
    reply: closed({ maintenance: Maintenance, operation: Operation }),
    errors: ['not_found', 'conflict'],
    audited: ['reason'],
  }),
  end: route({
    name: 'maintenance.end',
    method: 'DELETE',
    path,
    summary: 'Back to normal: the host takes instances again. What has gone elsewhere stays there',
    level: 'system',
    needs: 'topology.manage',
    params,
    query: closed({
      cancel_migrations: Type.Optional(
        Type.Boolean({ description: 'What is on its way now stays; without it that goes on to its end' }),
      ),
    }),
    status: 204,
    errors: ['not_found'],
  }),
}
