/**
 * Events for callers: past ones by page, and live ones as a stream that can be resumed at any cursor without a gap or a
 * double. What a caller may not see never reaches them.
 */
import type { Event, eventRoutes } from '../../api/event.ts'
import type { QueryOf } from '../../api/route.ts'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { Db } from '../store/database.ts'
import { type EventRow, event, parseCursor } from '../store/event.ts'
import { host } from '../store/host.ts'
import { instance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { operation } from '../store/operation.ts'
import type { Page } from '../store/page.ts'
import { type Caller, visibleProject } from './caller.ts'
import { namesFor } from './names.ts'
import { detailOf, type EventFilter, mayHear, mustHear, within } from './event-rights.ts'

/** Tells when a role was given to this user, or taken. Returns how to stop. */
export function watchGrants(cloud: Cloud, user_id: string, notice: () => void): () => void {
  return cloud.events.watch(rows => {
    if (rows.some(row => row.noun === 'role-grant' && detailOf(row).user_id === user_id)) notice()
  })
}

/** Events kept in memory for a reader that is slower than what happens. */
const queued_max = 2000

/** The things behind a batch of events as they are now: one query per noun. */
async function resourcesOf(db: Db, rows: readonly EventRow[]): Promise<Map<string, unknown>> {
  const idsOf = (noun: string) => [...new Set(rows.filter(row => row.noun === noun).map(row => row.resource_id))]
  const found: { id: string }[] = [
    ...(await instance.byIds(db, idsOf('instance'))),
    ...(await operation.byIds(db, idsOf('operation'))),
    ...(await host.byIds(db, idsOf('host'))),
    ...(await migration.byIds(db, idsOf('migration'))),
  ]
  return new Map(found.map(one => [one.id, one]))
}

async function toEvents(db: Db, rows: readonly EventRow[]): Promise<Event[]> {
  const resources = await resourcesOf(db, rows)
  return rows.map(row =>
    // Shared by all who hear of it: nobody may change it.
    Object.freeze({
      ...row,
      at: row.at.toISOString(),
      resource:
        row.noun === 'instance' || resources.has(row.resource_id) ? (resources.get(row.resource_id) ?? null) : null,
    }),
  )
}

/** With the names of things and of who did it: for one caller, who may not know all of them. */
async function named(db: Db, caller: Caller, rows: readonly EventRow[]): Promise<Event[]> {
  const events = await toEvents(db, rows)
  const names = await namesFor(
    db,
    caller,
    events.flatMap(({ noun, resource_id, user_id }) => [
      { noun, id: resource_id },
      { noun: 'user', id: user_id },
    ]),
  )
  return events.map(one => ({
    ...one,
    resource_name: names.get(one.resource_id) ?? null,
    user_name: names.get(one.user_id ?? '') ?? null,
  }))
}

/** Live events as they are told, made once for all who hear of them. */
const told = new WeakMap<EventRow, Promise<Event>>()

async function toldEvents(db: Db, rows: readonly EventRow[]): Promise<Event[]> {
  const fresh = rows.filter(row => !told.has(row))
  if (fresh.length > 0) {
    const made = toEvents(db, fresh)
    for (const [n, row] of fresh.entries()) {
      const one = made.then(events => events[n] as Event)
      // Who asks next tries anew; whoever awaits this hears of the failure.
      one.catch(() => told.delete(row))
      told.set(row, one)
    }
  }
  return await Promise.all(rows.map(row => told.get(row) as Promise<Event>))
}

const start = { xid: '0', seq: 0 }

function cursorOf(cursor: string | undefined): { xid: string; seq: number } {
  const parsed = cursor === undefined ? start : parseCursor(cursor)
  if (!parsed) throw new CloudError('invalid', 'The cursor is not one that an event carries. Begin again without one.')
  return parsed
}

export async function listEvents(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof eventRoutes.list>,
): Promise<Page<Event>> {
  visibleProject(caller, 'event.read', query.all_projects)
  const limit = query.limit ?? 100
  if (query.latest) return latestEvents(cloud, caller, query, limit)
  let cursor = cursorOf(query.cursor)
  const heard: EventRow[] = []
  let more = true
  // Reads on until the page is full: what this caller may not hear is passed over. Not through all of the past for one
  // request: a page may be short, or empty, and still have a next one.
  for (let reads = 0; more && heard.length <= limit && reads < reads_max; reads++) {
    const { events } = await event.since(cloud.database.db, cursor, batch, within(caller, query))
    heard.push(...events.filter(row => mayHear(caller, query, row)))
    cursor = cursorOf(events.at(-1)?.cursor ?? textOf(cursor))
    more = events.length === batch
  }
  const items = await named(cloud.database.db, caller, heard.slice(0, limit))
  if (heard.length > limit) return { items, next: items.at(-1)?.cursor ?? null }
  return { items, next: more ? textOf(cursor) : null }
}

/** The same from now into the past; `next` leads further back. */
async function latestEvents(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof eventRoutes.list>,
  limit: number,
): Promise<Page<Event>> {
  let cursor = query.cursor === undefined ? null : cursorOf(query.cursor)
  const heard: EventRow[] = []
  let more = true
  for (let reads = 0; more && heard.length <= limit && reads < reads_max; reads++) {
    const rows = await event.before(cloud.database.db, cursor, batch, within(caller, query))
    heard.push(...rows.filter(row => mayHear(caller, query, row)))
    const last = rows.at(-1)
    if (last) cursor = cursorOf(last.cursor)
    more = rows.length === batch
  }
  const items = await named(cloud.database.db, caller, heard.slice(0, limit))
  if (heard.length > limit) return { items, next: items.at(-1)?.cursor ?? null }
  return { items, next: more && cursor ? textOf(cursor) : null }
}

const batch = 1000
const reads_max = 20

function textOf({ xid, seq }: { xid: string; seq: number }): string {
  return `${xid}.${seq}`
}

/** Where a stream that is to begin now begins. */
export function newestCursor(cloud: Cloud, caller: Caller, query: EventFilter): Promise<string> {
  mustHear(caller, query)
  return event.head(cloud.database.db)
}

/** Some of what came after the cursor may have been removed since, as old (event.keep_days). */
export async function isPast(cloud: Cloud, cursor: string): Promise<boolean> {
  const oldest = await event.oldest(cloud.database.db)
  return oldest !== null && isAfter(oldest, cursorOf(cursor))
}

/**
 * Batches of events, from just after `cursor` (or from now) on, until the signal fires. Misses none and repeats none:
 * it watches first and reads the past then, and passes over what it has read. Rejects for a bad cursor. Resolves when the
 * place is known from which on nothing is missed, so that what is read later has all that was before.
 */
export async function followEvents(
  cloud: Cloud,
  caller: Caller,
  query: EventFilter & { cursor?: string | undefined },
  signal: AbortSignal,
): Promise<AsyncGenerator<Event[]>> {
  mustHear(caller, query)
  const from = cursorOf(query.cursor ?? (await event.head(cloud.database.db)))
  return follow(cloud, caller, query, from, signal)
}

async function* follow(
  cloud: Cloud,
  caller: Caller,
  query: EventFilter,
  from: { xid: string; seq: number },
  signal: AbortSignal,
): AsyncGenerator<Event[]> {
  let queue: EventRow[] = []
  // At first, and whenever the reader has fallen too far behind, it reads what is past from the database.
  let past = true
  let wake = Promise.withResolvers<void>()
  const unwatch = cloud.events.watch(rows => {
    queue.push(...rows.filter(row => mayHear(caller, query, row)))
    if (queue.length > queued_max) {
      queue = []
      past = true
    }
    wake.resolve()
  })
  signal.addEventListener('abort', () => wake.resolve(), { once: true })
  try {
    let cursor = from
    while (!signal.aborted) {
      if (past) {
        // Before the reading: what overflows meanwhile makes it read on.
        past = false
        const { events } = await event.since(cloud.database.db, cursor, batch, within(caller, query))
        const heard = events.filter(row => mayHear(caller, query, row))
        cursor = cursorOf(events.at(-1)?.cursor ?? textOf(cursor))
        if (events.length === batch) past = true
        if (heard.length > 0) yield await toEvents(cloud.database.db, heard)
        continue
      }
      const rows = queue.filter(row => isAfter(row.cursor, cursor))
      queue = []
      const last = rows.at(-1)
      if (last) {
        cursor = cursorOf(last.cursor)
        yield await toldEvents(cloud.database.db, rows)
        continue
      }
      await wake.promise
      wake = Promise.withResolvers<void>()
    }
  } finally {
    unwatch()
  }
}

function isAfter(cursor: string, other: { xid: string; seq: number }): boolean {
  const one = cursorOf(cursor)
  return one.xid === other.xid ? one.seq > other.seq : BigInt(one.xid) > BigInt(other.xid)
}
