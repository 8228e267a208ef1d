/** Restarts of instances elsewhere because their host was lost, each with its reason and outcome. */
import { type Insertable, type Selectable, sql } from 'kysely'
import type { HaRestart } from '../../api/ha-restart.ts'
import type { Db, Tx } from './database.ts'
import { waits } from './ha-waiting.ts'
import { asksFirst } from './instance-situation.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { HaRestartTable } from './schema-lost-hosts.ts'

export type HaRestartRow = Selectable<HaRestartTable>

/** `from_removed`, `to_removed`: what such a host is called now that it was removed; null: it was not. */
type Named = HaRestartRow & Record<'instance' | 'from_removed' | 'to_removed', string | null>

function shown({ from_removed, to_removed, ...row }: Named): HaRestart {
  const { project_id: _, generation: __, verify_by: ___, ...rest } = row
  return {
    ...rest,
    from_host: from_removed ?? row.from_host,
    to_host: to_removed ?? row.to_host,
    lost_at: row.lost_at.toISOString(),
    begun_at: row.begun_at.toISOString(),
    ended_at: waits(row) ? null : (row.ended_at?.toISOString() ?? null),
  }
}

const removed = (column: 'from_host_id' | 'to_host_id') =>
  sql<
    string | null
  >`(select h.name from host h where h.id = ${sql.ref(`ha_restart.${column}`)} and h.removed_at is not null)`
const names = [
  sql<string | null>`(select i.name from instance i where i.id = ha_restart.instance_id)`.as('instance'),
  removed('from_host_id').as('from_removed'),
  removed('to_host_id').as('to_removed'),
] as const

export interface RestartFilter extends PageAsked {
  /** Null: of all. */
  project_id: string | null
  instance_id?: string | undefined
  from_host_id?: string | undefined
  to_host_id?: string | undefined
  cluster_id?: string | undefined
}

async function list(db: Db, asked: RestartFilter): Promise<Page<HaRestart>> {
  const keys = keyset({ ...asked, sort: asked.sort ?? '-id' }, sql`id`)
  let query = db.selectFrom('ha_restart').selectAll().select(names).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.project_id !== null) query = query.where('project_id', '=', asked.project_id)
  if (asked.instance_id !== undefined) query = query.where('instance_id', '=', asked.instance_id)
  if (asked.from_host_id !== undefined) query = query.where('from_host_id', '=', asked.from_host_id)
  if (asked.to_host_id !== undefined) query = query.where('to_host_id', '=', asked.to_host_id)
  if (asked.cluster_id !== undefined) {
    // Also of hosts that were removed since: their rows stay.
    query = query.where(
      sql<boolean>`from_host_id in (select h.id from host h where h.cluster_id = ${asked.cluster_id})`,
    )
  }
  return readPage(query, keys, shown)
}

/** `project_id`: only of this one; null: of any. */
async function find(db: Db, id: string, project_id: string | null): Promise<HaRestart | null> {
  let query = db.selectFrom('ha_restart').selectAll().select(names).where('id', '=', id)
  if (project_id !== null) query = query.where('project_id', '=', project_id)
  const row = await query.executeTakeFirst()
  return row ? shown(row) : null
}

type NewRestart = Omit<Insertable<HaRestartTable>, 'verify_by' | 'ended_at'> & { verify_s: number | null }

/** With an outcome it has ended as it begins; one for which no host was found waits (ha-waiting.ts). */
async function insert(tx: Tx, { verify_s, ...made }: NewRestart): Promise<void> {
  const ended = made.outcome === null ? {} : { ended_at: sql<Date>`croft_now()` }
  const verify = verify_s === null ? {} : { verify_by: sql<Date>`croft_now() + make_interval(secs => ${verify_s})` }
  await tx
    .insertInto('ha_restart')
    .values({ ...made, ...ended, ...verify })
    .execute()
}

/** Of an instance `i`. */
const isGuarded = sql<boolean>`coalesce((
  select o.guarded_version >= i.guard_from from instance_observed o where o.instance_id = i.id), false)`

/** Whether it is to run elsewhere when its host is lost, as it is wanted now. */
async function isDue(tx: Tx, instance_id: string): Promise<boolean> {
  const { rows } = await sql`select from instance i where i.id = ${instance_id}::uuid and i.availability = 'high'
    and i.wanted_power = 'running' and i.deleted_at is null and i.held_generation is null`.execute(tx)
  return rows.length > 0
}

/**
 * What keeps it off on its host once that is off. `guarded`: the host has said that its watchdog guards it, of a version since which it is highly
 * available. `asks_first`: after a boot the host asks before it starts anything, as others have its pool. A host of which neither is true brings
 * it up again when its power is back.
 */
async function keptOff(tx: Tx, instance_id: string): Promise<{ guarded: boolean; asks_first: boolean }> {
  const { rows } = await sql<{ guarded: boolean; asks_first: boolean }>`
    select ${isGuarded} as guarded, ${asksFirst} as asks_first from instance i join host h on h.id = i.host_id
    where i.id = ${instance_id}::uuid`.execute(tx)
  return rows[0] ?? { guarded: false, asks_first: false }
}

/**
 * Whatever is under way for the instance has come to nothing, as this host, on which it was, is lost; gives its ids. A host that it was only
 * on its way to was not tried.
 */
