/** In which cluster a host is, and its going to another one. The rules for that: app/host-cluster.ts. */
import { sql } from 'kysely'
import type { Tx } from './database.ts'

export interface HostPlace {
  name: string
  cluster_id: string
  cluster: string
  zone_id: string
  in_maintenance: boolean
}

/** The host is there, and locked. */
async function of(tx: Tx, id: string): Promise<HostPlace> {
  const { rows } = await sql<HostPlace>`
    select h.name, c.id as cluster_id, c.name as cluster, c.zone_id, x.host_id is not null as in_maintenance
    from host h join cluster c on c.id = h.cluster_id left join maintenance x on x.host_id = h.id where h.id = ${id}`.execute(
    tx,
  )
  const [row] = rows
  if (!row) throw new Error('the host was not locked')
  return row
}

/** It stays, and stays where it is, until the end of the transaction. */
async function lock(tx: Tx, cluster_id: string): Promise<{ name: string; zone_id: string } | null> {
  const row = await tx
    .selectFrom('cluster')
    .select(['name', 'zone_id'])
    .where('id', '=', cluster_id)
    .forShare()
    .executeTakeFirst()
  return row ?? null
}

/** What was found out for the cluster of before says nothing in this one: its CPU's verdict, and which others reach it. */
async function set(tx: Tx, id: string, cluster_id: string): Promise<void> {
  await sql`update host set cluster_id = ${cluster_id}::uuid, cpu_verdict = null where id = ${id}`.execute(tx)
  await sql`delete from host_reach where host_id = ${id}`.execute(tx)
}

export const hostCluster = { of, lock, set }
