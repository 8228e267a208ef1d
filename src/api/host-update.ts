/** What of a host is changed by those who run the cloud; all else it says itself. */
import Type from 'typebox'
import { limits } from '../model/limits.ts'
import { closed, NewName, nullable, tagsOf, uuidOf } from './common.ts'

export const HostUpdate = closed({
  name: Type.Optional(NewName),
  schedulable: Type.Optional(
    Type.Boolean({
      description: 'New instances may be placed here; false: none may, and those that are there stay',
    }),
  ),
  labels: Type.Optional(
    tagsOf('What you say of it, for flavors to ask for; gateway=true: it is the way outside, see docs/operators.md'),
  ),
  cluster_id: Type.Optional(
    uuidOf('To be in another cluster: in maintenance and with nothing on it; see docs/operators.md'),
  ),
  reserved_memory_mib: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 0,
        maximum: limits.memory_mib_max,
        description: 'Kept back for the host itself; null: as the setting host.reserved_memory_mib says',
      }),
    ),
  ),
  reserved_vcpus: Type.Optional(
    nullable(
      Type.Integer({
        minimum: 0,
        maximum: 65_536,
        description: 'CPU threads kept back for the host itself, before overcommit; null: none',
      }),
    ),
  ),
  tunnel_address: Type.Optional(
    nullable(
      Type.String({
        maxLength: 45,
        pattern: '^[0-9a-fA-F:.]+$',
        title: 'An IP address',
        description: 'Where other hosts reach it; null: what it says next is believed',
      }),
    ),
  ),
})
