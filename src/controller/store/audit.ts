/** Who did what, when, from where, and how it ended. Rows are only ever added; sealing chains them by hash. */
import type { Caller } from '../app/caller.ts'
import type { Db } from './database.ts'

export interface AuditOutcome {
  outcome: number
  error: string | null
  resource_id: string | null
}

async function record(db: Db, caller: Caller, outcome: AuditOutcome): Promise<void> {
  const { request } = caller
  await db
    .insertInto('audit')
    .values({
      user_id: caller.user_id,
      user_name: caller.user_name,
      project_id: caller.project_id,
      request_id: request.id,
      address: request.address,
      method: request.method,
      path: request.path,
      action: request.action,
      ...outcome,
    })
    .execute()
}

export const audit = { record }
