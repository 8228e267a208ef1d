/** What is known of a host that is not there, as part of a host. */
import Type from 'typebox'
import { absenceCauses, fencingMethods, reaches } from '../model/host-state.ts'
import { closed, nullable, oneOf, Time, Uuid } from './common.ts'

export const HostAbsence = closed({
  cause: oneOf(absenceCauses),
  since: Time,
  opinions: Type.Array(
    closed({
      host_id: Uuid,
      host: Type.String(),
      reached: nullable(oneOf(reaches, { description: 'Null: it could not tell' })),
      at: Time,
    }),
    { description: 'What other hosts found when they were asked to reach it' },
  ),
  dead_at: nullable(Time),
  fence_failure: nullable(Type.String()),
  fenced_at: nullable(Time),
  fenced_by: nullable(oneOf(fencingMethods)),
  lease_over_at: nullable({
    ...Time,
    description:
      'By when its highly available instances have surely stopped themselves, so that they start elsewhere, should nothing tell before that its power is off. ' +
      'Null: it holds a link, or its agent keeps no leases',
  }),
})
