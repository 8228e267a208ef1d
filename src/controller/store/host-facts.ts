/** What hosts say of themselves, as it is written: facts, what may be promised of them, where others reach them, their hardware and pool. */
import { type RawBuilder, sql } from 'kysely'
import type { HostFacts } from '../../protocol/host-facts.ts'
import { json, type Tx } from './database.ts'
import { event } from './event.ts'
import { tunnelAddressOf } from './host-belief.ts'
import { setPool } from './host-claim.ts'
import { hostHardware, hugeMibOf } from './host-hardware.ts'
import { limitsOf } from './host-limits.ts'
import { hostReach } from './host-reach.ts'
import { isOfPool } from './host-trust.ts'

/**
 * What it says, with what it said before of its CPU where it says nothing of that: an agent that has just begun may not have its hypervisor's answer
 * yet. Not when the machine is another one. `before`, `said`: facts.
 */
const withCpuOf = (before: RawBuilder<unknown>, said: RawBuilder<unknown>) => sql`(case
    when ${before}->'cpu_model' = ${said}->'cpu_model' and ${before}->'virtualisation' = ${said}->'virtualisation' then coalesce((
      select jsonb_object_agg(k.name, ${before}->k.name) from unnest(array['host_cpu', 'cpu_models']) as k (name)
      where jsonb_typeof(${before}->k.name) <> 'null'), '{}') else '{}' end || ${said})`
/** Of another CPU it has to be asked anew (reconcilers/cpu-baseline.ts). */
const verdictWith = (facts: RawBuilder<unknown>) =>
  sql`case when host.facts->'host_cpu' is not distinct from ${facts}->'host_cpu' then host.cpu_verdict end`

/** What it says of itself; as far as it is believed (host-belief.ts), it counts. True: where others reach it is to be found out. */
export async function setFacts(tx: Tx, id: string, said: HostFacts, reserved_mib: number): Promise<boolean> {
  const { pool_secret, ...facts } = said
  const row = await tx
    .selectFrom('cluster')
    .innerJoin('host', 'host.cluster_id', 'cluster.id')
    .leftJoin('pool', 'pool.id', 'host.pool_id')
    .select(['cpu_overcommit', 'memory_overcommit', 'reserved_memory_mib', 'reserved_vcpus'])
    .select(['host.tunnel_address', 'host.link_address', 'host.pool_id', 'pool.secret_sha256'])
    .where('host.id', '=', id)
    .executeTakeFirstOrThrow()
  const tunnel_address = tunnelAddressOf(row, facts.tunnel_address)
  const told = withCpuOf(sql`host.facts`, sql`said.facts`)
  await tx
    .updateTable('host')
    .from(sql<{ facts: unknown }>`(select ${json(facts)} as facts)`.as('said'))
    .set({
      facts: told,
      tunnel_address,
      cpus: facts.cpus,
      huge_mib: hugeMibOf(facts),
      ...limitsOf(facts, row, reserved_mib),
      cpu_verdict: verdictWith(told),
    })
    .where('host.id', '=', id)
    .execute()
  await hostHardware.note(tx, [{ host_id: id, facts }])
  const { pool_id, pool_total_gib: total_gib, pool_free_gib: free_gib, boot_id } = facts
  if (pool_id !== undefined) {
    const counts = isSettledPool(row, said) || (await isOfPool(tx, id, { pool_id, pool_secret }))
    if (counts && (await setPool(tx, id, { id: pool_id, total_gib, free_gib })))
      await event.record(tx, [{ noun: 'pool', kind: 'changed', resource_id: pool_id, project_id: null }])
  }
  return await hostReach.forgetOther(tx, id, { address: tunnel_address ?? row.link_address, boot_id })
}

/** It is known to be of the pool that it names, and has nothing to say about it that is not known. */
function isSettledPool(
  row: { pool_id: string | null; secret_sha256: Buffer | null },
  { pool_id, pool_secret }: HostFacts,
): boolean {
  return row.pool_id === pool_id && (row.secret_sha256 !== null || pool_secret === undefined)
}

interface Said {
  host_id: string
  facts: HostFacts
  reserved_mib: number
  link_address: string | null
}

