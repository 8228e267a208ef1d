/** CPUs of hosts, and what those of a cluster have in common, in the database. */
import { sql } from 'kysely'
import type { CpuVerdict, HostCpu } from '../../protocol/host-cpu.ts'
import { type Db, json, type Tx } from './database.ts'

export interface CpuHost {
  id: string
  name: string
  linked: boolean
  cpu: HostCpu | null
}

async function hostsOf(db: Db, cluster_id: string): Promise<CpuHost[]> {
  const { rows } = await sql<CpuHost>`select id, name, session_controller_id is not null as linked,
      nullif(facts->'host_cpu', 'null') as cpu
    from host where cluster_id = ${cluster_id} and removed_at is null order by id`.execute(db)
  return rows
}

/** Null takes it away. What the scheduler knows of the cluster's hosts has changed with it. */
async function set(tx: Tx, cluster_id: string, cpu: HostCpu | null): Promise<void> {
  await sql`update cluster set cpu_baseline = ${cpu === null ? sql`null` : json(cpu)},
    cpu_baseline_version = cpu_baseline_version + 1, cpu_baseline_at = croft_now() where id = ${cluster_id}`.execute(tx)
  await sql`update host set changes = changes + 1 where cluster_id = ${cluster_id} and removed_at is null`.execute(tx)
}

/** Clusters that never had one, and have hosts enough for one. */
async function due(db: Db, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select c.id from cluster c where c.cpu_baseline_version = 0 and (
      select count(*) from host h where h.cluster_id = c.id and h.session_controller_id is not null and h.facts ? 'host_cpu'
    ) > 1 order by c.id limit ${limit}`.execute(db)
  return rows.map(row => row.id)
}

export interface Unasked {
  id: string
  cluster_id: string
  baseline: HostCpu
  version: number
}

/** Linked hosts that have not said yet whether they carry their cluster's baseline. */
async function unasked(db: Db, limit: number): Promise<Unasked[]> {
  const { rows } =
    await sql<Unasked>`select h.id, c.id as cluster_id, c.cpu_baseline as baseline, c.cpu_baseline_version as version
    from host h join cluster c on c.id = h.cluster_id
    where c.cpu_baseline is not null and h.session_controller_id is not null and h.removed_at is null
      and (h.cpu_verdict->>'baseline')::int is distinct from c.cpu_baseline_version and h.facts ? 'host_cpu'
    order by h.id limit ${limit}`.execute(db)
  return rows
}

/** Of so many CPUs that its cluster had it is kept what a host has said of them: instances keep theirs. */
const known_max = 8

/** `key`: of the baseline (cpuKey). False when the cluster has another baseline by now. */
async function noteVerdict(
  tx: Tx,
  { id, cluster_id, version }: Unasked,
  key: string,
  verdict: CpuVerdict,
): Promise<boolean> {
  const { numAffectedRows } = await sql`update host h
    set changes = h.changes + 1, cpu_verdict = ${json({ ...verdict, baseline: version })} || jsonb_build_object('known',
      jsonb_build_array(${json({ key, ...verdict })}) || coalesce((
        select jsonb_agg(k.said order by k.n) from jsonb_array_elements(h.cpu_verdict->'known') with ordinality k (said, n)
        where k.said->>'key' <> ${key} and k.n < ${known_max}), '[]'))
    from cluster c where h.id = ${id} and c.id = ${cluster_id} and h.cluster_id = c.id and c.cpu_baseline_version = ${version}`.execute(
    tx,
  )
  return numAffectedRows === 1n
}

/** Instances of the cluster that have another CPU, in number and some by name. */
async function others(
  db: Db,
  cluster_id: string,
  cpu: HostCpu,
): Promise<{ count: number; examples: { id: string; name: string }[] }> {
  const same = json({ require: cpu.require, disable: cpu.disable })
  const these = sql`from instance i join host h on h.id = i.host_id where h.cluster_id = ${cluster_id}
    and i.deleted_at is null and (i.cpu_model <> ${cpu.model} or i.cpu_features is distinct from ${same})`
  const counted = await sql<{ n: number }>`select count(*)::int as n ${these}`.execute(db)
  const { rows } = await sql<{ id: string; name: string }>`select i.id, i.name ${these} order by i.id limit 20`.execute(
    db,
  )
  return { count: counted.rows[0]?.n ?? 0, examples: rows }
}

export const cpuBaseline = { hostsOf, set, due, unasked, noteVerdict, others }
