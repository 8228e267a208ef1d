/** Instances whose hosts said that they cannot bring them up, and which have never run. */
import { sql } from 'kysely'
import type { Db, Tx } from './database.ts'

export interface Refusal {
  failure: string
}

const isRefused = sql`s.refused and not s.ever_ran and s.failure is not null and s.applied_generation >= i.generation
  and i.deleted_at is null and i.wanted_power = 'running' and i.held_generation is null
  and not exists (select from migration m where m.instance_id = i.id and m.phase in ('preparing', 'sending'))`

async function due(db: Db, limit: number, but: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select i.id from instance_observed s join instance i on i.id = s.instance_id where ${isRefused} and i.id <> all(${[...but]}::uuid[])
    order by i.id limit ${limit}`.execute(db)
  return rows.map(row => row.id)
}

/** Null: it is not (any more). Who acts on it has locked the instance. */
async function of(db: Db, id: string): Promise<Refusal | null> {
  const { rows } = await sql<Refusal>`
    select s.failure from instance_observed s join instance i on i.id = s.instance_id
    where i.id = ${id}::uuid and ${isRefused}`.execute(db)
  return rows[0] ?? null
}

/** Hosts that have refused it before the one that it is on. */
async function tried(tx: Tx, id: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('migration')
    .select('source_host_id')
    .where('instance_id', '=', id)
    .where('cause', '=', 'refused')
    .execute()
  return rows.map(row => row.source_host_id)
}

/** The pool of the host, if another host has it, too. */
async function poolShared(tx: Tx, host_id: string): Promise<string | null> {
  const { rows } = await sql<{ pool_id: string }>`
    select h.pool_id from host h where h.id = ${host_id}::uuid
      and exists (select from host x where x.pool_id = h.pool_id and x.id <> h.id and x.removed_at is null)`.execute(tx)
  return rows[0]?.pool_id ?? null
}

/** It has been seen to. What is known to be on a volume from before stays known: only so is nothing made in its place where it is missing. */
async function forget(tx: Tx, id: string): Promise<void> {
  await sql`update instance_observed set refused = false where instance_id = ${id}::uuid`.execute(tx)
}

export const refusal = { due, of, tried, poolShared, forget }
