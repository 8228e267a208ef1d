/**
 * Operations in the database. An operation on instances ends by itself: when a host's report reaches the generation
 * that a target waits for, the target's outcome is written in the same transaction as the report.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Operation } from '../../api/operation.ts'
import { channels, type Db, json, type Tx } from './database.ts'
import { event, type NewEvent } from './event.ts'
import type { Beside } from './insert-rows.ts'
import { heldReason } from './held.ts'
import { percentOf } from '../../model/migration.ts'
import type { MigrationProgress } from '../../protocol/migration.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'

export interface NewOperation {
  id: string
  project_id: string | null
  user_id: string | null
  request_id: string | null
  kind: string
  noun: string
  resource_id: string | null
  targets: readonly { resource_id: string; generation: number }[]
}

/**
 * A newer wish for the same things overtakes older operations on them: these end as cancelled, saying so. `events` are told,
 * and `hosts` woken, by the statement that adds the new ones.
 */
async function start(
  tx: Tx,
  made: readonly NewOperation[],
  events: readonly NewEvent[] = [],
  hosts: Iterable<string> = [],
): Promise<void> {
  for (const [kind, alike] of Map.groupBy(made, one => one.kind)) {
    const ids = alike.flatMap(one => one.targets.map(target => target.resource_id))
    await cancelTargets(tx, ids, `overtaken by a newer ${kind}`)
  }
  const started = asRows(made)
  await event.record(tx, [...started.events, ...events], hosts, started.rows)
}

/** As rows with their events, for `event.record` to add; of what nothing else can have been wished for yet. */
function asRows(made: readonly NewOperation[]): { events: NewEvent[]; rows: Beside[] } {
  const operations = made.map(({ targets, ...row }) => ({ ...row, targets: targets.length }))
  const targets = made.flatMap(one => one.targets.map(target => ({ operation_id: one.id, ...target })))
  return {
    events: made.map(one => changed(one, 'created')),
    rows: [
      { table: 'operation', rows: operations },
      { table: 'operation_target', rows: targets },
    ],
  }
}

/** `ended` goes with the event, so that who waits for it need not look; and what it is of, for who sees only that. */
function changed(
  row: Pick<NewOperation, 'id' | 'project_id' | 'user_id' | 'request_id' | 'resource_id'>,
  kind: string,
  ended = false,
) {
  return {
    noun: 'operation',
    kind,
    resource_id: row.id,
    project_id: row.project_id,
    user_id: row.user_id,
    request_id: row.request_id,
    detail: { ...(ended && { ended }), ...(row.resource_id && { of: row.resource_id }) },
  }
}

export interface TargetEnded {
  resource_id: string
  /** Targets that wait for this generation or an older one have ended. */
  generation: number
  outcome: 'succeeded' | 'failed' | 'cancelled'
  reason: string | null
}

/** Ends targets, and operations all of whose targets have ended. Returns the ended operations' ids. */
async function endTargets(tx: Tx, ended: readonly TargetEnded[]): Promise<string[]> {
  if (ended.length === 0) return []
  const said = json(
    ended.map(({ resource_id, generation, outcome, reason }) => ({ resource_id, generation, outcome, reason })),
  )
  return applyOutcomes(
    tx,
    { outcome: sql`v.outcome`, reason: sql`v.reason` },
    sql`join jsonb_to_recordset(${said}) as v (resource_id uuid, generation bigint, outcome text, reason text)
      on t.resource_id = v.resource_id where t.generation <= v.generation`,
  )
}

/**
 * Ends targets of things whose hosts have reported their generation already: what was asked is so. Of a host that does not
 * answer it is not known.
 */
