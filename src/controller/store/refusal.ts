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

/** It has been seen to. Its volumes are made anew where it is now: nothing was ever written to them. */
async function forget(tx: Tx, id: string): Promise<void> {
  await sql`update instance_observed set refused = false where instance_id = ${id}::uuid`.execute(tx)
  await sql`update volume set made = false where instance_id = ${id}::uuid and made`.execute(tx)
}

export const refusal = { due, of, tried, forget }
