/** Decisions of the scheduler, kept with what they placed; refused ones too, to be looked up for a while. */
import { sql } from 'kysely'
import type { Placement as Told } from '../../api/placement.ts'
import type { Decision } from '../scheduler/place.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import type { Db } from './database.ts'
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

/**
 * The decision that put an instance where it is. Not one for a host that it has not gone over to, nor a refusal: those only where there is
 * nothing else, as of what was brought back otherwise (app/restored-place.ts).
 */
async function ofInstance(db: Db, instance_id: string): Promise<Placement | null> {
  const row = await selectPlacements(db)
    .where('instance_id', '=', instance_id)
    .orderBy(
      sql`coalesce(host_id = (select i.host_id from instance i where i.id = placement.instance_id), false)`,
      'desc',
    )
    .orderBy(sql`host_id is not null`, 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ? toPlacement(row) : null
}

/** The newest decision about an instance, if it is later than this one and found no host. */
async function refusedSince(db: Db, instance_id: string, since: string): Promise<Placement | null> {
  const row = await selectPlacements(db)
    .where('instance_id', '=', instance_id)
    .where('id', '>', since)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && row.host_id === null ? toPlacement(row) : null
}

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

export const placement = { asRows, insert, ofInstance, refusedSince, askedOf, find }
