/** Restarts of highly available instances elsewhere, because the host that they ran on was lost: each with its reason. */
import Type, { type Static } from 'typebox'
import { fencingMethods } from '../model/host-state.ts'
import { closed, nullable, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { route } from './route.ts'

export const restartOutcomes = ['running', 'failed', 'no_room', 'given_up'] as const

export const HaRestart = closed({
  id: Uuid,
  instance_id: Uuid,
  instance: nullable(Type.String({ description: 'Its name; null once it is gone for good' })),
  from_host_id: nullable(Uuid),
  from_host: nullable(
    Type.String({
      description: 'Of one that was removed since, with that behind its name; null for who may not see hosts',
    }),
  ),
  to_host_id: nullable(Uuid),
  to_host: nullable(Type.String()),
  fenced_by: oneOf(fencingMethods, { description: 'By what it was sure that it ran on the lost host no more' }),
  reason: Type.String({ description: 'In words' }),
  outcome: nullable(
    oneOf(restartOutcomes, {
      description:
        "Null while it is under way, with `failure` when that takes longer than it should. 'running': seen to run; 'failed': another host was tried then, as this one said that it cannot, or was lost, too; 'no_room': no other host could take it, as `failure` says, for want of room or for another reason: while it has no `ended_at` it waits, and is tried again; once its own host is back and runs it that is 'running', there; 'given_up': something else was wanted meanwhile",
    }),
  ),
  failure: nullable(
    Type.String({ description: 'What kept it from running there, or has until now; or what was wanted of it instead' }),
  ),
  lost_at: Type.Unsafe<string>({ ...Time, description: 'When the lost host was last heard of' }),
  begun_at: Time,
  ended_at: nullable(Time),
})
export type HaRestart = Static<typeof HaRestart>

export const haRestartRoutes = {
  list: route({
    name: 'ha-restart.list',
    method: 'GET',
    path: '/v1/ha-restarts',
    summary:
      'Restarts on other hosts because one was lost, of highly available instances and evacuated ones, the newest first',
    level: 'project',
    needs: 'instance.read',
    query: closed({
      ...pageQuery,
      instance_id: Type.Optional(Uuid),
      from_host_id: Type.Optional(uuidOf('Of this lost host')),
      to_host_id: Type.Optional(uuidOf('On this host')),
      cluster_id: Type.Optional(uuidOf('Of lost hosts of this cluster')),
    }),
    status: 200,
    reply: page(HaRestart),
    errors: [],
    cli: { columns: ['begun_at', 'instance', 'from_host', 'to_host', 'outcome', 'reason', 'failure', 'id'] },
  }),
  get: route({
    name: 'ha-restart.get',
    method: 'GET',
    path: '/v1/ha-restarts/:ha_restart',
    summary: 'One restart on another host, with its reason and what has come of it',
    level: 'project',
    needs: 'instance.read',
    params: closed({ ha_restart: Uuid }),
    status: 200,
    reply: HaRestart,
    errors: ['not_found'],
  }),
}