async function endReached(tx: Tx, resource_ids: readonly string[]): Promise<void> {
  await applyOutcomes(
    tx,
    { outcome: sql`case when s.failure is null then 'succeeded' else 'failed' end`, reason: sql`s.failure` },
    sql`join instance_observed s on s.instance_id = t.resource_id and t.generation <= s.applied_generation
      join instance i on i.id = s.instance_id and i.held_generation is null
      join host h on h.id = i.host_id and h.session_controller_id is not null
      where t.resource_id = any(${[...resource_ids]}::uuid[])`,
  )
}

async function cancelTargets(tx: Tx, resource_ids: readonly string[], reason: string): Promise<string[]> {
  if (resource_ids.length === 0) return []
  return applyOutcomes(
    tx,
    { outcome: sql`'cancelled'`, reason: sql`${reason}::text` },
    sql`where t.resource_id = any(${[...resource_ids]}::uuid[])`,
  )
}

/**
 * Ends open targets (`t`, as `which` narrows them down), and the operations all of whose targets have ended then. Both are
 * locked in the order of their ids: reports of many hosts and what people ask for meanwhile touch the same ones.
 */
async function applyOutcomes(
  tx: Tx,
  { outcome, reason }: { outcome: RawBuilder<unknown>; reason: RawBuilder<unknown> },
  which: RawBuilder<unknown>,
): Promise<string[]> {
  // Its events in the same statement: reports of many hosts end with this, and wait for one answer less.
  const { rows } = await sql<{ id: string; ended: boolean }>`
    with open as materialized (
      select t.operation_id, t.resource_id, ${outcome} as outcome, ${reason} as reason from operation_target t ${which}
        and t.outcome is null
      order by t.operation_id, t.resource_id for no key update of t
    ), done as (
      update operation_target t set outcome = open.outcome, reason = open.reason from open
      where t.operation_id = open.operation_id and t.resource_id = open.resource_id
      returning t.operation_id, t.outcome, t.reason
    ), sums as (
      select operation_id, count(*) filter (where outcome = 'succeeded') as succeeded,
        count(*) filter (where outcome = 'failed') as failed,
        count(*) filter (where outcome = 'cancelled') as cancelled, min(reason) as reason
      from done group by operation_id
    ), held as materialized (
      select o.id from operation o where o.id in (select operation_id from sums) order by o.id for no key update of o
    ), counted as (
      update operation o set succeeded = o.succeeded + s.succeeded, failed = o.failed + s.failed,
        cancelled = o.cancelled + s.cancelled, reason = coalesce(o.reason, s.reason),
        ended_at = case when o.succeeded + o.failed + o.cancelled + s.succeeded + s.failed + s.cancelled >= o.targets
          then croft_now() end
      from sums s join held on held.id = s.operation_id where o.id = s.operation_id
      returning o.id, o.project_id, o.user_id, o.request_id, o.resource_id, o.ended_at is not null as ended
    ), told as (
      insert into event (noun, kind, resource_id, project_id, user_id, request_id, detail)
      select 'operation', 'changed', id, project_id, user_id, request_id,
        case when ended then '{"ended": true}'::jsonb else '{}' end
          || case when resource_id is null then '{}'::jsonb else jsonb_build_object('of', resource_id) end
      from counted order by id
    )
    select id, ended, pg_notify(${channels.event}, '') from counted order by id`.execute(tx)
  return rows.filter(row => row.ended).map(row => row.id)
}

/** Ends an operation that has no targets, such as an image's import. */
async function end(
  tx: Tx,
  id: string,
  outcome: 'succeeded' | 'failed' | 'cancelled',
  reason: string | null,
): Promise<void> {
  const row = await tx
    .updateTable('operation')
    .set({ [outcome]: 1, reason, ended_at: sql<Date>`croft_now()` })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returning(['id', 'project_id', 'user_id', 'request_id', 'resource_id'])
    .executeTakeFirst()
  if (row) await event.record(tx, [changed(row, 'changed', true)])
}

