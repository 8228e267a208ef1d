/** Migrations: instances on their way from one host to another. */
import Type, { type Static } from 'typebox'
import { migrationKinds, migrationOutcomes, migrationPhases } from '../model/migration.ts'
import { closed, Name, nullable, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { Instance } from './instance.ts'
import { Operation } from './operation.ts'
import { route } from './route.ts'

const Bytes = Type.Integer({ minimum: 0 })

export const MigrationProgress = closed({
  memory_total_bytes: Bytes,
  memory_left_bytes: Bytes,
  disk_total_bytes: Bytes,
  disk_left_bytes: Bytes,
  rate_bytes_s: Type.Integer({ minimum: 0, description: 'Bytes sent in a second, lately' }),
  elapsed_ms: Type.Integer({ minimum: 0 }),
  downtime_ms: nullable(
    Type.Integer({ description: 'How long the guest is expected to pause, or did, when it has gone over' }),
  ),
  postcopy: Type.Boolean({ description: 'It runs on the new host, and fetches the memory that is not there yet' }),
})
export type MigrationProgress = Static<typeof MigrationProgress>

const options = {
  bandwidth_mib_s: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'The most that is sent, MiB/s; 0: no limit' }),
  ),
  downtime_ms_max: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 60_000,
      description:
        'The longest pause of the guest that is aimed at, ms; of an emulated one (no KVM, QEMU before 9.0) it is more, see docs/migration.md',
    }),
  ),
  auto_converge: Type.Optional(
    Type.Boolean({
      description:
        'Slow the guest down when it changes its memory faster than that can be sent; false: let it run at full speed',
    }),
  ),
  postcopy_after_s: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 86_400,
      description: 'After so long it goes over at once and fetches the rest of its memory from there; 0: never',
    }),
  ),
  timeout_s: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 604_800, description: 'After so long it is given up; 0: never' }),
  ),
}
export const MigrationOptions = closed(options)
export type MigrationOptions = Static<typeof MigrationOptions>

/** Of one that was taken out of the cloud since, followed by that. */
const HostName = Type.String({ description: 'Its name; of a host that is removed since, with a word about it' })

export const Migration = closed({
  id: Uuid,
  instance_id: Uuid,
  instance: Name,
  project_id: Uuid,
  kind: oneOf(migrationKinds, {
    description:
      "'live': while it runs; 'cold': while it is off; 'evacuation': its host was lost, and it started anew elsewhere; 'retry': its host refused to start it for the first time, and another one was chosen",
  }),
  cause: Type.String({
    description:
      "Who wanted it: 'user', 'maintenance' of its host, 'ha', 'refused' by its host, 'restore' of the controller's database",
  }),
  source_host_id: Uuid,
  source_host: HostName,
  target_host_id: Uuid,
  target_host: HostName,
  phase: oneOf(migrationPhases, {
    description:
      "'preparing' and 'sending': the instance is on its old host; 'leaving': it is on the new one, and the old one is being cleared; 'discarding': it stays, and the other host is being cleared",
  }),
  outcome: nullable(
    oneOf(migrationOutcomes, {
      description:
        "From the moment on when it is decided. 'succeeded': it is the new host's; whether it starts there is told by the instance",
    }),
  ),
  reason: nullable(Type.String({ description: 'Why it failed or was cancelled' })),
  waits_for: nullable(Type.String({ description: 'Whose word it waits for, when that one does not answer' })),
  cancel_asked: Type.Boolean({ description: 'It is to be given up, or was because somebody asked for that' }),
  percent: nullable(Type.Integer({ minimum: 0, maximum: 100 })),
  progress: nullable(MigrationProgress),
  copied_volumes: Type.Array(Uuid, { description: 'Whose content goes over; others both hosts reach' }),
  options: MigrationOptions,
  operation_id: nullable(Uuid),
  created_at: Time,
  sending_at: nullable(Time),
  switched_at: nullable(Time),
  ended_at: nullable(Time),
})
export type Migration = Static<typeof Migration>

export const MigrationCreate = closed({
  kind: Type.Optional(oneOf(['live', 'cold'], { description: 'Without it: live when it runs, cold when it is off' })),
  host_id: Type.Optional(uuidOf('Where to; without it the scheduler chooses')),
  ...options,
})
export type MigrationCreate = Static<typeof MigrationCreate>

const params = closed({ migration: Uuid })

/** Beside the other routes of instances (index.ts): here for its shapes. */
export const instanceMoveRoutes = {
  migrate: route({
    name: 'instance.migrate',
    method: 'POST',
    path: '/v1/instances/:instance/migrate',
    summary: 'Move an instance to another host, running or off',
    level: 'system',
    needs: 'topology.manage',
    params: closed({ instance: Uuid }),
    body: MigrationCreate,
    status: 202,
    reply: closed({ migration: Migration, instance: Instance, operation: Operation }),
    errors: ['not_found', 'wrong_state', 'no_capacity', 'host_unreachable', 'conflict', 'changed_meanwhile'],
  }),
}

export const migrationRoutes = {
  list: route({
    name: 'migration.list',
    method: 'GET',
    path: '/v1/migrations',
    summary: 'Migrations, newest first unless sorted otherwise',
    level: 'system',
    needs: 'topology.read',
    query: closed({
      ...pageQuery,
      instance_id: Type.Optional(Uuid),
      host_id: Type.Optional(uuidOf('From or to this host')),
      open: Type.Optional(
        Type.Boolean({
          description:
            'Only those that have not ended, also those of which the outcome is decided and a host is still being cleared; false: only those that have',
        }),
      ),
      kind: Type.Optional(oneOf(migrationKinds)),
      outcome: Type.Optional(
        oneOf(migrationOutcomes, {
          description: 'Only those of which this is decided, whether or not they have ended',
        }),
      ),
    }),
    status: 200,
    reply: page(Migration),
    errors: [],
    cli: {
      columns: [
        'instance',
        'kind',
        'cause',
        'source_host',
        'target_host',
        'phase',
        'percent',
        'outcome',
        'created_at',
        'id',
      ],
    },
  }),
  get: route({
    name: 'migration.get',
    method: 'GET',
    path: '/v1/migrations/:migration',
    summary: 'One migration, with its progress',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: Migration,
    errors: ['not_found'],
  }),
  cancel: route({
    name: 'migration.cancel',
    method: 'POST',
    path: '/v1/migrations/:migration/cancel',
    summary: 'Give a migration up before the instance has gone over; it goes on where it is',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 200,
    reply: Migration,
    errors: ['not_found', 'wrong_state'],
  }),
}
