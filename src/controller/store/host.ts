/** Hosts in the database: what they have, what is claimed of it, and which controller holds their link. */
import { sql } from 'kysely'
import type { Static } from 'typebox'
import type { Host } from '../../api/host.ts'
import { hostAvailability } from '../../model/host-state.ts'
import type { ForeignDomain, HostFacts } from '../../protocol/messages.ts'
import { type AbsenceRow, absence } from './absence.ts'
import { type Db, json, type Tx } from './database.ts'
import { event } from './event.ts'
import { claim, claimHeld, promised, release, setPool } from './host-claim.ts'
import { hostHardware, hugeMibOf } from './host-hardware.ts'
import { limitsOf } from './host-limits.ts'
import { hostLink } from './host-link.ts'
import { keyset, type Page, type PageAsked } from './page.ts'

/** What the host holds beyond the database; empty but after a restore. */
const disagreements = sql<Host['disagreements']>`(
  select coalesce(json_agg(json_build_object(
      'instance_id', d.instance_id, 'name', coalesce(i.name, d.wanted->'metadata'->>'name'), 'kind', d.kind,
      'host_wants', d.power, 'purging', d.purging,
      'project_id', coalesce(i.project_id::text, d.wanted->'metadata'->>'project_id'),
      'database_wants', case when i.purging then 'purged' when i.deleted_at is not null then 'deleted' else i.wanted_power end
    ) order by d.instance_id), '[]')
  from held_instance d left join instance i on i.id = d.instance_id where d.host_id = h.id)`.as('disagreements')

const aggregates = sql<Host['aggregates']>`(
  select coalesce(json_agg(json_build_object('id', a.id, 'name', a.name) order by a.name), '[]')
  from aggregate_host ah join aggregate a on a.id = ah.aggregate_id where ah.host_id = h.id)`.as('aggregates')

function selectHosts(db: Db) {
  return db
    .selectFrom('host as h')
    .innerJoin('cluster as c', 'c.id', 'h.cluster_id')
    .innerJoin('zone as z', 'z.id', 'c.zone_id')
    .innerJoin('host_claim as k', 'k.host_id', 'h.id')
    .leftJoin('maintenance as x', 'x.host_id', 'h.id')
    .leftJoin('pool as p', 'p.id', 'h.pool_id')
    .selectAll('h')
    .leftJoin('host_bmc as b', 'b.host_id', 'h.id')
    .select('b.kind as fenced_through')
    .leftJoin('host_absence as a', 'a.host_id', 'h.id')
    .select([
      'a.cause as absent_cause',
      'a.since as absent_since',
      'a.opinions as absent_opinions',
      'a.asked_at as absent_asked_at',
      'a.dead_at as absent_dead_at',
      'a.fence_failure as absent_fence_failure',
      'a.fenced_at as absent_fenced_at',
      'a.fenced_by as absent_fenced_by',
    ])
    .select(['x.created_at as maintenance_since', 'x.drained_at'])
    .select([promised.vcpus.as('vcpus_claimed'), promised.memory_mib.as('memory_claimed_mib')])
    .select([
      sql<number>`coalesce(p.claimed_gib, k.disk_gib)`.as('disk_claimed_gib'),
      sql<number>`coalesce(p.total_gib, h.disk_limit_gib)`.as('disk_limit_gib'),
    ])
    .select(eb => [
      'c.name as cluster',
      'z.name as zone',
      eb
        .selectFrom('instance as i')
        .select(eb.fn.countAll<number>().as('n'))
        .whereRef('i.host_id', '=', 'h.id')
        .where('i.deleted_at', 'is', null)
        .as('instances'),
      disagreements,
      aggregates,
      sql<string[] | null>`case when (h.cpu_verdict->>'baseline')::int = c.cpu_baseline_version
        and not (h.cpu_verdict->>'fits')::boolean then h.cpu_verdict->'missing' end`.as('cpu_missing'),
    ])
    .where('h.removed_at', 'is', null)
}

type HostRow = Awaited<ReturnType<ReturnType<typeof selectHosts>['execute']>>[number]

/** What was noted of it, when it is not there. */
function absentRow(row: HostRow): AbsenceRow | null {
  if (row.absent_cause === null || row.absent_since === null) return null
  return {
    host_id: row.id,
    cause: row.absent_cause,
    since: row.absent_since,
    opinions: row.absent_opinions ?? [],
    asked_at: row.absent_asked_at,
    dead_at: row.absent_dead_at,
    fence_failure: row.absent_fence_failure,
    fence_attempts: 0,
    fence_again_at: null,
    fenced_at: row.absent_fenced_at,
    fenced_by: row.absent_fenced_by,
    fenced_user_id: null,
  }
}