/** Tells of a host's maintenance that it has come on: how far is counted as it is read. */
async function tellMaintenance(tx: Tx, host_id: string): Promise<void> {
  const row = await tx
    .selectFrom('operation as o')
    .innerJoin('maintenance as x', 'x.operation_id', 'o.id')
    .select(['o.id', 'o.project_id', 'o.user_id', 'o.request_id', 'o.resource_id'])
    .where('x.host_id', '=', host_id)
    .where('o.ended_at', 'is', null)
    .executeTakeFirst()
  if (row) await event.record(tx, [changed(row, 'changed')])
}

/** Ends all open operations on a thing that have no targets of their own. */
async function endOn(
  tx: Tx,
  resource_id: string,
  outcome: 'succeeded' | 'failed' | 'cancelled',
  reason: string | null,
): Promise<void> {
  const rows = await tx
    .selectFrom('operation')
    .select('id')
    .where('resource_id', '=', resource_id)
    .where('ended_at', 'is', null)
    .where('targets', '=', 0)
    .execute()
  for (const row of rows) await end(tx, row.id, outcome, reason)
}

/** An operation with what its first open target is doing now, and whether its host answers. */
function selectOperations(db: Db) {
  return db
    .selectFrom('operation as o')
    .leftJoinLateral(
      eb =>
        eb
          .selectFrom('operation_target as t')
          .innerJoin('instance as i', 'i.id', 't.resource_id')
          .innerJoin('host as h', 'h.id', 'i.host_id')
          .leftJoin('instance_observed as s', 's.instance_id', 'i.id')
          .select(['s.progress', 'h.name as host_name', 'h.session_controller_id', 'i.held_generation'])
          .whereRef('t.operation_id', '=', 'o.id')
          .where('t.outcome', 'is', null)
          .where('o.ended_at', 'is', null)
          .limit(1)
          .as('now'),
      join => join.onTrue(),
    )
    .leftJoin('image as m', join =>
      join.onRef('m.id', '=', 'o.resource_id').on('o.noun', '=', 'image').on('o.ended_at', 'is', null),
    )
    .leftJoin('migration as g', join => join.onRef('g.operation_id', '=', 'o.id').on('o.ended_at', 'is', null))
    .leftJoin('maintenance as x', join => join.onRef('x.operation_id', '=', 'o.id').on('o.ended_at', 'is', null))
    .selectAll('o')
    .select([
      sql<number | null>`case when x.host_id is not null then (
        select (100 * count(*) filter (where gone) / greatest(count(*), 1))::int from (
          select false as gone from instance i where i.host_id = x.host_id
          union all select true from migration v where v.source_host_id = x.host_id and v.outcome = 'succeeded'
            and v.created_at >= x.created_at) c) end`.as('drained_percent'),
      sql<{ n: number; all: boolean } | null>`case when x.host_id is not null then (
        select json_build_object('n', count(*), 'all', count(*) >= (select count(*) from instance i where i.host_id = x.host_id))
        from maintenance_obstacle b where b.host_id = x.host_id having count(*) > 0) end`.as('obstructed'),
    ])
    .select(['g.phase as migration_phase', 'g.progress as migration_progress'])
    .select(['now.progress', 'now.host_name', 'now.session_controller_id', 'now.held_generation'])
    .select(['m.status as image_status', 'm.progress_percent as image_percent'])
}

type OperationRow = Awaited<ReturnType<ReturnType<typeof selectOperations>['execute']>>[number]

