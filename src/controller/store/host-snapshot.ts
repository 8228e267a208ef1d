/**
 * Hosts as the scheduler wants them, and which of them have changed since they were read: ten thousand rows are not read for
 * each placement (docs/design/0010). A row's changed_xid is the transaction that changed it last, so what an earlier statement
 * could not see of it is told by that statement's snapshot (PostgreSQL manual, 9.27.3), whatever the order of commits.
 *
 * To read more of a host: columns of `host` (and what hangs on it) in `staticPart`, which is read again when host.changes has
 * grown; columns of `host_claim`, which changes with every placement, in `claimPart`. See migrations/0013 for what makes them grow.
 */
import { type RawBuilder, sql } from 'kysely'
import type { HostSnapshot } from '../scheduler/snapshot.ts'
import type { Db } from './database.ts'
import { promised } from './host-claim.ts'

/** What is promised of it. Read for every host that was placed on. */
type ClaimPart = Pick<HostSnapshot, 'vcpus_claimed' | 'memory_claimed_mib' | 'disk_claimed_gib' | 'disk_limit_gib'>
const claimPart: RawBuilder<unknown> = sql`
  'vcpus_claimed', ${promised.vcpus}, 'memory_claimed_mib', ${promised.memory_mib}, 'disk_claimed_gib', coalesce(p.claimed_gib, k.disk_gib),
  'disk_limit_gib', coalesce(p.total_gib, h.disk_limit_gib)`

/** The projects that an aggregate is for are told as its metadata. Who changes an aggregate bumps its hosts (store/aggregate.ts). */
const aggregates: RawBuilder<unknown> = sql`(
  select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name, 'metadata',
    case when a.restricted then a.metadata || jsonb_build_object('projects', coalesce(
      (select string_agg(p.project_id::text, ',' order by p.project_id) from aggregate_project p where p.aggregate_id = a.id), ''))
    else a.metadata end) order by a.id), '[]')
  from aggregate_host ah join aggregate a on a.id = ah.aggregate_id where ah.host_id = h.id)`

type StaticPart = Omit<HostSnapshot, keyof ClaimPart>
const staticPart: RawBuilder<unknown> = sql`
  'id', h.id, 'name', h.name, 'zone_id', c.zone_id, 'cluster_id', h.cluster_id,
  'answers', h.session_controller_id is not null, 'schedulable', h.schedulable, 'maintenance', exists (select from maintenance x where x.host_id = h.id),
  'arch', coalesce(h.facts->>'arch', 'unknown'), 'virtualisation', coalesce(h.facts->>'virtualisation', 'unknown'),
  'pool_id', h.pool_id, 'pool_shared', h.pool_id is not null and exists (
    select from host o where o.pool_id = h.pool_id and o.id <> h.id and o.removed_at is null),
  'cpu_flags', coalesce(h.facts->'cpu_flags', '[]') || coalesce(h.facts->'host_cpu'->'require', '[]'), 'labels', h.labels, 'aggregates', ${aggregates},
  'cpu_missing', case when (h.cpu_verdict->>'baseline')::int = c.cpu_baseline_version and not (h.cpu_verdict->>'fits')::boolean
    then h.cpu_verdict->'missing' end, 'cpu_baseline', c.cpu_baseline, 'cpu_models', h.facts->'cpu_models', 'host_cpu', h.facts->'host_cpu',
  'cpu_known', h.cpu_verdict->'known',
  'cpus', h.cpus, 'vcpus_limit', h.vcpus_limit, 'memory_limit_mib', h.memory_limit_mib`

/** How often each of the two rows was changed: greater is newer. */
interface Versions {
  host_changes: number
  claim_changes: number
}
const versions: RawBuilder<unknown> = sql`'host_changes', h.changes, 'claim_changes', k.changes + coalesce(p.changes, 0)`

/** Changed by the very transaction that reads it, so that nobody else may go by it. */
const own: RawBuilder<unknown> = sql`
  'own', coalesce(pg_current_xact_id_if_assigned() in (h.changed_xid, k.changed_xid, p.changed_xid), false)`