function toHost(row: HostRow): Host {
  const absent = absentRow(row)
  const { availability, why } = hostAvailability({
    linked: row.session_controller_id !== null,
    maintenance: row.maintenance_since !== null,
    absence: absent && absence.toAbsence(absent),
  })
  return {
    id: row.id,
    name: row.name,
    cluster_id: row.cluster_id,
    cluster: row.cluster,
    zone: row.zone,
    state: row.session_controller_id ? 'up' : 'unreachable',
    availability,
    availability_reason: why,
    absence: absent && absence.shown(absent),
    fenced_through: row.fenced_through,
    schedulable: row.schedulable,
    maintenance: row.maintenance_since && {
      since: row.maintenance_since.toISOString(),
      drained: row.drained_at !== null,
    },
    labels: row.labels as Host['labels'],
    vcpus_limit: row.vcpus_limit,
    vcpus_claimed: row.vcpus_claimed,
    memory_limit_mib: row.memory_limit_mib,
    memory_claimed_mib: row.memory_claimed_mib,
    disk_limit_gib: row.disk_limit_gib,
    disk_claimed_gib: row.disk_claimed_gib,
    instances: row.instances ?? 0,
    reserved_memory_mib: row.reserved_memory_mib,
    reserved_vcpus: row.reserved_vcpus,
    aggregates: row.aggregates,
    machine_id: row.machine_id,
    cpu_missing: row.cpu_missing,
    facts: row.facts,
    pool_id: row.pool_id,
    foreign_domains: row.foreign_domains,
    disagreements: row.disagreements,
    last_seen_at: row.last_seen_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  }
}

async function list(
  db: Db,
  asked: PageAsked & {
    name?: string | undefined
    cluster_id?: string | undefined
    aggregate_id?: string | undefined
  },
): Promise<Page<Host>> {
  const keys = keyset(asked, sql`h.id`, { name: { column: sql`h.name` } })
  let query = selectHosts(db).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('h.name', '=', asked.name)
  if (asked.cluster_id !== undefined) query = query.where('h.cluster_id', '=', asked.cluster_id)
  if (asked.aggregate_id !== undefined) {
    const { aggregate_id } = asked
    query = query.where(
      sql<boolean>`exists (select from aggregate_host x where x.host_id = h.id and x.aggregate_id = ${aggregate_id})`,
    )
  }
  const { items, next } = keys.toPage(
    await query
      .orderBy(keys.order_by)
      .limit(keys.limit + 1)
      .execute(),
  )
  return { items: items.map(toHost), next }
}

async function byIds(db: Db, ids: readonly string[]): Promise<Host[]> {
  if (ids.length === 0) return []
  return (await selectHosts(db).where('h.id', 'in', ids).execute()).map(toHost)
}

async function find(db: Db, id: string): Promise<Host | null> {
  const row = await selectHosts(db).where('h.id', '=', id).executeTakeFirst()
  return row ? toHost(row) : null
}

interface LockedHost {
  id: string
  name: string
  session_controller_id: string | null
}

/** The first lock of whoever takes it: store/database.ts. What is on it may still change. */
async function lock(tx: Tx, id: string): Promise<LockedHost | null> {
  return (await present(tx, id).forNoKeyUpdate().executeTakeFirst()) ?? null
}

/** Nothing can be placed on it either. */
async function lockWhole(tx: Tx, id: string): Promise<LockedHost | null> {
  return (await present(tx, id).forUpdate().executeTakeFirst()) ?? null
}

function present(tx: Tx, id: string) {
  return tx
    .selectFrom('host')
    .select(['id', 'name', 'session_controller_id'])
    .where('id', '=', id)
    .where('removed_at', 'is', null)
}

async function exists(db: Db, id: string): Promise<boolean> {
  const row = await db
    .selectFrom('host')
    .select('id')
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}

/** What the scheduler knows of it is to be read anew, though it is not in its row. */
async function touch(tx: Tx, id: string): Promise<void> {
  await tx.updateTable('host').set({ changes: sql<number>`changes + 1` }).where('id', '=', id).execute()
}

export interface HostChange {
  name?: string | undefined
  schedulable?: boolean | undefined
  labels?: unknown
  reserved_memory_mib?: number | null | undefined
  reserved_vcpus?: number | null | undefined
}

