/** Aggregates of hosts. What they say counts for what is placed from now on; nothing that runs is moved for it. */
import type { Aggregate, aggregateRoutes } from '../../api/aggregate.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { AggregateId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { aggregate } from '../store/aggregate.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller, checkVersion } from './caller.ts'
import { change } from './change.ts'

export function listAggregates(cloud: Cloud, query: QueryOf<typeof aggregateRoutes.list>): Promise<Page<Aggregate>> {
  return aggregate.list(cloud.database.db, query)
}

export async function getAggregate(cloud: Cloud, id: string): Promise<Aggregate> {
  const found = await aggregate.find(cloud.database.db, id)
  if (!found) throw notFound('aggregate', id)
  return found
}

function wrong({ name }: { name?: string | undefined }) {
  return {
    aggregate_name_key: () =>
      new CloudError('name_taken', `There is an aggregate '${name}' already. Choose another name.`),
    aggregate_project_project_id_fkey: () =>
      new CloudError(
        'not_found',
        'One of the projects is not there (any more). See which there are: croft project list.',
      ),
  }
}

/** Hosts show the aggregates that they are in, so they have changed with it. */
async function record(tx: Tx, caller: Caller, kind: string, id: string, host_ids: readonly string[] = []) {
  await aggregate.noteHosts(tx, host_ids)
  await event.record(tx, [
    { noun: 'aggregate', kind, resource_id: id, project_id: null, ...by(caller) },
    ...host_ids.map(resource_id => ({ noun: 'host', kind: 'changed', resource_id, project_id: null, ...by(caller) })),
  ])
}

async function shown(tx: Tx, id: string): Promise<Aggregate> {
  const found = await aggregate.find(tx, id)
  if (!found) throw notFound('aggregate', id)
  return found
}

async function lock(tx: Tx, caller: Caller, id: string): Promise<Metadata> {
  const row = await aggregate.lock(tx, id)
  if (!row) throw notFound('aggregate', id)
  checkVersion(caller, row.version)
  return row.metadata
}

type Metadata = Aggregate['metadata']

/**
 * Keys by which the scheduler goes: scheduler/filters/aggregate-projects.ts, aggregate-exclusive.ts. What an aggregate has since before they
 * were looked at it keeps, as it counts.
 */
function checkMetadata({ projects, exclusive }: Metadata = {}, known: Metadata = {}): void {
  if (projects !== undefined && projects !== known.projects) {
    throw new CloudError(
      'invalid',
      "An aggregate's metadata has no key 'projects'. Which projects its hosts are kept for is said by project_ids, once for each: croft aggregate create (or update) … --project NAME.",
    )
  }
  if (exclusive !== undefined && exclusive !== 'true' && exclusive !== 'false' && exclusive !== known.exclusive) {
    throw new CloudError(
      'invalid',
      `The key 'exclusive' of an aggregate's metadata is 'true' or 'false', and not '${exclusive}': with true its hosts take only what asks for something else in its metadata.`,
    )
  }
}

export function createAggregate(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof aggregateRoutes.create>,
): Promise<Aggregate> {
  const id = makeId<AggregateId>(cloud)
  checkMetadata(asked.metadata)
  return change(cloud, caller, async tx => {
    await onConstraint(aggregate.insert(tx, { ...asked, id }), wrong(asked))
    await record(tx, caller, 'created', id)
    return await shown(tx, id)
  })
}

export function updateAggregate(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof aggregateRoutes.update>,
): Promise<Aggregate> {
  return change(cloud, caller, async tx => {
    checkMetadata(asked.metadata, await lock(tx, caller, id))
    await onConstraint(aggregate.update(tx, id, asked), wrong(asked))
    await record(tx, caller, 'changed', id, await aggregate.hostIds(tx, id))
    return await shown(tx, id)
  })
}

export function deleteAggregate(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    await lock(tx, caller, id)
    const host_ids = await aggregate.hostIds(tx, id)
    await aggregate.remove(tx, id)
    await record(tx, caller, 'deleted', id, host_ids)
    return null
  })
}

export function addHosts(cloud: Cloud, caller: Caller, id: string, host_ids: readonly string[]): Promise<Aggregate> {
  return change(cloud, caller, async tx => {
    if (!(await aggregate.lock(tx, id))) throw notFound('aggregate', id)
    const present = new Set(await aggregate.presentHosts(tx, host_ids))
    const strange = host_ids.find(one => !present.has(one))
    if (strange !== undefined) throw notFound('host', strange)
    await record(tx, caller, 'changed', id, await aggregate.addHosts(tx, id, host_ids))
    return await shown(tx, id)
  })
}

export function removeHosts(cloud: Cloud, caller: Caller, id: string, host_ids: readonly string[]): Promise<Aggregate> {
  return change(cloud, caller, async tx => {
    if (!(await aggregate.lock(tx, id))) throw notFound('aggregate', id)
    await record(tx, caller, 'changed', id, await aggregate.removeHosts(tx, id, host_ids))
    return await shown(tx, id)
  })
}
