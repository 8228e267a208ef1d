/** Domains in the database. */
import type { Db, Tx } from './database.ts'
import { quota } from './quota.ts'

export interface NewDomain {
  id: string
  name: string
  parent_id: string | null
  description: string
}

/** With its quota rows. Throws the database's own error (domain_name_key) when the name is taken. */
async function insert(tx: Tx, made: NewDomain): Promise<void> {
  await tx.insertInto('domain').values(made).execute()
  await quota.create(tx, 'domain', made.id)
}

async function any(db: Db): Promise<boolean> {
  return (await db.selectFrom('domain').select('id').limit(1).executeTakeFirst()) !== undefined
}

export const domain = { insert, any }
