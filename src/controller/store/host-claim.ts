/** What is claimed of hosts, exact at every moment. Not its job: what hosts have, and which of them to choose. */
import { type RawBuilder, sql } from 'kysely'
import { json, type Tx } from './database.ts'
import { type Beside, insertion } from './insert-rows.ts'

export interface Claim {
  host_id: string
  vcpus: number
  memory_mib: number
  disk_gib: number
  /** What of it is in hardware of its own, which hardwareClaim.insert notes after the claim: it takes CPUs and huge pages, not shares. */
  dedicated_vcpus?: number
  pinned_cpus?: number
  huge_mib?: number
}

/** CPUs that are somebody's own take their part of what may be promised, overcommit and all. */
const withoutPinned = (pinned: RawBuilder<unknown>) =>
  sql`case when ${pinned} = 0 then 0 else ceil(h.vcpus_limit::numeric * (${pinned}) / greatest(h.cpus, 1))::int end`

/** What is promised of vcpus_limit and memory_limit_mib of `h`, by its claim `k`; huge pages are promised as soon as they are set aside. */
export const promised = {
  vcpus: sql<number>`(k.vcpus - k.dedicated_vcpus + ${withoutPinned(sql`k.pinned_cpus`)})`,
  memory_mib: sql<number>`(k.memory_mib - k.huge_mib + h.huge_mib)`,
}

/**
 * Claims room on hosts, all or none: false, and nothing changed, when a host has not enough left, or is gone, answers no
 * longer or takes no new instances. Disk is counted in the host's pool, which other hosts may share. Rows are locked in the
 * order of ids, hosts' before pools', so that two transactions never wait for each other in a circle; one statement,
 * however many hosts. A host cannot be removed while it is claimed on: its row is shared with whoever changes anything but its name.
 * `kept` is added with what was claimed, or not at all.
 */
export async function claim(tx: Tx, claims: readonly Claim[], kept?: Beside): Promise<boolean> {
  const keep =
    kept && kept.rows.length > 0
      ? sql`kept as (${insertion(kept.table, kept.rows, sql`, verdict v where v.fits`)}), `
      : sql``
  const hosts = new Set(claims.map(one => one.host_id)).size
  const { rows } = await sql<{ fits: boolean }>`
    with asked as (${summed(claims)}), locked as materialized (
      select k.host_id, k.pool_id, a.vcpus, a.memory_mib, a.disk_gib, k.vcpus - k.dedicated_vcpus + a.vcpus - a.dedicated_vcpus
          + ${withoutPinned(sql`k.pinned_cpus + a.pinned_cpus`)} <= h.vcpus_limit
        and (a.memory_mib = a.huge_mib or ${promised.memory_mib} + a.memory_mib - a.huge_mib <= h.memory_limit_mib)
        and (k.pool_id is not null or k.disk_gib + a.disk_gib <= h.disk_limit_gib) as fits
      from asked a join host_claim k on k.host_id = a.host_id join host h on h.id = a.host_id
      where h.removed_at is null and h.schedulable and h.session_controller_id is not null
        and not exists (select from maintenance x where x.host_id = h.id)
      order by k.host_id for update of k for key share of h
    ), ${lockedPools}, verdict as materialized (
      select count(*) = ${hosts}::int and coalesce(bool_and(fits), true) and
        (select coalesce(bool_and(p.claimed_gib + p.disk_gib <= p.total_gib), true) from pools p where p.disk_gib > 0) as fits
      from locked
    ), pooled as (
      update pool p set claimed_gib = p.claimed_gib + s.disk_gib from pools s, verdict v
      where p.id = s.id and s.disk_gib <> 0 and v.fits
    ), ${keep}added as (
      update host_claim k set vcpus = k.vcpus + l.vcpus, memory_mib = k.memory_mib + l.memory_mib,
        disk_gib = k.disk_gib + case when l.pool_id is null then l.disk_gib else 0 end
      from locked l, verdict v where k.host_id = l.host_id and v.fits
    )
    select fits from verdict`.execute(tx)
  return rows[0]?.fits === true
}

/** After `locked` (pool_id, disk_gib): the pools in it with what is asked of each, locked. */
const lockedPools = sql`pools as materialized (
  select p.id, p.claimed_gib, p.total_gib, s.disk_gib from pool p join (
    select pool_id, sum(disk_gib)::bigint as disk_gib from locked where pool_id is not null group by pool_id
  ) s on s.pool_id = p.id order by p.id for update of p
)`

/** Claims by host. */
function summed(claims: readonly Claim[]): RawBuilder<unknown> {
  return sql`select host_id, sum(vcpus)::int as vcpus, sum(memory_mib)::bigint as memory_mib, sum(disk_gib)::bigint as disk_gib,
      coalesce(sum(dedicated_vcpus), 0)::int as dedicated_vcpus, coalesce(sum(pinned_cpus), 0)::int as pinned_cpus,
      coalesce(sum(huge_mib), 0)::bigint as huge_mib
    from jsonb_to_recordset(${json(claims)}) as r (host_id uuid, vcpus int, memory_mib bigint, disk_gib bigint, dedicated_vcpus int,
      pinned_cpus int, huge_mib bigint) group by host_id`
}

