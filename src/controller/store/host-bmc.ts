/** Management controllers of hosts in the database; passwords as they are sealed. */
import { type Selectable, sql } from 'kysely'
import type { HostBmc } from '../../api/host-bmc.ts'
import type { Db, Tx } from './database.ts'
import type { HostBmcTable } from './schema-lost-hosts.ts'

export type HostBmcRow = Selectable<HostBmcTable>

function shown({ sealed_password: _, user_name, ...row }: HostBmcRow): HostBmc {
  return {
    ...row,
    user: user_name,
    tested_at: row.tested_at?.toISOString() ?? null,
    updated_at: row.updated_at.toISOString(),
  }
}

async function find(db: Db, host_id: string): Promise<HostBmcRow | null> {
  return (await db.selectFrom('host_bmc').selectAll().where('host_id', '=', host_id).executeTakeFirst()) ?? null
}

export type HostBmcSet = Pick<
  HostBmcRow,
  | 'kind'
  | 'address'
  | 'port'
  | 'user_name'
  | 'sealed_password'
  | 'cipher_suite'
  | 'certificate_sha256'
  | 'ca_pem'
  | 'system'
>

/** What was found out about the one before counts for it alone. */
async function put(tx: Tx, host_id: string, set: HostBmcSet): Promise<HostBmcRow> {
  const row = { ...set, tested_at: null, test_failure: null, updated_at: sql<Date>`croft_now()` }
  return await tx
    .insertInto('host_bmc')
    .values({ host_id, ...row })
    .onConflict(conflict => conflict.column('host_id').doUpdateSet(row))
    .returningAll()
    .executeTakeFirstOrThrow()
}

async function remove(tx: Tx, host_id: string): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('host_bmc').where('host_id', '=', host_id).executeTakeFirst()
  return numDeletedRows === 1n
}

async function noteTest(tx: Tx, host_id: string, test_failure: string | null): Promise<void> {
  await tx
    .updateTable('host_bmc')
    .set({ tested_at: sql<Date>`croft_now()`, test_failure })
    .where('host_id', '=', host_id)
    .execute()
}

export const hostBmc = { shown, find, put, remove, noteTest }
