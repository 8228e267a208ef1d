/** Where instances run and why: decisions of the scheduler that were made, and what it would decide (a dry run). */
import Type, { type Static } from 'typebox'
import { quotaResources } from '../model/quota.ts'
import { closed, Name, nullable, oneOf, Problem, Time, Uuid } from './common.ts'
import { route } from './route.ts'

/** Of a decision: as it was called then. */
const HostThen = Type.String({ description: 'Its name; of one that was removed since, with that behind it' })

export const HostVerdict = closed({
  host: HostThen,
  host_id: Uuid,
  refused: nullable(Type.String({ description: 'Why it could not take it' })),
  filter: nullable(Type.String({ description: 'The filter that refused it: one of refusals' })),
  score: nullable(Type.Number()),
  weights: Type.Record(Type.String(), Type.Number()),
})

export const RefusalReason = closed({
  filter: Type.String(),
  reason: Type.String({ description: 'What is wrong with these hosts' }),
  hosts: Type.Integer({ description: 'How many' }),
  examples: Type.Array(closed({ host: HostThen, host_id: Uuid, why: Type.String() }), {
    description: 'Some of them; none for who has no topology.read on the system',
  }),
})
const reasons = Type.Array(RefusalReason, { description: 'Why hosts were refused, summed up, the commonest first' })

export const Placement = closed({
  id: Uuid,
  instance_id: nullable(Uuid),
  host_id: nullable(Uuid),
  asked: Type.Record(Type.String(), Type.Unknown()),
  hosts: Type.Array(HostVerdict, {
    description:
      'Each, of up to 100; of more, and of what was made together with others, the best of those that fit and examples of those that do not. None for who has no topology.read on the system',
  }),
  fitting: nullable(Type.Integer({ description: 'How many hosts could take it; null: nobody counted them then' })),
  refusals: Type.Record(Type.String(), Type.Integer(), { description: 'How many hosts each filter refused' }),
  reasons,
  created_at: Time,
})
export type Placement = Static<typeof Placement>

export const InstancePlacement = closed({
  ...Placement.properties,
  refused_since: nullable(
    closed(Placement.properties, {
      description: 'The newest attempt since to place it elsewhere for which no host was found; it stayed where it is',
    }),
  ),
})
export type InstancePlacement = Static<typeof InstancePlacement>

export const InstancePlan = closed({
  possible: Type.Boolean({ description: 'Whether create would take it now' }),
  problems: Type.Array(Problem, {
    description: 'What create would refuse, in the order that it meets it: the first is what it would answer',
  }),
  quota: nullable(
    Type.Array(
      closed({
        resource: oneOf(quotaResources),
        used: Type.Integer({ description: 'Now' }),
        limit: nullable(Type.Integer({ description: "The project's; its domain may have another" })),
        asked: Type.Integer({ description: 'By this request' }),
        after: Type.Integer(),
      }),
      { description: 'What the request takes of the project; null: that needs quota.read' },
    ),
  ),
  placement: nullable(
    closed(
      {
        fitted: Type.Integer({ description: 'How many would find room' }),
        fitting: Type.Integer({ description: 'How many hosts could take one of them' }),
        zones: Type.Array(closed({ zone_id: Uuid, zone: Name, instances: Type.Integer() })),
        hosts: nullable(
          Type.Array(
            closed({
              ...HostVerdict.properties,
              zone: Name,
              instances: Type.Integer({ description: 'How many of them would run there' }),
            }),
            {
              description:
                'Each, of up to 100; of more the best of those that fit, and examples of those that do not. Null: that needs topology.read on the system',
            },
          ),
        ),
        refusals: Type.Record(Type.String(), Type.Integer(), { description: 'How many hosts each filter refused' }),
        reasons,
      },
      {
        description: 'Null: what it would start from, or be with, is not to be had, so hosts were not looked at',
      },
    ),
  ),
})
export type InstancePlan = Static<typeof InstancePlan>

export const placementRoutes = {
  get: route({
    name: 'placement.get',
    method: 'GET',
    path: '/v1/placements/:placement',
    summary: 'One decision of the scheduler, also a refused one',
    level: 'project',
    needs: 'instance.read',
    params: closed({ placement: Uuid }),
    status: 200,
    reply: Placement,
    errors: ['not_found'],
  }),
}