/**
 * What many hosts say of themselves as their links begin, in a few statements. Locks them, in the order of their ids. Returns those of which it
 * is written, and whether it is to be found out where others reach them. The others are in a pool that has to be looked at: setFacts does.
 */
export async function setFactsOfMany(tx: Tx, said: readonly Said[]): Promise<Map<string, { is_unreached: boolean }>> {
  const told = new Map(said.map(one => [one.host_id, one]))
  const facts = json(said.map(({ host_id, facts: { pool_secret: _, ...own } }) => ({ host_id, facts: own })))
  const { rows } = await sql<FactsRow>`
    with said as materialized (select * from jsonb_to_recordset(${facts}) as s (host_id uuid, facts jsonb)),
    locked as materialized (
      select h.* from host h where h.id in (select host_id from said) and h.removed_at is null order by h.id for no key update of h
    )
    select l.id, coalesce(l.facts = ${withCpuOf(sql`l.facts`, sql`s.facts`)}, false) as has_same_facts, c.cpu_overcommit, c.memory_overcommit, l.reserved_memory_mib,
      l.reserved_vcpus, l.vcpus_limit, l.memory_limit_mib, l.disk_limit_gib, l.tunnel_address, l.pool_id, p.secret_sha256,
      r.address as reached_at, r.boot_id as reached_boot_id
    from locked l join said s on s.host_id = l.id join cluster c on c.id = l.cluster_id
    left join pool p on p.id = l.pool_id left join host_reach r on r.host_id = l.id`.execute(tx)
  const found = rows.flatMap(row => {
    const one = told.get(row.id)
    if (!one) return []
    const { facts } = one
    if (facts.pool_id !== undefined && !(row.has_same_facts && isSettledPool(row, facts))) return []
    return [{ ...one, row, ...derived(row, one) }]
  })
  const changed = found.filter(one => !one.is_same)
  if (changed.length > 0) {
    const rows_now = json(
      changed.map(({ host_id, facts: { pool_secret: _, ...own }, now }) => ({ host_id, facts: own, ...now })),
    )
    const now = withCpuOf(sql`host.facts`, sql`s.facts`)
    await sql`update host set facts = ${now}, tunnel_address = s.tunnel_address, cpus = s.cpus, huge_mib = s.huge_mib,
        vcpus_limit = s.vcpus_limit, memory_limit_mib = s.memory_limit_mib, disk_limit_gib = s.disk_limit_gib,
        cpu_verdict = ${verdictWith(now)}
      from jsonb_to_recordset(${rows_now}) as s (host_id uuid, facts jsonb, tunnel_address text, cpus int, huge_mib bigint, vcpus_limit int,
        memory_limit_mib bigint, disk_limit_gib bigint) where host.id = s.host_id`.execute(tx)
  }
  if (found.length > 0) await hostHardware.note(tx, found)
  const moved = found.filter(one => one.is_unreached && one.row.reached_at !== null).map(one => one.host_id)
  if (moved.length > 0) await sql`delete from host_reach where host_id = any(${moved}::uuid[])`.execute(tx)
  return new Map(found.map(one => [one.host_id, one]))
}

type FactsRow = Parameters<typeof limitsOf>[1] &
  ReturnType<typeof limitsOf> & {
    id: string
    has_same_facts: boolean
    tunnel_address: string | null
    pool_id: string | null
    secret_sha256: Buffer | null
    reached_at: string | null
    reached_boot_id: string | null
  }

/** What follows from what a host says, and whether all of it is so already. */
function derived(row: FactsRow, { facts, reserved_mib, link_address }: Said) {
  const { tunnel_address } = row
  const now = {
    tunnel_address: tunnelAddressOf({ tunnel_address, link_address }, facts.tunnel_address),
    cpus: facts.cpus,
    huge_mib: hugeMibOf(facts),
    ...limitsOf(facts, row, reserved_mib),
  }
  const is_same =
    row.has_same_facts &&
    now.tunnel_address === tunnel_address &&
    now.vcpus_limit === row.vcpus_limit &&
    now.memory_limit_mib === row.memory_limit_mib &&
    now.disk_limit_gib === row.disk_limit_gib
  const is_reached = row.reached_at === (now.tunnel_address ?? link_address) && row.reached_boot_id === facts.boot_id
  return { now, is_same, is_unreached: row.reached_at === null || !is_reached }
}