/** Locks hosts' claims, in the order in which everybody does: what is read of them afterwards stays so. */
export async function lockClaims(tx: Tx, host_ids: readonly string[]): Promise<void> {
  await sql`select from host_claim where host_id = any(${[...host_ids]}::uuid[]) order by host_id for update`.execute(
    tx,
  )
}

/** Claims room for what is on its host already, fit or not: it is there, and is to be reckoned with. */
export async function claimHeld(tx: Tx, claims: readonly Claim[]): Promise<void> {
  await add(tx, claims, 1)
}

/** What disks claim on one host is claimed on another from now on. Within one pool it stays counted where it is. */
export async function moveDisk(
  tx: Tx,
  { from, to, disk_gib }: { from: string; to: string; disk_gib: number },
): Promise<void> {
  if (disk_gib === 0) return
  await lockClaims(tx, [from, to])
  const { rows } = await sql<{ same: boolean }>`
    select coalesce(count(distinct pool_id) = 1 and count(pool_id) = 2, false) as same from host_claim
    where host_id in (${from}::uuid, ${to}::uuid)`.execute(tx)
  if (rows[0]?.same) return
  const disk = { vcpus: 0, memory_mib: 0, disk_gib }
  await release(tx, [{ host_id: from, ...disk }])
  await claimHeld(tx, [{ host_id: to, ...disk }])
}

/** Gives room back. */
export async function release(tx: Tx, claims: readonly Claim[]): Promise<void> {
  await add(tx, claims, -1)
}

async function add(tx: Tx, claims: readonly Claim[], sign: 1 | -1): Promise<void> {
  if (claims.length === 0) return
  await sql`
    with asked as (${summed(claims)}), locked as materialized (
      select k.host_id, k.pool_id, a.vcpus, a.memory_mib, a.disk_gib
      from host_claim k join asked a on a.host_id = k.host_id order by k.host_id for update of k
    ), ${lockedPools}, pooled as (
      update pool p set claimed_gib = p.claimed_gib + ${sign}::int * s.disk_gib from pools s where p.id = s.id and s.disk_gib <> 0
    )
    update host_claim k set vcpus = k.vcpus + ${sign}::int * l.vcpus, memory_mib = k.memory_mib + ${sign}::int * l.memory_mib,
      disk_gib = k.disk_gib + case when l.pool_id is null then ${sign}::int * l.disk_gib else 0 end
    from locked l where k.host_id = l.host_id`.execute(tx)
}

/**
 * A host says which pool its disks are in, and how large that is. What its volumes claim is counted there from now on. Of a host
 * that its caller has locked. True when it was another before.
 */
export async function setPool(
  tx: Tx,
  host_id: string,
  pool: { id: string; total_gib: number; free_gib: number },
): Promise<boolean> {
  const claimed = await sql<{ pool_id: string | null; disk_gib: number }>`
    select pool_id, disk_gib from host_claim where host_id = ${host_id}`.execute(tx)
  const same = claimed.rows[0]?.pool_id === pool.id
  // Only when it moves are its claims to stand still.
  if (!same) await sql`select from host_claim where host_id = ${host_id} for update`.execute(tx)
  await sql`insert into pool (id, total_gib, free_gib) values (${pool.id}, ${pool.total_gib}, ${pool.free_gib})
    on conflict (id) do update set total_gib = excluded.total_gib, free_gib = excluded.free_gib
    where (pool.total_gib, pool.free_gib) is distinct from (excluded.total_gib, excluded.free_gib)`.execute(tx)
  if (same) return false
  // What it claims of disk, in whichever pool that was counted: the volumes that are placed on it, and the room that moves hold on it
  // (the target's before the switch, the source's after it), which they give back when they end.
  await sql`
    with mine as (
      select k.pool_id, coalesce((select sum(size_gib) from volume where host_id = ${host_id}), 0)::bigint
        + coalesce((select sum(m.disk_gib) from migration m where (m.source_host_id = ${host_id} and m.phase = 'leaving')
          or (m.target_host_id = ${host_id} and m.phase in ('preparing', 'sending', 'discarding'))), 0)::bigint as disk_gib
      from host_claim k where k.host_id = ${host_id}
    ), locked as materialized (
      select p.id, case when p.id = ${pool.id} then m.disk_gib else -m.disk_gib end as disk_gib
      from pool p, mine m where p.id in (${pool.id}, m.pool_id) order by p.id for update of p
    ), moved as (
      update pool p set claimed_gib = p.claimed_gib + l.disk_gib from locked l where p.id = l.id
    ), named as (
      update host set pool_id = ${pool.id}, changes = changes + 1 where id = ${host_id}
    )
    update host_claim set pool_id = ${pool.id}, disk_gib = 0 where host_id = ${host_id}`.execute(tx)
  // Whether they share it is read of each of its hosts.
  await sql`update host set changes = changes + 1 where pool_id = ${pool.id} and id <> ${host_id} and removed_at is null`.execute(
    tx,
  )
  return true
}
