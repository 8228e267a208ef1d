/**
 * The record of changes, in the order of their commits as far as any reader can tell: an event is read only when no
 * older transaction of this database is still open, so a cursor never passes a commit that comes late.
 */
import { type RawBuilder, sql } from 'kysely'
import { channels, type Db, type Tx } from './database.ts'
import { horizon, unseenRoles } from './horizon.ts'
import { type Beside, besides, insertion, insertRows } from './insert-rows.ts'

export interface NewEvent {
  noun: string
  resource_id: string
  /** 'created', 'changed', 'deleted'. */
  kind: string
  project_id: string | null
  user_id?: string | null
  request_id?: string | null
  detail?: Record<string, unknown>
}

export interface EventRow {
  cursor: string
  at: Date
  project_id: string | null
  noun: string
  resource_id: string
  kind: string
  user_id: string | null
  request_id: string | null
  detail: unknown
}

/**
 * Adds events to the transaction and, in the same statement, the notice that wakes listeners when it commits; also the
 * controllers that hold the agents of `hosts`, whose wanted set has changed. Rows given as `beside` are added with it.
 */
async function record(
  tx: Db,
  events: readonly NewEvent[],
  hosts: Iterable<string> = [],
  beside: readonly Beside[] = [],
): Promise<void> {
  if (events.length === 0) {
    for (const { table, rows } of beside) await insertRows(tx, table, rows)
    return wakeHosts(tx, hosts)
  }
  const rows = events.map(event => ({
    noun: event.noun,
    resource_id: event.resource_id,
    kind: event.kind,
    project_id: event.project_id,
    user_id: event.user_id ?? null,
    request_id: event.request_id ?? null,
    detail: event.detail ?? {},
  }))
  await sql`with ${besides(beside)}added as (${insertion('event', rows)})
    select pg_notify(${channels.event}, '') union all
    select pg_notify(${channels.host}, id) from unnest(${[...new Set(hosts)]}::text[]) as woken (id)`.execute(tx)
}

/** Wakes listeners when the transaction commits. PostgreSQL folds equal notices of one transaction into one. */
async function notify(tx: Tx, channel: string, payload: string): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(tx)
}

/** Wakes the controllers that hold these hosts' agents: their wanted set has changed. */
async function wakeHosts(tx: Db, host_ids: Iterable<string>): Promise<void> {
  const ids = [...new Set(host_ids)]
  if (ids.length === 0) return
  await sql`select pg_notify(${channels.host}, id) from unnest(${ids}::text[]) as woken (id)`.execute(tx)
}

export function parseCursor(cursor: string): { xid: string; seq: number } | null {
  const match = /^(\d{1,20})\.(\d{1,15})$/.exec(cursor)
  return match?.[1] && match[2] && BigInt(match[1]) < 2n ** 64n ? { xid: match[1], seq: Number(match[2]) } : null
}

function after(cursor: { xid: string; seq: number }): RawBuilder<boolean> {
  return sql<boolean>`(xid, seq) > (${cursor.xid}::xid8, ${cursor.seq})`
}

const columns = ['at', 'project_id', 'noun', 'resource_id', 'kind', 'user_id', 'request_id', 'detail'] as const
const cursorColumn = sql<string>`xid::text || '.' || seq::text`.as('cursor')

export interface EventFilter {
  /** Events of this project, and those of none. */
  project_id?: string
  resource_id?: string
}

/** Events after `cursor`, oldest first, at most `limit`; and whether newer ones wait for an open transaction. */
async function since(
  db: Db,
  cursor: { xid: string; seq: number },
  limit: number,
  filter: EventFilter = {},
): Promise<{ events: EventRow[]; hidden: boolean }> {
  const open_from = await horizon(db)
  let query = db
    .selectFrom('event')
    .select([cursorColumn, ...columns])
    .where(after(cursor))
  if (filter.project_id) query = query.where(sql<boolean>`(project_id = ${filter.project_id} or project_id is null)`)
  if (filter.resource_id) query = query.where('resource_id', '=', filter.resource_id)
  const rows = await query.orderBy('xid').orderBy('seq').limit(limit).execute()
  const events = rows.filter(row => BigInt(parseCursor(row.cursor)?.xid ?? 0) < open_from)
  return { events, hidden: events.length < rows.length }
}

/** The newest settled events before `cursor`, or of all, newest first. */
async function before(
  db: Db,
  cursor: { xid: string; seq: number } | null,
  limit: number,
  filter: EventFilter = {},
): Promise<EventRow[]> {
  const open_from = await horizon(db)
  let query = db
    .selectFrom('event')
    .select([cursorColumn, ...columns])
    .where(sql<boolean>`xid < ${String(open_from)}::xid8`)
  if (cursor) query = query.where(sql<boolean>`(xid, seq) < (${cursor.xid}::xid8, ${cursor.seq})`)
  if (filter.project_id) query = query.where(sql<boolean>`(project_id = ${filter.project_id} or project_id is null)`)
  if (filter.resource_id) query = query.where('resource_id', '=', filter.resource_id)
  return await query.orderBy('xid', 'desc').orderBy('seq', 'desc').limit(limit).execute()
}

/** The place just after everything settled so far. */
async function head(db: Db): Promise<string> {
  const open_from = await horizon(db)
  const { rows } = await sql<{ cursor: string }>`
    select coalesce(
      (select xid::text || '.' || seq::text from event where xid < ${String(open_from)}::xid8
        order by xid desc, seq desc limit 1), '0.0'
    ) as cursor`.execute(db)
  return rows[0]?.cursor ?? '0.0'
}

export const event = { record, notify, wakeHosts, since, before, head, unseenRoles }
