/** Networks in the database. */
import { sql } from 'kysely'
import type { Db } from './database.ts'

/** Those of the networks that the project may put ports on: its own, and shared ones. */
async function usable(db: Db, project_id: string, ids: readonly string[]) {
  const { rows } = await sql<{
    id: string
    name: string
    kind: 'overlay' | 'external'
    project_id: string
    shared: boolean
  }>`
    select id, name, kind, project_id, shared from network
    where id = any(${ids}::uuid[]) and (project_id = ${project_id} or shared)`.execute(db)
  return rows
}

export const network = { usable }
