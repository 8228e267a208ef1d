/** Operations: every change that takes time, with its progress, its outcome, and a reason in plain words. */
import Type, { type Static } from 'typebox'
import { closed, NameNow, nullable, oneOf, page, pageQuery, Time, Uuid, uuidOf } from './common.ts'
import { route } from './route.ts'

export const operationStates = ['running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const

export const Operation = closed({
  id: Uuid,
  kind: Type.String({ description: "What was asked, such as 'instance.start'" }),
  noun: Type.String(),
  resource_id: nullable(Uuid),
  resource_name: NameNow('the thing'),
  project_id: nullable(Uuid),
  user_id: nullable(Uuid),
  state: oneOf(operationStates),
  targets: Type.Integer({ description: 'How many things it is about' }),
  succeeded: Type.Integer(),
  failed: Type.Integer(),
  cancelled: Type.Integer(),
  step: nullable(Type.String({ description: 'What is being done now' })),
  percent: Type.Integer({ minimum: 0, maximum: 100 }),
  reason: nullable(Type.String({ description: 'Why it failed, or what it waits for and what would free it' })),
  created_at: Time,
  ended_at: nullable(Time),
})
export type Operation = Static<typeof Operation>

export const targetOutcomes = ['succeeded', 'failed', 'cancelled'] as const

export const OperationTarget = closed({
  noun: Type.String(),
  resource_id: Uuid,
  name: nullable(Type.String({ description: 'Null when it is gone, or for who may not see it' })),
  outcome: nullable(oneOf(targetOutcomes, { description: 'Null while it is open' })),
  reason: nullable(Type.String({ description: 'Why it failed, or what it waits for' })),
  step: nullable(Type.String({ description: 'While it is open: what is being done now' })),
  percent: Type.Integer({ minimum: 0, maximum: 100 }),
})
export type OperationTarget = Static<typeof OperationTarget>

const params = closed({ operation: Uuid })

export const operationRoutes = {
  list: route({
    name: 'operation.list',
    method: 'GET',
    path: '/v1/operations',
    summary: 'Operations, newest first unless sorted otherwise',
    level: 'project',
    needs: 'operation.read',
    on_instance: 'instance.read',
    query: closed({
      ...pageQuery,
      resource_id: Type.Optional(uuidOf('On this thing')),
      open: Type.Optional(Type.Boolean({ description: 'Only those that have not ended' })),
      failed: Type.Optional(
        Type.Boolean({ description: 'Only those that ended with a failure; false: only those without' }),
      ),
    }),
    status: 200,
    reply: page(Operation),
    errors: [],
    cli: { columns: ['kind', 'state', 'percent', 'resource_id', 'reason', 'created_at', 'id'] },
  }),
  get: route({
    name: 'operation.get',
    method: 'GET',
    path: '/v1/operations/:operation',
    summary: 'One operation as it stands; who asks to wait is answered when it ends',
    level: 'project',
    needs: 'operation.read',
    on_instance: 'instance.read',
    params,
    status: 200,
    reply: Operation,
    errors: ['not_found'],
  }),
  targets: route({
    name: 'operation.targets',
    method: 'GET',
    path: '/v1/operations/:operation/targets',
    summary: 'The things that an operation on instances is about, and what became of each',
    level: 'project',
    needs: 'operation.read',
    on_instance: 'instance.read',
    params,
    query: closed({
      limit: pageQuery.limit,
      cursor: pageQuery.cursor,
      outcome: Type.Optional(
        oneOf(['open', ...targetOutcomes], { description: 'Only those that ended so, or have not' }),
      ),
    }),
    status: 200,
    reply: page(OperationTarget),
    errors: ['not_found'],
    cli: { columns: ['name', 'outcome', 'step', 'percent', 'reason', 'resource_id'] },
  }),
  cancel: route({
    name: 'operation.cancel',
    method: 'POST',
    path: '/v1/operations/:operation/cancel',
    summary: 'Give up an operation that has not ended',
    level: 'project',
    needs: 'instance.operate',
    on_instance: 'instance.operate',
    params,
    status: 200,
    reply: Operation,
    errors: ['not_found', 'wrong_state'],
  }),
}
