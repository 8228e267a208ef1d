/** Decisions of the scheduler, kept with what they placed; refused ones too, to be looked up for a while. */
import { sql } from 'kysely'
import type { Placement as Told } from '../../api/placement.ts'
import type { Decision } from '../scheduler/place.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import type { Db, Tx } from './database.ts'
import { type Beside, insertRows } from './insert-rows.ts'

/** What is told beside it is made of it: app/placement-told.ts. */
type Placement = Omit<Told, 'reasons'>

export interface NewPlacement {
  id: string
  project_id: string
  instance_id: string | null
  request_id: string | null
  asked: PlacementAsked
  decision: Decision
}

/** As rows, to be added with what is told of them. */
function asRows(made: readonly NewPlacement[]): Beside {
  const rows = made.map(({ asked: { around: _, ...asked }, decision, ...row }) => ({
    ...row,
    host_id: decision.host_id,
    decision: { asked, hosts: decision.hosts, fitting: decision.fitting, refusals: decision.refusals },
  }))
  return { table: 'placement', rows }
}

async function insert(db: Db, made: readonly NewPlacement[]): Promise<void> {
  const { table, rows } = asRows(made)
  await insertRows(db, table, rows)
}

function selectPlacements(db: Db) {
  return db.selectFrom('placement').selectAll()
}

function toPlacement(row: Awaited<ReturnType<ReturnType<typeof selectPlacements>['execute']>>[number]): Placement {
  const { hosts, fitting, ...decision } = row.decision as Pick<Placement, 'asked' | 'hosts' | 'refusals'> &
    Partial<Pick<Placement, 'fitting'>>
  return {
    id: row.id,
    instance_id: row.instance_id,
    host_id: row.host_id,
    ...decision,
    // Those kept by an earlier Croft lack the number of hosts that fit, and the filter.
    fitting: fitting ?? null,
    hosts: hosts.map(one => ({ ...one, filter: one.filter ?? null })),
    created_at: row.created_at.toISOString(),
  }
}

/** Of an instance, the newest that are so: an index each, whatever is kept of it (migrations/0033-kept). */
const newest = {
  /** For the host that it is on now. */
  here: (db: Db, instance_id: string) =>
    selectPlacements(db)
      .where('instance_id', '=', instance_id)
      .where('host_id', '=', sql<string>`(select i.host_id from instance i where i.id = ${instance_id}::uuid)`)
      .orderBy('id', 'desc')
      .limit(1),
  placed: (db: Db, instance_id: string) =>
    selectPlacements(db)
      .where('instance_id', '=', instance_id)
      .where('host_id', 'is not', null)
      .orderBy('id', 'desc')
      .limit(1),
  // In the index's own order, though there is one value of the host.
  refused: (db: Db, instance_id: string) =>
    selectPlacements(db)
      .where('instance_id', '=', instance_id)
      .where('host_id', 'is', null)
      .orderBy('instance_id', 'desc')
      .orderBy('host_id', order => order.desc().nullsFirst())
      .orderBy('id', 'desc')
      .limit(1),
}

/**
 * The decision that put an instance where it is. Not one for a host that it has not gone over to, nor a refusal: those only where there is
 * nothing else, as of what was brought back otherwise (app/restored-place.ts).
 */
async function ofInstance(db: Db, instance_id: string): Promise<Placement | null> {
  for (const look of [newest.here, newest.placed, newest.refused]) {
    const row = await look(db, instance_id).executeTakeFirst()
    if (row) return toPlacement(row)
  }
  return null
}

/** The newest decision about an instance, if it is later than this one and found no host. */
async function refusedSince(db: Db, instance_id: string, since: string): Promise<Placement | null> {
  const row = await newest.refused(db, instance_id).where('id', '>', since).executeTakeFirst()
  const placed = row && (await newest.placed(db, instance_id).where('id', '>', row.id).executeTakeFirst())
  return row && !placed ? toPlacement(row) : null
}

/**
 * Keeps a refusal of what is tried again and again, when it is the first since the instance was placed or for other reasons than the last one
 * kept. How many hosts lack what is no news: that changes with each report. Who calls holds the instance.
 */
async function insertNews(tx: Tx, made: NewPlacement): Promise<void> {
  const { instance_id, decision } = made
  const last = instance_id === null ? undefined : await newest.refused(tx, instance_id).executeTakeFirst()
  if (last) {
    const placed = await newest
      .placed(tx, last.instance_id ?? '')
      .where('id', '>', last.id)
      .executeTakeFirst()
    if (!placed && reasonsIn(toPlacement(last)) === reasonsIn(decision)) return
  }
  await insert(tx, [made])
}

const reasonsIn = ({ refusals }: Pick<Decision, 'refusals'>): string =>
  Object.keys(refusals)
    .filter(filter => (refusals[filter] ?? 0) > 0)
    .sort()
    .join()

async function find(db: Db, id: string, project_id: string | null): Promise<Placement | null> {
  let query = selectPlacements(db).where('id', '=', id)
  if (project_id !== null) query = query.where('project_id', '=', project_id)
  const row = await query.executeTakeFirst()
  return row ? toPlacement(row) : null
}

/** What was asked for the instance when it was placed where it is. */
async function askedOf(db: Db, instance_id: string): Promise<PlacementAsked | null> {
  const found = await ofInstance(db, instance_id)
  return (found?.asked as PlacementAsked | undefined) ?? null
}

/** The same, with hosts that were removed since as they are called now, and the others as they were when it was made. */
async function withRemoved(db: Db, made: Placement): Promise<Placement> {
  const ids = made.hosts.map(one => one.host_id)
  const { rows } = await sql<{ id: string; name: string }>`
    select id, name from host where removed_at is not null and id = any(${ids}::uuid[])`.execute(db)
  const names = new Map(rows.map(row => [row.id, row.name]))
  return { ...made, hosts: made.hosts.map(one => ({ ...one, host: names.get(one.host_id) ?? one.host })) }
}

export const placement = { asRows, insert, insertNews, ofInstance, refusedSince, askedOf, find, withRemoved }