function toOperation(row: OperationRow): Operation {
  const progress = row.image_status
    ? { step: row.image_status, percent: row.image_percent ?? 0 }
    : row.migration_phase
      ? { step: row.migration_phase, percent: percentOf(row.migration_progress as MigrationProgress | null) ?? 0 }
      : row.drained_percent !== null
        ? { step: 'emptying the host', percent: row.drained_percent }
        : (row.progress as { step: string; percent: number } | null)
  const done = row.succeeded + row.failed + row.cancelled
  const is_held = row.ended_at === null && row.held_generation !== null
  const is_away = row.ended_at === null && row.host_name !== null && row.session_controller_id === null
  const waiting = is_held || is_away || row.obstructed?.all === true
  const share = (done + (progress?.percent ?? 0) / 100) / Math.max(1, row.targets)
  return {
    id: row.id,
    kind: row.kind,
    noun: row.noun,
    resource_id: row.resource_id,
    project_id: row.project_id,
    user_id: row.user_id,
    state: stateOf(row, waiting),
    targets: row.targets,
    succeeded: row.succeeded,
    failed: row.failed,
    cancelled: row.cancelled,
    step: progress?.step ?? null,
    percent: row.ended_at ? 100 : Math.min(99, Math.floor(share * 100)),
    reason: is_held
      ? heldReason
      : is_away && row.host_name
        ? awayReason(row.host_name)
        : row.obstructed
          ? `Instances that cannot be moved now: ${row.obstructed.n}. The host's maintenance says why of each; they are tried again by themselves.`
          : row.reason,
    created_at: row.created_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
  }
}

export const awayReason = (host: string) =>
  `The host ${host} does not answer. It goes on by itself when the host is back.`

function stateOf(row: Pick<OperationRow, 'ended_at' | 'failed' | 'cancelled'>, waiting: boolean): Operation['state'] {
  if (row.ended_at === null) return waiting ? 'waiting' : 'running'
  if (row.failed > 0) return 'failed'
  return row.cancelled > 0 ? 'cancelled' : 'succeeded'
}

export interface OperationFilter extends PageAsked {
  project_id: string | null
  resource_id?: string | undefined
  /** Only those of these instances. */
  given?: readonly string[] | undefined
  open?: boolean | undefined
  failed?: boolean | undefined
}

async function list(db: Db, asked: OperationFilter): Promise<Page<Operation>> {
  const keys = keyset({ ...asked, sort: asked.sort ?? '-id' }, sql`o.id`, {
    created_at: { column: sql`o.created_at`, cast: 'timestamptz' },
  })
  let query = selectOperations(db).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.project_id !== null) query = query.where('o.project_id', '=', asked.project_id)
  if (asked.resource_id) query = query.where('o.resource_id', '=', asked.resource_id)
  if (asked.given) query = query.where(sql<boolean>`o.resource_id = any(${[...asked.given]}::uuid[])`)
  if (asked.open !== undefined) query = query.where('o.ended_at', asked.open ? 'is' : 'is not', null)
  if (asked.failed !== undefined) {
    const failed = sql<boolean>`(o.ended_at is not null and o.failed > 0)`
    query = query.where(asked.failed ? failed : sql<boolean>`not ${failed}`)
  }
  return readPage(query, keys, toOperation)
}

async function find(db: Db, id: string): Promise<Operation | null> {
  const row = await selectOperations(db).where('o.id', '=', id).executeTakeFirst()
  return row ? toOperation(row) : null
}

/** Of these operations, those that have not ended. */
async function openAmong(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('operation')
    .select('id')
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('ended_at', 'is', null)
    .execute()
  return new Set(rows.map(row => row.id))
}

async function byIds(db: Db, ids: readonly string[]): Promise<Operation[]> {
  if (ids.length === 0) return []
  return (
    await selectOperations(db)
      .where(sql<boolean>`o.id = any(${[...ids]}::uuid[])`)
      .execute()
  ).map(toOperation)
}

/** The instances that an open operation still waits for. */
async function openTargets(tx: Tx, id: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('operation_target')
    .select('resource_id')
    .where('operation_id', '=', id)
    .where('outcome', 'is', null)
    .execute()
  return rows.map(row => row.resource_id)
}

export const operation = {
  start,
  asRows,
  end,
  endOn,
  tellMaintenance,
  endTargets,
  endReached,
  cancelTargets,
  list,
  find,
  byIds,
  openAmong,
  openTargets,
}
