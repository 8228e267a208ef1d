/** Projects in the database. */
import type { Tx } from './database.ts'
import { quota } from './quota.ts'

export interface NewProject {
  id: string
  domain_id: string
  name: string
  description: string
}

/** With its quota rows. Throws the database's own error (project_domain_id_name_key) when the name is taken. */
async function insert(tx: Tx, made: NewProject): Promise<void> {
  await tx.insertInto('project').values(made).execute()
  await quota.create(tx, 'project', made.id)
}

export const project = { insert }
