/**
 * Where instances belong of which hosts hold other things than the database knows, after it was restored from an older backup: the marks
 * that keep them from being told to anybody, and what says where they are. What hosts hold is held.ts.
 */
import { sql } from 'kysely'
import { type Db, json, type Tx } from './database.ts'
import { type HeldRow, toRow } from './held.ts'
import type { MigrationRow } from './migration.ts'

/**
 * Whether the host has heard of more changes to what is placed on it than the database counts, or had counted when its last link ended: what it
 * did itself since then hides nothing. From now on these count as well, so that it is said once.
 */
async function passHeard(
  tx: Tx,
  host_id: string,
  heard_as_of: number,
  counted_at_end: number | null,
): Promise<boolean> {
  const { rows } = await sql`update host_claim set passed = ${heard_as_of}::bigint - changes
    where host_id = ${host_id} and changes + passed < ${heard_as_of}::bigint returning host_id`.execute(tx)
  return rows.length > 0 || (counted_at_end !== null && counted_at_end < heard_as_of)
}

/**
 * Of a held instance `d` and its row `i`: where it belongs is not known, so its hosts are told nothing of it. A host that is not the
 * row's counts only when it was told of it later: an older word is one that did not reach it.
 */
const isInDoubt = sql<boolean>`((d.kind in ('missing', 'moving') and d.host_id = i.host_id)
  or (d.kind = 'missing' and exists (select from migration m
    where m.instance_id = i.id and m.target_host_id = d.host_id and m.phase in ('preparing', 'sending')))
  or (d.kind = 'elsewhere' and d.placement > i.placement and (d.step is distinct from 'prepare' or d.here)))`

/** Of an instance's row `i`. */
export const inDoubt = sql<boolean>`(i.held_generation is not null and exists (
  select from held_instance d where d.instance_id = i.id and ${isInDoubt}))`

export interface Marked {
  id: string
  host_id: string
  project_id: string
}

/** Brings the marks of these instances to what hosts hold of them; returns those whose mark has come or gone. */
async function mark(tx: Tx, ids: readonly string[]): Promise<Marked[]> {
  if (ids.length === 0) return []
  // Another host may be saying something of the same ones: what it has said is seen only by what begins after it.
  await sql`select from instance where id = any(${[...ids]}::uuid[]) order by id for no key update`.execute(tx)
  const { rows } = await sql<Marked>`
    with now as (
      select i.id, (select max(greatest(d.generation, 0)) from held_instance d
        where d.instance_id = i.id and (d.kind = 'ahead' or ${isInDoubt})) as generation
      from instance i where i.id = any(${[...ids]}::uuid[])
    )
    update instance i set held_generation = n.generation, version = i.version + 1
    from now n where i.id = n.id and i.held_generation is distinct from n.generation
    returning i.id, i.host_id, i.project_id`.execute(tx)
  return rows
}

/** The hosts that have a part in moving these. */
async function moversOf(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ host_id: string }>`
    select source_host_id as host_id from migration where instance_id = any(${[...ids]}::uuid[]) and phase <> 'ended'
    union select target_host_id from migration where instance_id = any(${[...ids]}::uuid[]) and phase <> 'ended'`.execute(
    tx,
  )
  return rows.map(row => row.host_id)
}

/** At least that: its host was told of it. */
async function setPlacement(tx: Tx, id: string, placement: number): Promise<void> {
  await sql`update instance set placement = greatest(placement, ${placement}::bigint) where id = ${id}`.execute(tx)
}

/** The host was told of them later than the database knows: they came back to it. */
async function passPlacements(
  tx: Tx,
  host_id: string,
  ones: readonly { id: string; placement: number }[],
): Promise<void> {
  if (ones.length === 0) return
  await sql`update instance i set placement = r.placement from jsonb_to_recordset(${json(ones)}) as r (id uuid, placement bigint)
    where i.id = r.id and i.host_id = ${host_id} and i.placement < r.placement`.execute(tx)
}