export interface ReadHost extends Versions {
  snapshot: HostSnapshot
  own: boolean
}

export interface ChangedHost extends Versions {
  id: string
  claims: ClaimPart
  removed: boolean
  own: boolean
}

type Row = Versions & { own: boolean; host: StaticPart; claims: ClaimPart }

/** These hosts, or all, in the order of ids, without those removed. */
async function read(db: Db, ids: readonly string[] | null): Promise<ReadHost[]> {
  const these = ids ? sql`and h.id = any(${[...ids]}::uuid[])` : sql``
  const { rows } = await sql<{ row: Row }>`
    select jsonb_build_object(${versions}, ${own}, 'host', jsonb_build_object(${staticPart}), 'claims', jsonb_build_object(${claimPart})) as row
    from host h join cluster c on c.id = h.cluster_id join host_claim k on k.host_id = h.id left join pool p on p.id = h.pool_id
    where h.removed_at is null ${these} order by h.id`.execute(db)
  return rows.map(({ row: { host, claims, ...rest } }) => ({ ...rest, snapshot: { ...host, ...claims } }))
}

/** What a statement sees, and the number of the transaction that it is of, once that has one: a lock is enough. */
const looked: RawBuilder<unknown> = sql`pg_current_snapshot()::text as snapshot, pg_current_xact_id_if_assigned()::text as own_xid`

interface Looked {
  snapshot: string
  own_xid: string | null
}

/**
 * A snapshot does not name its own transaction among those under way. What that changes later is to be told like all else that has
 * changed since, so it is named here. Form: 'xmin:xmax:' and the numbers, ascending (PostgreSQL manual, 9.27.3).
 */
export function seenBy({ snapshot, own_xid }: Looked): string {
  const [xmin = '1', xmax = '1', under_way = ''] = snapshot.split(':')
  if (own_xid === null || BigInt(own_xid) >= BigInt(xmax)) return snapshot
  const all = [...new Set([...under_way.split(',').filter(Boolean), own_xid])]
    .map(BigInt)
    .sort((one, other) => (one < other ? -1 : 1))
  const [first = 1n] = all
  return `${first < BigInt(xmin) ? first : xmin}:${xmax}:${all.join(',')}`
}

/** What a statement that begins now sees. */
async function now(db: Db): Promise<string> {
  const { rows } = await sql<Looked>`select ${looked}`.execute(db)
  return rows[0] ? seenBy(rows[0]) : '1:1:'
}

/** Greater than all there will be: a range with two ends that it does not know is taken for a narrow one by PostgreSQL (0.5 %), one with one end for a wide one. */
const last_xid = sql`'18446744073709551615'::xid8`

/** Hosts that were changed since a statement which saw `seen`, as they are now; and what this one sees. */
async function since(db: Db, seen: string): Promise<{ seen: string; hosts: ChangedHost[] }> {
  const unseen = (table: 'h' | 'k' | 'p') => {
    const xid = sql.ref(`${table}.changed_xid`)
    return sql`${xid} >= pg_snapshot_xmin(${seen}::pg_snapshot) and ${xid} <= ${last_xid}
      and not pg_visible_in_snapshot(${xid}, ${seen}::pg_snapshot)`
  }
  // By an array, and not by IN: PostgreSQL does not know how few they are, and would read all hosts to join them, 100 ms for 10,000.
  const { rows } = await sql<Looked & { hosts: ChangedHost[] | null }>`
    select ${looked}, (
      select json_agg(json_build_object('id', h.id, ${versions}, ${own}, 'removed', h.removed_at is not null,
        'claims', json_build_object(${claimPart})))
      from host h join host_claim k on k.host_id = h.id left join pool p on p.id = h.pool_id
      where h.id = any(array(
        select h.id from host h where ${unseen('h')} union select k.host_id from host_claim k where ${unseen('k')}
        union select h.id from pool p join host h on h.pool_id = p.id where ${unseen('p')}
      ))
    ) as hosts`.execute(db)
  const [row] = rows
  return { seen: row ? seenBy(row) : seen, hosts: row?.hosts ?? [] }
}

export const hostSnapshot = { read, now, since }
