/**
 * Which hosts reach which, as found while they were there: only who reached a host before can say by its silence that it is dead. A firewall
 * that drops all between two of them looks the same from either, whether the other lives or not.
 */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'

/** A host of which it is to be found out who reaches it. */
export interface UnreachedHost {
  host_id: string
  cluster_id: string
  zone_id: string
  address: string
}

/** It is asked anew so often; where nobody got through, sooner: a firewall may have been opened. */
const again = { known_h: 6, unknown_min: 10 }
/** So often in a row it may be that nobody reaches one that was reached: it may be going down just then. */
const missed_max = 2

/**
 * Those that are there, whose zone has another one that could be asked, and of which it is not known, or not any more, or of which fewer were
 * asked than could be; `witnesses`: so many are asked of each.
 */
async function due(db: Db, witnesses: number, limit: number): Promise<UnreachedHost[]> {
  const { rows } = await sql<UnreachedHost>`
    select host_id, cluster_id, zone_id, address from (
      select h.id as host_id, h.cluster_id, c.zone_id, coalesce(h.tunnel_address, h.link_address) as address, r.asked_at, r.asked,
        count(*) over (partition by c.zone_id) as there, coalesce(cardinality(r.reached_by), 0) = 0 or r.missed > 0 as unknown
      from host h join cluster c on c.id = h.cluster_id left join host_reach r on r.host_id = h.id
      left join host_absence a on a.host_id = h.id
      where h.session_controller_id is not null and h.removed_at is null and a.host_id is null
    ) x where there > 1 and address is not null and (asked_at is null or asked < least(${witnesses}::int, there - 1) or asked_at < croft_now() - case when unknown
      then make_interval(mins => ${again.unknown_min}) else make_interval(hours => ${again.known_h}) end)
    order by asked_at nulls first, host_id limit ${limit}`.execute(db)
  return rows
}

/** Who reached it just now. Not of one that has gone meanwhile: that nobody reached it is no news then. */
async function note(
  db: Db,
  { host_id, address }: UnreachedHost,
  { asked, by }: { asked: number; by: readonly string[] },
): Promise<void> {
  await sql`insert into host_reach as r (host_id, address, boot_id, asked, reached_by)
    select h.id, ${address}, coalesce(h.facts->>'boot_id', ''), ${asked}::int, ${[...by]}::uuid[] from host h
    where h.id = ${host_id} and h.session_controller_id is not null and not exists (select from host_absence a where a.host_id = h.id)
    on conflict (host_id) do update set asked_at = excluded.asked_at, asked = excluded.asked, address = excluded.address, boot_id = excluded.boot_id,
      missed = case when excluded.reached_by = '{}' then r.missed + 1 else 0 end,
      reached_by = case when excluded.reached_by = '{}' and r.missed + 1 < ${missed_max} then r.reached_by else excluded.reached_by end`.execute(
    db,
  )
}

/** The host has said where it is, and which boot it is in: what was found of another one says nothing any more. True: nothing is known. */
async function forgetOther(tx: Tx, host_id: string, at: { address: string | null; boot_id: string }): Promise<boolean> {
  const known = await tx
    .selectFrom('host_reach')
    .select(['address', 'boot_id'])
    .where('host_id', '=', host_id)
    .executeTakeFirst()
  if (known && known.address === at.address && known.boot_id === at.boot_id) return false
  if (known) await tx.deleteFrom('host_reach').where('host_id', '=', host_id).execute()
  return true
}

/** A host is no more: of those that it reached another one is to be asked, if there is one. */
async function forgetWitness(tx: Tx, host_id: string): Promise<void> {
  await tx.deleteFrom('host_reach').where('host_id', '=', host_id).execute()
  await sql`update host_reach set asked = asked - 1, reached_by = array_remove(reached_by, ${host_id}::uuid)
    where ${host_id}::uuid = any(reached_by)`.execute(tx)
}

export const hostReach = { due, note, forgetOther, forgetWitness }