export interface Unsettled {
  id: string
  host_id: string
  placement: number
  /** The row's host has a link, and so has said what it holds. */
  is_linked: boolean
  holds: Pick<HeldRow, 'host_id' | 'kind' | 'placement' | 'step' | 'migration_id' | 'here'>[]
  /** Its open moves. */
  moves: Pick<MigrationRow, 'id' | 'phase' | 'source_host_id' | 'target_host_id'>[]
}

/** Instances that hosts hold otherwise than where they are placed, or of these ids those, with all that says where they belong. */
async function unsettled(db: Db, ids?: readonly string[]): Promise<Unsettled[]> {
  const { rows } = await sql<Unsettled>`
    select i.id, i.host_id, i.placement, h.session_controller_id is not null as is_linked,
      (select json_agg(json_build_object('host_id', d.host_id, 'kind', d.kind, 'placement', d.placement, 'step', d.step,
          'migration_id', d.migration_id, 'here', d.here) order by d.host_id)
        from held_instance d where d.instance_id = i.id) as holds,
      (select coalesce(json_agg(json_build_object('id', m.id, 'phase', m.phase, 'source_host_id', m.source_host_id,
          'target_host_id', m.target_host_id) order by m.id), '[]')
        from migration m where m.instance_id = i.id and m.phase <> 'ended') as moves
    from instance i join host h on h.id = i.host_id
    where exists (select from held_instance d where d.instance_id = i.id and d.kind in ('missing', 'moving', 'elsewhere'))
      ${ids ? sql`and i.id = any(${[...ids]}::uuid[])` : sql``}
    order by i.id`.execute(db)
  return rows
}

/** What hosts have made ready for instances that are not known here, and that never came. */
async function halfCome(db: Db): Promise<HeldRow[]> {
  const rows = await db
    .selectFrom('held_instance as d')
    .selectAll()
    .where('kind', '=', 'orphaned')
    .where('step', '=', 'prepare')
    .where(sql<boolean>`not here and not purging and wanted is not null`)
    .where(
      sql<boolean>`not exists (select from migration m where m.instance_id = d.instance_id and m.target_host_id = d.host_id
        and m.phase <> 'ended')`,
    )
    .orderBy('instance_id')
    .execute()
  return rows.map(toRow)
}

/** All hosts that have to do with these instances: who settles them asks them anew, and so locks them before anything else. */
async function hostsOf(db: Db, ids: readonly string[]): Promise<string[]> {
  const given = sql`any(${[...ids]}::uuid[])`
  const { rows } = await sql<{ id: string }>`
    select host_id as id from instance where id = ${given}
    union select unnest(array[host_id, (wanted->'migration'->>'peer_host_id')::uuid]) from held_instance where instance_id = ${given}`.execute(
    db,
  )
  return rows.flatMap(row => row.id ?? [])
}

/** Another host that holds what this one holds and the database does not know, in the same pool; or null. */
async function sharingOrphan(tx: Tx, host_id: string, instance_id: string): Promise<string | null> {
  const { rows } = await sql<{ host_id: string }>`
    select d.host_id from held_instance d join host h on h.id = d.host_id join host mine on mine.id = ${host_id}
    where d.instance_id = ${instance_id} and d.host_id <> ${host_id} and not d.purging and h.pool_id = mine.pool_id
    order by d.host_id`.execute(tx)
  return rows[0]?.host_id ?? null
}

/** Its host is sending it away, as the record that was made anew is not to hide. */
async function keepMoving(tx: Tx, host_id: string, instance_id: string): Promise<void> {
  await tx
    .updateTable('held_instance')
    .set({ kind: 'moving' })
    .where('host_id', '=', host_id)
    .where('instance_id', '=', instance_id)
    .execute()
}

/** These hosts say anew what they hold, on a new link: their present ones end. */
async function askAgain(tx: Tx, host_ids: readonly string[]): Promise<void> {
  await sql`update host set session_epoch = session_epoch + 1, counted_epoch = counted_epoch + 1 where id in (
    select id from host where id = any(${[...host_ids]}::uuid[]) order by id for no key update)`.execute(tx)
}

export const heldPlace = {
  passHeard,
  mark,
  moversOf,
  passPlacements,
  setPlacement,
  unsettled,
  halfCome,
  hostsOf,
  sharingOrphan,
  keepMoving,
  askAgain,
}
