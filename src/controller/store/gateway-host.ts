/**
 * Which hosts are the way outside: those with the label gateway=true, or all where none has it. `croft up` gives it to the
 * machine that it makes a cloud of, whose own network of floating addresses no other host is on.
 */
import { sql } from 'kysely'
import type { Db } from './database.ts'

export interface GatewayHost {
  id: string
  seen: boolean
}

const is_gateway = sql<boolean>`(h.labels->>'gateway' = 'true'
  or not exists (select 1 from host l where l.labels->>'gateway' = 'true' and l.removed_at is null))`

/**
 * Those that have been set up, those heard of in the last minutes apart from those not: a broken link to Croft alone moves
 * no gateway, a host that is long gone, or in maintenance, carries none
 * while there are others.
 */
async function list(db: Db): Promise<GatewayHost[]> {
  const { rows } = await sql<GatewayHost>`
    select h.id, (h.session_controller_id is not null
      or coalesce(h.last_seen_at > croft_now() - interval '10 minutes', false))
      and not exists (select from maintenance x where x.host_id = h.id) as seen
    from host h where h.facts is not null and h.removed_at is null and ${is_gateway} order by h.id`.execute(db)
  return rows
}

/** Which of these hosts are. */
async function among(db: Db, host_ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select h.id from host h where h.id = any(${host_ids}::uuid[]) and ${is_gateway}`.execute(db)
  return new Set(rows.map(row => row.id))
}

export const gatewayHost = { list, among }