/** Throws the database's own error (host_name_key) when the name is taken. */
async function update(tx: Tx, id: string, set: HostChange): Promise<void> {
  const { labels, ...plain } = set
  const given = Object.entries(plain).filter(([, value]) => value !== undefined)
  if (given.length === 0 && labels === undefined) return
  await tx
    .updateTable('host')
    .set({ ...Object.fromEntries(given), ...(labels !== undefined && { labels: json(labels) }) })
    .where('id', '=', id)
    .execute()
}

/** How many instances, deleted ones included, are still placed on the host. */
async function instanceCount(db: Db, id: string): Promise<number> {
  const row = await db
    .selectFrom('instance')
    .select(eb => eb.fn.countAll<number>().as('n'))
    .where('host_id', '=', id)
    .executeTakeFirstOrThrow()
  return row.n
}

/** Marks the host as gone. Its name and machine id become free, its certificate is good no longer. */
async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('aggregate_host').where('host_id', '=', id).execute()
  await tx.deleteFrom('host_absence').where('host_id', '=', id).execute()
  await tx.deleteFrom('host_bmc').where('host_id', '=', id).execute()
  await sql`update host set removed_at = croft_now(), name = name || ' (removed ' || id || ')',
    machine_id = machine_id || ' (removed ' || id || ')', certificate_sha256 = ''::bytea, schedulable = false,
    session_controller_id = null where id = ${id}`.execute(tx)
}

async function setFacts(tx: Tx, id: string, facts: HostFacts, reserved_mib: number): Promise<void> {
  const row = await tx
    .selectFrom('cluster')
    .innerJoin('host', 'host.cluster_id', 'cluster.id')
    .select(['cpu_overcommit', 'memory_overcommit', 'reserved_memory_mib', 'reserved_vcpus'])
    .where('host.id', '=', id)
    .executeTakeFirstOrThrow()
  await tx
    .updateTable('host')
    .set({
      facts: json(facts),
      cpus: facts.cpus,
      huge_mib: hugeMibOf(facts),
      ...limitsOf(facts, row, reserved_mib),
      // Of another CPU it has to be asked anew (reconcilers/cpu-baseline.ts).
      cpu_verdict: sql`case when facts->'host_cpu' is not distinct from ${json(facts)}->'host_cpu' then cpu_verdict end`,
    })
    .where('id', '=', id)
    .execute()
  await hostHardware.note(tx, id, facts)
  const { pool_id, pool_total_gib: total_gib, pool_free_gib: free_gib } = facts
  if (pool_id !== undefined && (await setPool(tx, id, { id: pool_id, total_gib, free_gib }))) {
    await event.record(tx, [{ noun: 'pool', kind: 'changed', resource_id: pool_id, project_id: null }])
  }
}

async function setForeign(tx: Tx, id: string, domains: readonly Static<typeof ForeignDomain>[]): Promise<void> {
  await tx
    .updateTable('host')
    .set({ foreign_domains: json(domains) })
    .where('id', '=', id)
    .execute()
}

async function byCertificate(db: Db, sha256: Uint8Array): Promise<{ id: string; name: string } | null> {
  const row = await db
    .selectFrom('host')
    .select(['id', 'name'])
    .where('certificate_sha256', '=', Buffer.from(sha256))
    .where('removed_at', 'is', null)
    .executeTakeFirst()
  return row ?? null
}

/** Whether a disk or CD-ROM on this host is made from the image: no other image's content is the host's business. */
async function needsImage(db: Db, id: string, image_id: string): Promise<boolean> {
  const { rows } = await sql`
    select from volume where image_id = ${image_id} and host_id = ${id}
    union all select from instance where image_id = ${image_id} and host_id = ${id} and boot = 'iso'
    union all select from migration m join volume v on v.instance_id = m.instance_id
      where m.target_host_id = ${id} and m.phase in ('preparing', 'sending') and v.image_id = ${image_id}
    union all select from migration m join instance i on i.id = m.instance_id
      where m.target_host_id = ${id} and m.phase in ('preparing', 'sending') and i.image_id = ${image_id} limit 1`.execute(
    db,
  )
  return rows.length > 0
}

export const host = {
  ...hostLink,
  list,
  byIds,
  find,
  lock,
  lockWhole,
  exists,
  touch,
  update,
  instanceCount,
  remove,
  claim,
  claimHeld,
  release,
  setFacts,
  setForeign,
  byCertificate,
  needsImage,
}
