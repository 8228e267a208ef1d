/** Regions. */
import type { BodyOf, QueryOf } from '../../api/route.ts'
import type { Region, regionRoutes } from '../../api/region.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { RegionId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { region } from '../store/region.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

export function listRegions(cloud: Cloud, query: QueryOf<typeof regionRoutes.list>): Promise<Page<Region>> {
  return region.list(cloud.database.db, query)
}

export async function getRegion(cloud: Cloud, id: string): Promise<Region> {
  const found = await region.find(cloud.database.db, id)
  if (!found) throw notFound('region', id)
  return found
}

function nameTaken(name: string | undefined) {
  return {
    region_name_key: () => new CloudError('name_taken', `There is a region '${name}' already. Choose another name.`),
  }
}

async function record(tx: Tx, caller: Caller, kind: string, resource_id: string): Promise<void> {
  await event.record(tx, [{ noun: 'region', kind, resource_id, project_id: null, ...by(caller) }])
}

export function createRegion(cloud: Cloud, caller: Caller, asked: BodyOf<typeof regionRoutes.create>): Promise<Region> {
  const id = makeId<RegionId>(cloud)
  return change(cloud, caller, async tx => {
    const created = await onConstraint(region.insert(tx, { id, name: asked.name }), nameTaken(asked.name))
    await record(tx, caller, 'created', id)
    return created
  })
}

export function updateRegion(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof regionRoutes.update>,
): Promise<Region> {
  return change(cloud, caller, async tx => {
    const updated = await onConstraint(region.update(tx, id, asked), nameTaken(asked.name))
    if (!updated) throw notFound('region', id)
    await record(tx, caller, 'changed', id)
    return updated
  })
}

export function deleteRegion(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const removed = await onConstraint(region.remove(tx, id), {
      zone_region_id_fkey: () =>
        new CloudError('in_use', 'The region still holds zones. Delete them, or move them to another region first.'),
    })
    if (!removed) throw notFound('region', id)
    await record(tx, caller, 'deleted', id)
    return null
  })
}
