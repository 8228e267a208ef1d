/**
 * The record of changes, in the order of their commits as far as any reader can tell: an event is read only when no
 * older transaction of this database is still open, so a cursor never passes a commit that comes late.
 */
import { type RawBuilder, sql } from 'kysely'
import { atOnce, channels, type Db, type Tx } from './database.ts'
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
  return sql<boolean>`(xid, seq) > (${cursor.xid}::xid8, ${cursor.seq}::bigint)`
}

const columns = ['at', 'project_id', 'noun', 'resource_id', 'kind', 'user_id', 'request_id', 'detail'] as const
const cursorColumn = sql<string>`xid::text || '.' || seq::text`.as('cursor')

/** Whose events are read: what concerns one person. Narrower than all, and wider than what they may hear, which is not decided here. */
export interface Concern {
  /** All events of this project; null: of none. */
  project_id: string | null
  /** Of those that belong to no project, all of these nouns. */
  nouns: readonly string[]
  /** These instances, and what was done with them. */
  given: readonly string[]
  /** What this user did (where it belongs to no project, or is about who may do what), and what was given to them or taken. */
  user_id: string
}

export interface EventFilter {
  concern?: Concern | undefined
  resource_id?: string | undefined
}

/**
 * Where to look for what concerns somebody: each place is found by an index of its own, and but for single instances in its order. The last
 * three's conditions are those of partial indexes, word by word (migrations/0024): given as parameters, a kept plan would not know them.
 */
function placesOf({ project_id, nouns, given, user_id }: Concern): RawBuilder<boolean>[] {
  return [
    ...(project_id === null ? [] : [sql<boolean>`project_id = ${project_id}::uuid`]),
    ...(given.length === 0 ? [] : [ofInstances(given)]),
    ...nouns.map(noun => sql<boolean>`project_id is null and noun = ${noun}`),
    sql<boolean>`user_id = ${user_id}::uuid
      and (project_id is null or noun in ('domain', 'project', 'user', 'role', 'role-grant', 'quota'))`,
    sql<boolean>`noun = 'role-grant' and detail->>'user_id' = ${user_id}`,
  ]
}

/** Of an operation that is so old that it is gone, nothing is told. */
const ofInstances = (ids: readonly string[]) => sql<boolean>`resource_id = any(${[...ids]}::uuid[]
  || array(select o.id from operation o where o.resource_id = any(${[...ids]}::uuid[])))`

/**
 * At most `limit` events that `bound` lets through, from the oldest on or from the newest back. Each place gives its first ones in order,
 * and they are merged: what this costs grows with what is found, not with what happened.
 */
function read(
  bound: RawBuilder<boolean>,
  direction: 'asc' | 'desc',
  limit: number,
  { concern, resource_id }: EventFilter,
): RawBuilder<EventRow> {
  const order = sql.raw(`order by xid ${direction}, seq ${direction} limit ${limit}`)
  const fields = sql.raw(columns.join(', '))
  const cursor = sql`xid::text || '.' || seq::text as cursor`
  const places =
    resource_id !== undefined
      ? [sql<boolean>`resource_id = ${resource_id}::uuid`]
      : concern === undefined
        ? []
        : placesOf(concern)
  const [only, ...others] = places
  if (others.length === 0)
    return sql<EventRow>`select ${cursor}, ${fields} from event where ${bound} ${only ? sql`and ${only}` : sql``} ${order}`
  const found = places.map(place => sql`(select xid, seq, ${fields} from event where ${bound} and ${place} ${order})`)
  // One event may be found at several places.
  return sql<EventRow>`select distinct on (xid, seq) ${cursor}, ${fields} from (${sql.join(found, sql` union all `)}) as f ${order}`
}

/** Events after `cursor`, oldest first, at most `limit`; and whether newer ones wait for an open transaction. */
async function since(
  db: Db,
  cursor: { xid: string; seq: number },
  limit: number,
  filter: EventFilter = {},
): Promise<{ events: EventRow[]; hidden: boolean }> {
  const [open_from, { rows }] = await atOnce(db, horizon, here =>
    read(after(cursor), 'asc', limit, filter).execute(here),
  )
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
  const settled = sql<boolean>`xid < ${String(await horizon(db))}::xid8`
  const bound = cursor
    ? sql<boolean>`${settled} and (xid, seq) < (${cursor.xid}::xid8, ${cursor.seq}::bigint)`
    : settled
  return (await read(bound, 'desc', limit, filter).execute(db)).rows
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

/** The oldest event that is kept; null: none. */
async function oldest(db: Db): Promise<string | null> {
  const row = await db
    .selectFrom('event')
    .select(cursorColumn)
    .orderBy('xid')
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
  return row?.cursor ?? null
}

export const event = { record, notify, wakeHosts, since, before, head, oldest, unseenRoles }
