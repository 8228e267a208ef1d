/** Values of settings that were given one; the rest have their defaults (app/setting-values.ts). */
import { sql } from 'kysely'
import { type Db, json, type Tx } from './database.ts'

export interface SettingRow {
  name: string
  value: unknown
  updated_at: Date
  updated_by: string | null
}

function list(db: Db): Promise<SettingRow[]> {
  return db.selectFrom('setting').selectAll().execute()
}

async function put(tx: Tx, name: string, value: unknown, user_id: string): Promise<SettingRow> {
  return tx
    .insertInto('setting')
    .values({ name, value: json(value), updated_by: user_id })
    .onConflict(conflict =>
      conflict.column('name').doUpdateSet({
        value: json(value),
        updated_by: user_id,
        updated_at: sql<Date>`croft_now()`,
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
}

async function remove(tx: Tx, name: string): Promise<void> {
  await tx.deleteFrom('setting').where('name', '=', name).execute()
}

export const setting = { list, put, remove }