async function supersede(tx: Tx, instance_id: string, lost_host_id: string, failure: string): Promise<string[]> {
  const rows = await tx
    .updateTable('ha_restart')
    .set({
      outcome: sql<
        'failed' | 'given_up'
      >`case when to_host_id = ${lost_host_id}::uuid then 'failed' else 'given_up' end`,
      failure,
      ended_at: sql<Date>`croft_now()`,
    })
    .where('instance_id', '=', instance_id)
    .where('ended_at', 'is', null)
    .returning('id')
    .execute()
  return rows.map(row => row.id)
}

async function hasNoRoomSince(tx: Tx, instance_id: string, lost_at_ms: number): Promise<boolean> {
  const row = await tx
    .selectFrom('ha_restart')
    .select('id')
    .where('instance_id', '=', instance_id)
    .where('outcome', '=', 'no_room')
    .where('begun_at', '>=', new Date(lost_at_ms))
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

async function end(
  tx: Tx,
  id: string,
  outcome: NonNullable<HaRestartRow['outcome']>,
  failure: string | null = null,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('ha_restart')
    .set({ outcome, failure, ended_at: sql<Date>`croft_now()` })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/** One under way, with how its instance is now. */
export interface OpenRestart
  extends Pick<
    HaRestartRow,
    'id' | 'instance_id' | 'project_id' | 'from_host_id' | 'from_host' | 'fenced_by' | 'lost_at'
  > {
  to_host_id: string
  to_host: string
  generation: number
  /**
   * What came of it; null: nothing yet, or nothing new. 'failed': its host, which is there, or the move to it, said so. 'stayed': it could not be moved
   * on, and runs where it was.
   */
  seen: 'running' | 'failed' | 'late' | 'given_up' | 'stayed' | null
  /** Why it failed. */
  failure: string | null
  /** What was noted of it before. */
  noted: string | null
  paused: boolean
}

/** Where no other host could take it, others are looked for again; nothing that was noted is left for longer. */
export const elsewhere_again_s = 60

/**
 * Whether it is time to look at it. Not when that time has come once more, if the database's clock was set back: begun in a time that is still
 * to come it is late, and what is to be looked at later than anything ever is was noted before.
 */
const isTime = sql<boolean>`(r.verify_by < croft_now() or case when r.failure is null then r.begun_at > croft_now()
  else r.verify_by > croft_now() + make_interval(secs => ${elsewhere_again_s}) end)`

/**
 * All, or this one. Of one that is being moved on nothing is known before the move has ended: until then it is where it was, and what
 * was seen of it is of there. A paused guest serves nobody, so it is not back.
 */
async function open(db: Db, id: string | null = null): Promise<OpenRestart[]> {
  const { rows } = await sql<OpenRestart>`
    select r.id, r.instance_id, r.project_id, r.from_host_id, r.from_host, r.to_host_id, r.to_host, r.fenced_by, r.lost_at, r.generation,
      r.failure as noted, coalesce(o.power = 'paused', false) as paused,
      case when i.host_id = r.to_host_id then o.failure else m.reason end as failure,
      case when i.generation > r.generation or i.deleted_at is not null or i.wanted_power <> 'running' then 'given_up'
        when m.phase in ('preparing', 'sending') then null
        when i.host_id <> r.to_host_id and m.outcome is distinct from 'failed' then 'given_up'
        when s.done and o.failure is null and o.power = 'running'
          then case when i.host_id = r.to_host_id then 'running' else 'stayed' end
        when (i.host_id <> r.to_host_id or s.done and o.failure is not null) and (r.failure is null or ${isTime})
          and h.session_controller_id is not null then 'failed'
        when r.failure is null and ${isTime} then 'late' end as seen
    from ha_restart r join instance i on i.id = r.instance_id join host h on h.id = i.host_id
    left join instance_observed o on o.instance_id = i.id
    left join lateral (select phase, outcome, reason from migration where instance_id = r.instance_id and cause = 'ha' and kind = 'cold'
      and target_host_id = r.to_host_id and created_at >= r.begun_at order by id desc limit 1) m on true
    cross join lateral (select coalesce(o.report >= 0 and o.applied_generation >= i.generation, false) as done) s
    where r.ended_at is null and (${id}::uuid is null or r.id = ${id}::uuid) order by r.id`.execute(db)
  return rows
}

/** Why it does not run yet; it is followed on, and what its host says is acted on again after `again_s`. True when that is news. */
async function note(tx: Tx, id: string, failure: string, again_s: number): Promise<boolean> {
  const { rows } = await sql<{ news: boolean }>`
    update ha_restart r set failure = ${failure}, verify_by = croft_now() + make_interval(secs => ${again_s})
    from (select id, failure from ha_restart where id = ${id}::uuid for update) before
    where r.id = before.id and r.ended_at is null returning before.failure is distinct from r.failure as news`.execute(
    tx,
  )
  return rows[0]?.news ?? false
}

/** Hosts that were tried for the instance since its host was lost, and did not bring it up. */
async function triedSince(tx: Tx, instance_id: string, lost_at_ms: number): Promise<string[]> {
  const rows = await tx
    .selectFrom('ha_restart')
    .select('to_host_id')
    .where('instance_id', '=', instance_id)
    .where('outcome', '=', 'failed')
    .where('begun_at', '>=', new Date(lost_at_ms))
    .execute()
  return rows.flatMap(row => row.to_host_id ?? [])
}

export const haRestart = { list, find, isDue, keptOff, insert, supersede, hasNoRoomSince, end, open, note, triedSince }
