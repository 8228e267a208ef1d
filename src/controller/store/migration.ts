/**
 * Migrations in the database. Which step follows which is model/migration.ts; what else changes with a step, app/migration-steps.ts.
 * Not its job: migrations of the schema (migrate.ts).
 */
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { Migration, MigrationOptions } from '../../api/migration.ts'
import { isMoving, percentOf } from '../../model/migration.ts'
import type { MigrationProgress } from '../../protocol/migration.ts'
import { type Db, json, type Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { MigrationTable } from './schema-moving.ts'

export type MigrationRow = Selectable<MigrationTable>

function select(db: Db) {
  return db
    .selectFrom('migration as m')
    .innerJoin('host as s', 's.id', 'm.source_host_id')
    .innerJoin('host as t', 't.id', 'm.target_host_id')
    .selectAll('m')
    .select(['s.name as source_host', 't.name as target_host'])
    .leftJoin('instance_observed as o', 'o.instance_id', 'm.instance_id')
    .select(['s.session_controller_id as source_session', 't.session_controller_id as target_session'])
    .select('o.power as instance_power')
}

type ShownRow = Awaited<ReturnType<ReturnType<typeof select>['execute']>>[number]

function toMigration(row: ShownRow): Migration {
  const progress = row.progress as MigrationProgress | null
  return {
    id: row.id,
    instance_id: row.instance_id,
    instance: row.instance_name,
    project_id: row.project_id,
    kind: row.kind,
    cause: row.cause,
    source_host_id: row.source_host_id,
    source_host: row.source_host,
    target_host_id: row.target_host_id,
    target_host: row.target_host,
    phase: row.phase,
    outcome: row.outcome,
    reason: row.reason,
    waits_for: waitsFor(row),
    // One that was being made ready still is given up at once: nothing is kept of what was asked but what came of it.
    cancel_asked: row.cancel_as !== null || row.outcome === 'cancelled',
    percent: row.outcome === 'succeeded' ? 100 : isMoving(row.phase) ? percentOf(progress) : null,
    progress,
    copied_volumes: row.copied_volumes as string[],
    options: row.options as MigrationOptions,
    operation_id: row.operation_id,
    created_at: row.created_at.toISOString(),
    sending_at: row.sending_at?.toISOString() ?? null,
    switched_at: row.switched_at?.toISOString() ?? null,
    ended_at: row.ended_at?.toISOString() ?? null,
  }
}

/** A sentence when the host that is next to speak does not answer. */
function waitsFor(row: ShownRow): string | null {
  const source = `The host ${row.source_host} does not answer.`
  const target = `The host ${row.target_host} does not answer.`
  switch (row.phase) {
    case 'preparing':
      return row.target_session === null ? `${target} If it is not back soon, the move is given up.` : null
    case 'sending':
      return row.source_session === null
        ? `${source} Only it can say whether the guest has gone over; it goes on when the host is back.`
        : waitsForTarget(row)
    case 'discarding':
      return row.target_session === null ? `${target} What was made ready there is cleared when it is back.` : null
    case 'leaving':
      return row.source_session === null ? `${source} What is left there is cleared when it is back.` : null
    case 'ended':
      return null
    default:
      return row.phase satisfies never
  }
}

/** While the guest is being sent. A source that is at its hand-over and cannot reach the target keeps it paused. */
function waitsForTarget({
  target_host: name,
  target_session,
  instance_power,
  source_host,
  asks,
}: ShownRow): string | null {
  const way_out = `If ${name} will never be back, take it out as lost (croft host remove ${name} --lost): the instance goes on on ${source_host} then.`
  if (instance_power === 'paused') {
    const silent =
      target_session === null
        ? `${name} does not answer`
        : asks === null
          ? `${source_host} cannot reach the agent of ${name}`
          : `its agent, which is asked by way of the controllers, has not answered yet`
    return `The guest was being handed over, and is paused: only the host ${name} can say whether it runs there, and ${silent}. It goes on as soon as ${name} answers. ${way_out}`
  }
  return target_session === null
    ? `The host ${name} does not answer the controllers. It is sent on for as long as ${source_host} reaches it. ${way_out}`
    : null
}

export interface MigrationFilter extends PageAsked {
  instance_id?: string | undefined
  host_id?: string | undefined
  open?: boolean | undefined
  kind?: Migration['kind'] | undefined
  outcome?: NonNullable<Migration['outcome']> | undefined
}

async function list(db: Db, asked: MigrationFilter): Promise<Page<Migration>> {
  const keys = keyset({ ...asked, sort: asked.sort ?? '-id' }, sql`m.id`)
  let query = select(db).select(keys.key.as('sort_key')).where(keys.where)
  if (asked.instance_id !== undefined) query = query.where('m.instance_id', '=', asked.instance_id)
  if (asked.host_id !== undefined) {
    const { host_id } = asked
    query = query.where(eb => eb.or([eb('m.source_host_id', '=', host_id), eb('m.target_host_id', '=', host_id)]))
  }
  if (asked.open !== undefined) query = query.where('m.phase', asked.open ? '!=' : '=', 'ended')
  if (asked.kind !== undefined) query = query.where('m.kind', '=', asked.kind)
  if (asked.outcome !== undefined) query = query.where('m.outcome', '=', asked.outcome)
  return readPage(query, keys, toMigration)
}

async function byIds(db: Db, ids: readonly string[]): Promise<Migration[]> {
  if (ids.length === 0) return []
  return (await select(db).where('m.id', 'in', ids).execute()).map(toMigration)
}

async function find(db: Db, id: string): Promise<Migration | null> {
  const [found] = await byIds(db, [id])
  return found ?? null
}

async function insert(tx: Tx, made: Insertable<MigrationTable> & { secret: string }): Promise<void> {
  await tx.insertInto('migration').values(made).execute()
}

async function update(tx: Tx, id: string, set: Updateable<MigrationTable>): Promise<void> {
  await tx.updateTable('migration').set(set).where('id', '=', id).execute()
}

/** Open ones of these instances, locked, in the order of ids. Who locks the instances too locks those first. */
async function lockOpen(tx: Tx, instance_ids: readonly string[]): Promise<MigrationRow[]> {
  if (instance_ids.length === 0) return []
  return await tx
    .selectFrom('migration')
    .selectAll()
    .where(sql<boolean>`instance_id = any(${[...instance_ids]}::uuid[])`)
    .where('phase', '!=', 'ended')
    .orderBy('id')
    .forUpdate()
    .execute()
}

async function lock(tx: Tx, id: string): Promise<MigrationRow | null> {
  return (await tx.selectFrom('migration').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()) ?? null
}

async function ofOperation(tx: Tx, operation_id: string): Promise<string | null> {
  const row = await tx.selectFrom('migration').select('id').where('operation_id', '=', operation_id).executeTakeFirst()
  return row?.id ?? null
}

/** The host that is to be cleared takes what it is told for newer than what it holds. */
async function tellUnder(tx: Tx, id: string, placement: number): Promise<void> {
  await sql`update migration set told = jsonb_set(told, '{placement}', ${json(placement)}) where id = ${id} and told is not null`.execute(
    tx,
  )
}

/** Of what these hosts say, the instances of which one is moved from or to the very host that speaks. */
async function concerned(tx: Tx, said: readonly { host_id: string; id: string }[]): Promise<Set<string>> {
  if (said.length === 0) return new Set()
  const { rows } = await sql<{ instance_id: string }>`
    select distinct m.instance_id from jsonb_to_recordset(${json(said.map(({ host_id, id }) => ({ host_id, id })))})
      as r (host_id uuid, id uuid)
    join migration m on m.instance_id = r.id and m.phase <> 'ended' and r.host_id in (m.source_host_id, m.target_host_id)`.execute(
    tx,
  )
  return new Set(rows.map(row => row.instance_id))
}

/** Open ones that name the host. */
async function openOfHost(db: Db, host_id: string): Promise<MigrationRow[]> {
  return await db
    .selectFrom('migration')
    .selectAll()
    .where('phase', '!=', 'ended')
    .where(eb => eb.or([eb('source_host_id', '=', host_id), eb('target_host_id', '=', host_id)]))
    .orderBy('id')
    .execute()
}

/** Open ones of these hosts, by id. */
async function openOfHosts(db: Db, host_ids: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from migration where phase <> 'ended' and source_host_id = any(${[...host_ids]}::uuid[])
    union select id from migration where phase <> 'ended' and target_host_id = any(${[...host_ids]}::uuid[])`.execute(
    db,
  )
  return rows.map(row => row.id)
}

/** Hosts with a part in open ones of these instances. */
async function hostsOf(db: Db, instance_ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('migration')
    .select(['source_host_id', 'target_host_id'])
    .where('instance_id', 'in', instance_ids)
    .where('phase', '!=', 'ended')
    .execute()
  return rows.flatMap(row => [row.source_host_id, row.target_host_id])
}

/** To which hosts it was on its way when that was not brought to an end. */
async function targetsOf(db: Db, instance_id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('migration')
    .select('target_host_id')
    .where('instance_id', '=', instance_id)
    .where('phase', '!=', 'ended')
    .execute()
  return rows.map(row => row.target_host_id)
}

/** One from this host that may have gone over to another already, which does not answer and so does not say. */
async function undecidedFrom(db: Db, host_id: string): Promise<{ instance_name: string; target_host: string } | null> {
  const row = await db
    .selectFrom('migration as m')
    .innerJoin('host as t', 't.id', 'm.target_host_id')
    .select(['m.instance_name', 't.name as target_host'])
    .where('m.phase', '=', 'sending')
    .where('m.source_host_id', '=', host_id)
    .where('t.session_controller_id', 'is', null)
    .where('t.removed_at', 'is', null)
    .orderBy('m.id')
    .limit(1)
    .executeTakeFirst()
  return row ?? null
}

/** Those being prepared whose target has not become ready in time, or does not answer, each with why. */
async function overdue(
  db: Db,
  limits: { ready_s: number; silent_s: number },
): Promise<{ id: string; instance_id: string; silent: boolean; removed: boolean }[]> {
  const { rows } = await sql<{ id: string; instance_id: string; silent: boolean; removed: boolean }>`
    select m.id, m.instance_id, t.removed_at is not null as removed,
      t.session_controller_id is null and t.last_seen_at < croft_now() - make_interval(secs => ${limits.silent_s}) as silent
    from migration m join host t on t.id = m.target_host_id
    where m.phase = 'preparing' and (m.created_at < croft_now() - make_interval(secs => ${limits.ready_s})
      or t.removed_at is not null
      or (t.session_controller_id is null and t.last_seen_at < croft_now() - make_interval(secs => ${limits.silent_s})))
    union all
    select m.id, m.instance_id, true as removed, false as silent from migration m
    join host t on t.id = m.target_host_id join host s on s.id = m.source_host_id
    where (m.phase = 'discarding' and t.removed_at is not null) or (m.phase = 'leaving' and s.removed_at is not null)
      or (m.phase = 'sending' and t.removed_at is not null)
    order by id limit 200`.execute(db)
  return rows
}

/** Which hosts may not be chosen for an instance: those of which some of it is still to be cleared. */
async function uncleared(db: Db, instance_id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('migration')
    .select(['phase', 'source_host_id', 'target_host_id'])
    .where('instance_id', '=', instance_id)
    .where('phase', '!=', 'ended')
    .execute()
  return rows.map(row => (row.phase === 'leaving' ? row.source_host_id : row.target_host_id))
}

/** Progress, unless there was some less than a second ago: then false, and nothing is written. */
async function noteProgress(tx: Tx, id: string, progress: MigrationProgress): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('migration')
    .set({ progress: json(progress), progress_at: sql<Date>`croft_now()` })
    .where('id', '=', id)
    .where(sql<boolean>`(progress_at is null or progress_at < croft_now() - interval '900 milliseconds')`)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/** Events that told of nothing but progress are for who watches, not for history. */
async function forgetProgress(
  tx: Tx,
  row: Pick<MigrationRow, 'id' | 'instance_id' | 'operation_id'>,
  kept_s: number,
): Promise<void> {
  await sql`delete from event where resource_id in (${row.id}::uuid, ${row.instance_id}::uuid, ${row.operation_id}::uuid)
    and at < croft_now() - make_interval(secs => ${kept_s}) and detail @> '{"progress": true}'`.execute(tx)
}

export const migration = {
  list,
  byIds,
  find,
  insert,
  update,
  lock,
  lockOpen,
  tellUnder,
  ofOperation,
  concerned,
  openOfHost,
  openOfHosts,
  undecidedFrom,
  hostsOf,
  targetsOf,
  overdue,
  uncleared,
  noteProgress,
  forgetProgress,
}
