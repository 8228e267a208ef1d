/** What is claimed of hosts, exact at every moment. Not its job: what hosts have, and which of them to choose. */
import { type RawBuilder, sql } from 'kysely'
import { json, type Tx } from './database.ts'

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
 * longer or takes no new instances. Rows are locked in the order of ids, so that two transactions never wait for each
 * other in a circle; two statements, however many hosts. A host cannot be removed while it is claimed on: its row is shared
 * with whoever changes anything but its name.
 */
export async function claim(tx: Tx, claims: readonly Claim[]): Promise<boolean> {
  const { rows } = await sql<{ fits: boolean }>`
    with asked as (${summed(claims)})
    select k.vcpus - k.dedicated_vcpus + a.vcpus - a.dedicated_vcpus
        + ${withoutPinned(sql`k.pinned_cpus + a.pinned_cpus`)} <= h.vcpus_limit
      and (a.memory_mib = a.huge_mib or ${promised.memory_mib} + a.memory_mib - a.huge_mib <= h.memory_limit_mib)
      and k.disk_gib + a.disk_gib <= h.disk_limit_gib as fits
    from asked a join host_claim k on k.host_id = a.host_id join host h on h.id = a.host_id
    where h.removed_at is null and h.schedulable and h.session_controller_id is not null
      and not exists (select from maintenance x where x.host_id = h.id)
    order by k.host_id for update of k for key share of h`.execute(tx)
  const hosts = new Set(claims.map(one => one.host_id))
  const fits = rows.length === hosts.size && rows.every(row => row.fits)
  if (fits) await add(tx, claims, 1)
  return fits
}

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

/** Gives room back. */
export async function release(tx: Tx, claims: readonly Claim[]): Promise<void> {
  await add(tx, claims, -1)
}

async function add(tx: Tx, claims: readonly Claim[], sign: 1 | -1): Promise<void> {
  if (claims.length === 0) return
  await sql`
    with asked as (${summed(claims)}), locked as materialized (
      select k.host_id from host_claim k join asked on asked.host_id = k.host_id order by k.host_id for update of k
    )
    update host_claim k set vcpus = k.vcpus + ${sign}::int * a.vcpus, memory_mib = k.memory_mib + ${sign}::int * a.memory_mib,
      disk_gib = k.disk_gib + ${sign}::int * a.disk_gib
    from asked a join locked l on l.host_id = a.host_id where k.host_id = a.host_id`.execute(tx)
}
