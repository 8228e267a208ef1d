/** Who holds which role where. */
import type { Tx } from './database.ts'

export interface NewGrant {
  id: string
  user_id: string
  role_id: string
  scope: 'system' | 'domain' | 'project'
  domain_id: string | null
  project_id: string | null
}

async function insert(tx: Tx, made: NewGrant): Promise<void> {
  await tx.insertInto('role_grant').values(made).execute()
}

export const roleGrant = { insert }
