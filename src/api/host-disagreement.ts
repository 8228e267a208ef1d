/** What a host holds otherwise than the database has it: after a restore of the database from an older backup. */
import Type, { type Static } from 'typebox'
import { closed, nullable, oneOf, Uuid } from './common.ts'

/** What a host holds of an instance that the database does not know: it was restored from an older backup. */
export const Disagreement = closed({
  instance_id: Uuid,
  name: nullable(Type.String({ description: 'As the host or the database knows it' })),
  kind: oneOf(['ahead', 'orphaned', 'elsewhere', 'missing', 'moving'], {
    description:
      "'ahead': the database knows the instance, and the host newer things of it; 'orphaned': only the host knows it; 'elsewhere': the database has it on another host; 'missing': the database has it on this host, which has nothing of it; 'moving': the database has it on this host, which is sending it to another one",
  }),
  host_wants: Type.String({
    description:
      "What this host was told last: 'running', 'stopped', 'deleted', 'purged'; 'absent': it has nothing of it",
  }),
  database_wants: nullable(Type.String()),
  project_id: nullable(Uuid),
  purging: Type.Boolean({ description: 'An operator has given it up; its host removes it' }),
})
export type Disagreement = Static<typeof Disagreement>
