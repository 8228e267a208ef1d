/** What instances are shown with that has a shape of its own. */
import Type from 'typebox'
import { migrationKinds, migrationPhases } from '../model/migration.ts'
import { closed, Name, nullable, oneOf, Uuid } from './common.ts'

export const InstanceAddress = closed({
  network_id: Uuid,
  network: Name,
  port_id: Uuid,
  mac: Type.String(),
  address: Type.String(),
  floating_address: nullable(Type.String()),
})

export const InstanceMigration = closed(
  {
    id: Uuid,
    kind: oneOf(migrationKinds),
    phase: oneOf(migrationPhases),
    percent: nullable(Type.Integer({ description: 'How much of memory and disks has gone over' })),
  },
  { description: 'While it is being moved to another host' },
)

export const FromNextStart = nullable(
  Type.String({ description: 'Which of the changes count from its next start only, since it is not off' }),
)
