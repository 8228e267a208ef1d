/** What is on a host that may be lost, for whoever has it run elsewhere. */
import { sql } from 'kysely'
import type { Db } from './database.ts'

/** The host of an instance, if it has no link. */
async function silentHostOf(db: Db, instance_id: string): Promise<{ id: string; name: string } | null> {
  const { rows } = await sql<{ id: string; name: string }>`
    select h.id, h.name from instance i join host h on h.id = i.host_id
    where i.id = ${instance_id}::uuid and h.session_controller_id is null and h.removed_at is null`.execute(db)
  return rows[0] ?? null
}

/** All that is on a host, deleted ones included, in the order in which it is to run elsewhere. */
async function instancesOf(db: Db, host_id: string): Promise<{ id: string; name: string }[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select i.id, i.name from instance i where i.host_id = ${host_id}::uuid
    order by i.availability <> 'high', i.ha_priority desc, i.deleted_at is not null, i.wanted_power <> 'running', i.id`.execute(
    db,
  )
  return rows
}

export const evacuation = { silentHostOf, instancesOf }
