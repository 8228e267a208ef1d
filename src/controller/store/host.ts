/** Hosts in the database: what they have, what is claimed of it, and which controller holds their link. */
import { type NotNull, type RawBuilder, sql } from 'kysely'
import type { Static } from 'typebox'
import type { Host } from '../../api/host.ts'
import { type HardwareId, hardwareWords } from '../../model/hardware-id.ts'
import { attentionOf } from '../../model/host-attention.ts'
import { hostAvailability } from '../../model/host-state.ts'
import { removedSuffix } from '../../model/removed-name.ts'
import type { ForeignDomain } from '../../protocol/messages.ts'
import { type AbsenceRow, absence } from './absence.ts'
import { type Db, json, type Tx } from './database.ts'
import { disbelieved } from './host-belief.ts'
import { conditionsOf, type HostsAsked, obstructed } from './host-asked.ts'
import { claim, claimHeld, moveDisk, promised, release } from './host-claim.ts'
import { setFacts, setFactsOfMany } from './host-facts.ts'
import { otherWords, shownOther } from './host-identity.ts'
import { heardAt, hostLink } from './host-link.ts'
import { hostLock } from './host-lock.ts'
import { hostReach } from './host-reach.ts'
import { type Keyset, keyset, type Page, type PageAsked, readPage } from './page.ts'

/** What the host holds beyond the database; empty but after a restore. */
const disagreements = sql<Host['disagreements']>`(
  select coalesce(json_agg(json_build_object(
      'instance_id', d.instance_id, 'name', coalesce(i.name, left(d.wanted->'metadata'->>'name', 255)), 'kind', d.kind,
      'host_wants', d.power, 'purging', d.purging,
      'project_id', coalesce(i.project_id::text, d.wanted->'metadata'->>'project_id'),
      'database_wants', case when i.purging then 'purged' when i.deleted_at is not null then 'deleted' else i.wanted_power end
    ) order by d.instance_id), '[]')
  from held_instance d left join instance i on i.id = d.instance_id where d.host_id = h.id)`.as('disagreements')

/** In hundredths of a percent; what has nothing to give is full, once it is known what it has. No index can carry it, for a claim is another table's: an order by it looks at all hosts, which are few. */
const share = (used: RawBuilder<unknown>, limit: RawBuilder<unknown>) =>
  sql`case when ${limit} > 0 then 10000 * (${used})::bigint / ${limit} when ${used} > 0 or h.facts is not null then 10000 else 0 end`
const fullness = sql<number>`greatest(${share(promised.vcpus, sql`h.vcpus_limit`)},
  ${share(promised.memory_mib, sql`h.memory_limit_mib`)},
  ${share(sql`coalesce(p.claimed_gib, k.disk_gib)`, sql`coalesce(p.total_gib, h.disk_limit_gib)`)})`

const aggregates = sql<Host['aggregates']>`(
  select coalesce(json_agg(json_build_object('id', a.id, 'name', a.name) order by a.name), '[]')
  from aggregate_host ah join aggregate a on a.id = ah.aggregate_id where ah.host_id = h.id)`.as('aggregates')

const vouchedBy = sql<string | null>`case when a.fenced_by = 'person' then (
  select u.name from "user" u where u.id = a.fenced_user_id) end`.as('vouched_by')
const stormIn = sql<string | null>`case when a.host_id is not null then (
  select z.name from zone_storm q where q.zone_id = z.id and q.overridden_at is null) end`.as('storm_in')

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
    .leftJoin('controller as l', 'l.id', 'h.session_controller_id')
    .select(heardAt.as('heard_at'))
    .select([
      'a.cause as absent_cause',
      'a.since as absent_since',
      'a.opinions as absent_opinions',
      'a.asked_at as absent_asked_at',
      'a.dead_at as absent_dead_at',
      'a.fence_failure as absent_fence_failure',
      'a.fenced_at as absent_fenced_at',
      'a.fenced_by as absent_fenced_by',
      'a.power_was_off as absent_power_was_off',
    ])
    .select([vouchedBy, stormIn])
    .select(['x.created_at as maintenance_since', 'x.drained_at'])
    .select([promised.vcpus.as('vcpus_claimed'), promised.memory_mib.as('memory_claimed_mib')])
    .select([
      fullness.as('fullness'),
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
      obstructed.as('is_obstructed'),
      aggregates,
      sql<string[] | null>`case when (h.cpu_verdict->>'baseline')::int = c.cpu_baseline_version
        and not (h.cpu_verdict->>'fits')::boolean then h.cpu_verdict->'missing' end`.as('cpu_missing'),
    ])
    .where('h.removed_at', 'is', null)
    .$narrowType<{ cluster_id: NotNull }>()
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
    power_was_off: row.absent_power_was_off ?? false,
    heard_at: null,
    cut_asked: false,
  }
}

