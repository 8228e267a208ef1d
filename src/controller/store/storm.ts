/** Zones of which so many hosts vanished at once that nothing is fenced nor restarted there. */
import { type Selectable, sql } from 'kysely'
import type { Db, Tx } from './database.ts'
import type { ZoneStormTable } from './schema-lost-hosts.ts'

async function list(db: Db): Promise<Map<string, Selectable<ZoneStormTable>>> {
  const rows = await db.selectFrom('zone_storm').selectAll().execute()
  return new Map(rows.map(row => [row.zone_id, row]))
}

/** True when it was not noted yet. Of one that goes on the numbers grow. */
async function note(tx: Tx, zone_id: string, gone: number, hosts: number): Promise<'begun' | 'grown' | 'same'> {
  const { rows } = await sql<{ begun: boolean }>`
    insert into zone_storm as s (zone_id, gone, hosts) values (${zone_id}::uuid, ${gone}, ${hosts})
    on conflict (zone_id) do update set gone = excluded.gone, hosts = excluded.hosts
    where s.gone < excluded.gone returning xmax = 0 as begun`.execute(tx)
  const [row] = rows
  return row ? (row.begun ? 'begun' : 'grown') : 'same'
}

async function end(tx: Tx, zone_id: string): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('zone_storm').where('zone_id', '=', zone_id).executeTakeFirst()
  return numDeletedRows === 1n
}

async function override(tx: Tx, zone_id: string, user_id: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('zone_storm')
    .set({ overridden_at: sql<Date>`croft_now()`, overridden_user_id: user_id })
    .where('zone_id', '=', zone_id)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

export const storm = { list, note, end, override }
