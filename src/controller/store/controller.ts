/** The controllers that are alive, by lease. */
import { sql } from 'kysely'
import type { Db } from './database.ts'

export interface ControllerRow {
  id: string
  name: string
  version: string
  agent_url: string
}

async function renew(db: Db, self: ControllerRow, lease_s: number): Promise<void> {
  const lease_until = sql<Date>`croft_now() + make_interval(secs => ${lease_s})`
  const { id, name, version, agent_url } = self
  await db
    .insertInto('controller')
    .values({ id, name, version, agent_url, lease_until })
    .onConflict(conflict => conflict.column('id').doUpdateSet({ lease_until, agent_url, version }))
    .execute()
  await db.deleteFrom('controller').where('lease_until', '<', sql<Date>`croft_now() - interval '1 hour'`).execute()
}

/** A controller that stops says so: its hosts are seen to at once. */
async function remove(db: Db, id: string): Promise<void> {
  await db.deleteFrom('controller').where('id', '=', id).execute()
}

/** Where agents reach the controllers that are alive: never none, as the one that asks is, whatever became of its lease. */
async function urls(db: Db, own: string): Promise<string[]> {
  const rows = await db
    .selectFrom('controller')
    .select('agent_url')
    .distinct()
    .where('lease_until', '>', sql<Date>`croft_now()`)
    .orderBy('agent_url')
    .execute()
  return [...new Set([...rows.map(row => row.agent_url), own])].sort()
}

export const controller = { renew, remove, urls }
