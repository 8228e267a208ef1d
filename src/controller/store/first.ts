/** The rows of the first start (bootstrap.ts says which, and why). */
import { sql } from 'kysely'
import type { Tx } from './database.ts'

/** One controller at a time, until the transaction ends. */
async function lock(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('croft.bootstrap'))`.execute(tx)
}

async function administrator(
  tx: Tx,
  made: { user_id: string; grant_id: string; domain_id: string; project_id: string; password_hash: string },
): Promise<void> {
  const { user_id, domain_id, project_id, password_hash } = made
  await tx
    .insertInto('user')
    .values({ id: user_id, domain_id, name: 'admin', password_hash, default_project_id: project_id })
    .execute()
  await sql`insert into role_grant (id, user_id, role_id, scope)
    select ${made.grant_id}::uuid, ${user_id}::uuid, id, 'system' from role where name = 'admin'`.execute(tx)
}

async function topology(tx: Tx, made: { zone_id: string; cluster_id: string }): Promise<void> {
  await tx.insertInto('zone').values({ id: made.zone_id, name: 'default' }).execute()
  await tx.insertInto('cluster').values({ id: made.cluster_id, zone_id: made.zone_id, name: 'default' }).execute()
}

async function flavors(
  tx: Tx,
  made: { id: string; name: string; vcpus: number; memory_mib: number; disk_gib: number }[],
): Promise<void> {
  await tx.insertInto('flavor').values(made).execute()
}

export const first = { lock, administrator, topology, flavors }
