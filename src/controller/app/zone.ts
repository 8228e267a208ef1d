/** Zones. */
import type { BodyOf, QueryOf } from '../../api/route.ts'
import type { Zone, zoneRoutes } from '../../api/zone.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { ZoneId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { region } from '../store/region.ts'
import { zone } from '../store/zone.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

export function listZones(cloud: Cloud, query: QueryOf<typeof zoneRoutes.list>): Promise<Page<Zone>> {
  return zone.list(cloud.database.db, query)
}

export async function getZone(cloud: Cloud, id: string): Promise<Zone> {
  const found = await zone.find(cloud.database.db, id)
  if (!found) throw notFound('zone', id)
  return found
}

function wrong({ name, region_id }: { name?: string | undefined; region_id?: string | undefined }) {
  return {
    zone_name_key: () => new CloudError('name_taken', `There is a zone '${name}' already. Choose another name.`),
    zone_region_id_fkey: () => notFound('region', String(region_id)),
  }
}

async function record(tx: Tx, caller: Caller, kind: string, resource_id: string): Promise<void> {
  await event.record(tx, [{ noun: 'zone', kind, resource_id, project_id: null, ...by(caller) }])
}

export function createZone(cloud: Cloud, caller: Caller, asked: BodyOf<typeof zoneRoutes.create>): Promise<Zone> {
  const id = makeId<ZoneId>(cloud)
  return change(cloud, caller, async tx => {
    const region_id = asked.region_id ?? (await region.first(tx))
    if (region_id === null) throw notFound('region', 'default')
    const created = await onConstraint(zone.insert(tx, { id, name: asked.name, region_id }), wrong(asked))
    await record(tx, caller, 'created', id)
    return created
  })
}

export function updateZone(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof zoneRoutes.update>,
): Promise<Zone> {
  return change(cloud, caller, async tx => {
    const updated = await onConstraint(zone.update(tx, id, asked), wrong(asked))
    if (!updated) throw notFound('zone', id)
    await record(tx, caller, 'changed', id)
    return updated
  })
}

export function deleteZone(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  const inUse = (what: string) => () =>
    new CloudError('in_use', `The zone still holds ${what}. Delete or move those first.`)
  return change(cloud, caller, async tx => {
    const removed = await onConstraint(zone.remove(tx, id), {
      cluster_zone_id_fkey: inUse('clusters'),
      instance_zone_id_fkey: inUse('instances'),
    })
    if (!removed) throw notFound('zone', id)
    await record(tx, caller, 'deleted', id)
    return null
  })
}
