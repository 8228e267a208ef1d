/** Which hosts a list has. */
import Type from 'typebox'
import { hostAvailabilities } from '../model/host-state.ts'
import { limits } from '../model/limits.ts'
import { closed, Name, oneOf, pageQuery, Uuid } from './common.ts'

export const HostsAsked = closed({
  ...pageQuery,
  name: Type.Optional(Name),
  cluster_id: Type.Optional(Uuid),
  zone_id: Type.Optional(Uuid),
  aggregate_id: Type.Optional(Uuid),
  label: Type.Optional(
    Type.Array(
      Type.String({
        maxLength: limits.tag_key_length_max + 1 + limits.tag_value_length_max,
        pattern: '^[^=]',
        title: 'A KEY, whatever its value, or KEY=VALUE',
      }),
      {
        minItems: 1,
        maxItems: limits.tags_max,
        description: 'Only those with this label, or with all of these: KEY, whatever its value, or KEY=VALUE',
      },
    ),
  ),
  schedulable: Type.Optional(
    Type.Boolean({ description: 'Only those where new instances may be placed; false: only those where none may' }),
  ),
  availability: Type.Optional(oneOf(hostAvailabilities)),
  bmc: Type.Optional(
    Type.Boolean({
      description:
        'Only those with a management controller that cuts their power when they are lost; false: only those without',
    }),
  ),
  attention: Type.Optional(
    Type.Boolean({
      description:
        'Only those that somebody should look at: that do not answer, or are late, with foreign domains, with disagreements, whose key another machine has, whose maintenance has something in the way, or that say of themselves what is not believed',
    }),
  ),
})
