/** What of an instance goes along when it moves, and the moment at which all of it is the other host's. */
import { sql } from 'kysely'
import type { Tx } from './database.ts'
import type { MigrationRow } from './migration.ts'

/** Of the host's CPU, as its agent says; and whether all guests see that, as with KVM on ARM. */
async function hostCpu(tx: Tx, host_id: string): Promise<{ flags: string[]; shown_to_all: boolean }> {
  const { rows } = await sql<{ flags: string[]; shown_to_all: boolean }>`
    select coalesce(facts->'cpu_flags', '[]'::jsonb) as flags,
      coalesce(facts->>'arch' = 'aarch64' and facts->>'virtualisation' = 'kvm', false) as shown_to_all
    from host where id = ${host_id}::uuid`.execute(tx)
  return rows[0] ?? { flags: [], shown_to_all: false }
}

/** The database's time: the migration's own times are all of one clock. */
async function now(tx: Tx): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select croft_now() as now`.execute(tx)
  const [row] = rows
  if (!row) throw new Error('the database told no time')
  return row.now
}

interface MovedVolume {
  id: string
  size_gib: number
  project_id: string
  pool_id: string | null
  is_shared: boolean
  /** It was there with content before the instance was. */
  made: boolean
}

/** What goes along with an instance: its volumes, the pool that they are in, and whether that is the target's too. */
async function content(
  tx: Tx,
  asked: { instance_id: string; source_host_id: string; target_host_id: string },
): Promise<MovedVolume[]> {
  const { rows } = await sql<MovedVolume>`
    select v.id, v.size_gib, v.project_id, v.made, s.pool_id, coalesce(s.pool_id = t.pool_id, false) as is_shared
    from volume v join host s on s.id = ${asked.source_host_id}::uuid join host t on t.id = ${asked.target_host_id}::uuid
    where v.instance_id = ${asked.instance_id}::uuid order by v.id for update of v`.execute(tx)
  return rows
}

/** The instance, with all that is its, is the target's from now on. Its report numbers begin anew: they are each host's own. */
async function rehost(
  tx: Tx,
  row: Pick<MigrationRow, 'instance_id' | 'target_host_id'>,
): Promise<{ id: string; size_gib: number }[]> {
  const { instance_id, target_host_id } = row
  await sql`update instance set host_id = h.id, zone_id = c.zone_id, version = version + 1, placement = placement + 1
    from host h join cluster c on c.id = h.cluster_id
    where instance.id = ${instance_id}::uuid and h.id = ${target_host_id}::uuid`.execute(tx)
  await sql`update instance_observed set report = -1, guarded_version = null where instance_id = ${instance_id}::uuid`.execute(
    tx,
  )
  return await tx
    .updateTable('volume')
    .set({ host_id: target_host_id, version: sql<number>`version + 1` })
    .where('instance_id', '=', instance_id)
    .returning(['id', 'size_gib'])
    .execute()
}

export const migrationContent = { content, hostCpu, now, rehost }
