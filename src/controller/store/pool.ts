/**
 * Pools in the database, and what follows from sharing one. What is claimed of them is host-claim.ts's.
 *
 * For whoever moves an instance to another host:
 *   pool.volumesToCopy(db, instance_id, target_host_id) → { id, size_gib }[]: whose content the target does not reach;
 *     the target claims their sizes and no more disk, and the source gives these back at the end.
 *   pool.moveVolumes(tx, instance_id, target_host_id): in the transaction in which the instance becomes the target's.
 * Two hosts share a pool when both name the same one; a host that named none shares nothing.
 */
import { sql } from 'kysely'
import type { Pool } from '../../api/pool.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

const hosts = sql<Pool['hosts']>`(
  select coalesce(json_agg(json_build_object('id', h.id, 'name', h.name,
    'state', case when h.session_controller_id is null then 'unreachable' else 'up' end) order by h.name), '[]')
  from host h where h.pool_id = p.id and h.removed_at is null)`.as('hosts')

const volumes = sql<number>`(
  select count(*) from volume v join host h on h.id = v.host_id where h.pool_id = p.id)::int`.as('volumes')

const shared = sql<boolean>`((select count(*) from host h where h.pool_id = p.id and h.removed_at is null) > 1)`

function selectPools(db: Db) {
  return db.selectFrom('pool as p').selectAll('p').select([hosts, volumes])
}

function toPool(row: Awaited<ReturnType<ReturnType<typeof selectPools>['execute']>>[number]): Pool {
  const { id, total_gib, free_gib, claimed_gib } = row
  const { hosts: sharing, volumes: count, created_at } = row
  return {
    id,
    shared: sharing.length > 1,
    total_gib,
    free_gib,
    claimed_gib,
    volumes: count,
    hosts: sharing,
    created_at: created_at.toISOString(),
  }
}

async function list(db: Db, asked: PageAsked & { shared?: boolean | undefined }): Promise<Page<Pool>> {
  const keys = keyset(asked, sql`p.id`, {})
  let query = selectPools(db).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.shared !== undefined) query = query.where(shared, '=', asked.shared)
  return readPage(query, keys, toPool)
}

async function find(db: Db, id: string): Promise<Pool | null> {
  const row = await selectPools(db).where('p.id', '=', id).executeTakeFirst()
  return row ? toPool(row) : null
}

async function ofHost(db: Db, host_id: string): Promise<Pool | null> {
  const row = await selectPools(db)
    .innerJoin('host as mine', 'mine.pool_id', 'p.id')
    .where('mine.id', '=', host_id)
    .executeTakeFirst()
  return row ? toPool(row) : null
}

/** Of an instance's volumes those that the target host does not reach, in the order of ids. */
async function volumesToCopy(
  db: Db,
  instance_id: string,
  target_host_id: string,
): Promise<{ id: string; size_gib: number }[]> {
  const { rows } = await sql<{ id: string; size_gib: number }>`
    select v.id, v.size_gib from volume v join host h on h.id = v.host_id join host t on t.id = ${target_host_id}
    where v.instance_id = ${instance_id} and v.host_id <> t.id and (h.pool_id is null or h.pool_id is distinct from t.pool_id)
    order by v.id`.execute(db)
  return rows
}

/** The volumes of an instance are on its new host from now on. Claims are the caller's. */
async function moveVolumes(tx: Tx, instance_id: string, target_host_id: string): Promise<void> {
  await tx
    .updateTable('volume')
    .set({ host_id: target_host_id, version: sql<number>`version + 1` })
    .where('instance_id', '=', instance_id)
    .where('host_id', 'is not', null)
    .where('host_id', '!=', target_host_id)
    .execute()
}

/**
 * Whoever takes a host out does it alone in its pool until the transaction ends, so that what it leaves goes to none that is being taken out, too.
 * Before the host itself: who waits here holds nothing that another needs.
 */
async function lockOfHost(tx: Tx, host_id: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('croft.pool ' || pool_id, 0)) from host where id = ${host_id} and pool_id is not null`.execute(
    tx,
  )
}

/** Another host that reaches the disks of this one, preferably one that answers now, and that is not taken out before the transaction ends; null: there is none. */
async function neighbour(tx: Tx, host_id: string, must_answer: boolean): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select n.id from host h join host n on n.pool_id = h.pool_id and n.id <> h.id and n.removed_at is null
    where h.id = ${host_id} and (n.session_controller_id is not null or not ${must_answer}::boolean)
    order by n.session_controller_id is null, n.id limit 1 for share of n`.execute(tx)
  return rows[0]?.id ?? null
}

async function answers(db: Db, host_id: string): Promise<boolean> {
  const row = await db.selectFrom('host').select('session_controller_id').where('id', '=', host_id).executeTakeFirst()
  return row?.session_controller_id != null
}

/** A volume that no instance has is seen to by another host of its pool from now on; its room stays claimed where it is. */
async function rehome(tx: Tx, volume_ids: readonly string[], host_id: string): Promise<void> {
  await tx
    .updateTable('volume')
    .set({ host_id })
    .where(sql<boolean>`id = any(${[...volume_ids]}::uuid[])`)
    .execute()
}

export const pool = { list, find, ofHost, volumesToCopy, moveVolumes, lockOfHost, neighbour, answers, rehome }