function toHost(row: HostRow): Host {
  const absent = absentRow(row)
  const other = shownOther(row.other_hardware)
  const { availability, why } = hostAvailability({
    linked: row.session_controller_id !== null,
    maintenance: row.maintenance_since !== null,
    absence: absent && absence.toAbsence(absent),
    storm_in: row.storm_in,
    vouched_by: row.vouched_by,
  })
  const shown: Omit<Host, 'attention'> = {
    id: row.id,
    name: row.name,
    cluster_id: row.cluster_id,
    cluster: row.cluster,
    zone: row.zone,
    state: row.session_controller_id ? 'up' : 'unreachable',
    availability,
    availability_reason: other ? [why, otherWords(row.name, other)].filter(Boolean).join(' ') : why,
    absence: absent && absence.shown(absent, row.keeps_leases ? row.lease_over_at : null),
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
    fullness_percent: row.fullness / 100,
    instances: row.instances ?? 0,
    reserved_memory_mib: row.reserved_memory_mib,
    reserved_vcpus: row.reserved_vcpus,
    aggregates: row.aggregates,
    machine_id: row.machine_id,
    hardware_id: hardwareWords(row.hardware_id as HardwareId | null),
    other_hardware: other,
    cpu_missing: row.cpu_missing,
    facts: row.facts,
    pool_id: row.pool_id,
    tunnel_address: row.tunnel_address,
    disbelieved: disbelieved(row, row.facts ?? {}),
    foreign_domains: row.foreign_domains,
    disagreements: row.disagreements,
    last_seen_at: row.heard_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  }
  return { ...shown, attention: attentionOf({ ...shown, is_obstructed: row.is_obstructed }) }
}

/** The page's hosts, from the tables alone that say how full one is: all of them are looked at, and the rest of what is shown is not. */
const fullest = (keys: Keyset, conditions: readonly RawBuilder<boolean>[]) => sql`
  select h.id from host h join host_claim k on k.host_id = h.id left join pool p on p.id = h.pool_id
  where h.removed_at is null and ${sql.join([keys.where, ...conditions], sql` and `)}
  order by ${keys.order_by} limit ${keys.limit + 1}`

async function list(db: Db, asked: PageAsked & HostsAsked): Promise<Page<Host>> {
  const keys = keyset(asked, sql`h.id`, {
    name: { column: sql`h.name` },
    fullness_percent: { column: fullness, cast: 'bigint' },
  })
  let query = selectHosts(db).select(keys.key.as('sort_key')).where(keys.where)
  const conditions = conditionsOf(asked)
  for (const condition of conditions) query = query.where(condition)
  if (
    /^-?fullness_percent$/.test(asked.sort ?? '') &&
    asked.availability === undefined &&
    asked.attention === undefined
  )
    query = query.where(sql<boolean>`h.id = any(array(${fullest(keys, conditions)}))`)
  return readPage(query, keys, toHost)
}

async function byIds(db: Db, ids: readonly string[]): Promise<Host[]> {
  if (ids.length === 0) return []
  return (await selectHosts(db).where('h.id', 'in', ids).execute()).map(toHost)
}

async function find(db: Db, id: string): Promise<Host | null> {
  const row = await selectHosts(db).where('h.id', '=', id).executeTakeFirst()
  return row ? toHost(row) : null
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
  tunnel_address?: string | null | undefined
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
  await hostReach.forgetWitness(tx, id)
  const suffix = removedSuffix(id)
  await sql`update host set removed_at = croft_now(), name = name || ${suffix}::text,
    machine_id = machine_id || ${suffix}::text, certificate_sha256 = ''::bytea, schedulable = false,
    session_controller_id = null where id = ${id}`.execute(tx)
}

async function setForeign(tx: Tx, id: string, domains: readonly Static<typeof ForeignDomain>[]): Promise<void> {
  await tx
    .updateTable('host')
    .set({ foreign_domains: json(domains) })
    .where('id', '=', id)
    .execute()
}

export const host = {
  ...hostLink,
  ...hostLock,
  list,
  byIds,
  find,
  exists,
  touch,
  update,
  instanceCount,
  remove,
  claim,
  claimHeld,
  release,
  moveDisk,
  setFacts,
  setFactsOfMany,
  setForeign,
}
