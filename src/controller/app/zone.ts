/** Zones. */
import type { BodyOf, QueryOf } from '../../api/route.ts'
import type { Zone, zoneRoutes } from '../../api/zone.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { ZoneId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { region } from '../store/region.ts'
import { storm } from '../store/storm.ts'
import { zone } from '../store/zone.ts'
import { by, type Caller, mayOnSystem } from './caller.ts'
import { change } from './change.ts'
import { changesOf } from './changed.ts'

/** How hosts are doing is for who may see hosts. */
function asTold(caller: Caller, one: Zone): Zone {
  return mayOnSystem(caller, 'topology.read') ? one : { ...one, storm: null }
}

export async function listZones(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof zoneRoutes.list>,
): Promise<Page<Zone>> {
  const { items, next } = await zone.list(cloud.database.db, query)
  return { items: items.map(one => asTold(caller, one)), next }
}

export async function getZone(cloud: Cloud, caller: Caller, id: string): Promise<Zone> {
  const found = await zone.find(cloud.database.db, id)
  if (!found) throw notFound('zone', id)
  return asTold(caller, found)
}

/** The brake of this storm is let go: what is to be fenced and restarted is, also of hosts that vanish later on in it. */
export function overrideStorm(cloud: Cloud, caller: Caller, id: string): Promise<Zone> {
  return change(cloud, caller, async tx => {
    const done = await storm.override(tx, id, caller.user_id)
    const found = await zone.find(tx, id)
    if (!found) throw notFound('zone', id)
    if (!done)
      throw new CloudError(
        'wrong_state',
        `Nothing is held back in the zone ${found.name}: not so many of its hosts have vanished at once.`,
      )
    const detail = { storm: 'overridden' }
    await event.record(tx, [
      { noun: 'zone', kind: 'changed', resource_id: id, project_id: null, ...by(caller), detail },
    ])
    await event.notify(tx, channels.absence, '')
    return found
  })
}

function wrong({ name, region_id }: { name?: string | undefined; region_id?: string | undefined }) {
  return {
    zone_name_key: () => new CloudError('name_taken', `There is a zone '${name}' already. Choose another name.`),
    zone_region_id_fkey: () => notFound('region', String(region_id)),
  }
}

async function record(
  tx: Tx,
  caller: Caller,
  kind: string,
  resource_id: string,
  detail: ReturnType<typeof changesOf> = null,
): Promise<void> {
  const what = { noun: 'zone', kind, resource_id, project_id: null }
  await event.record(tx, [{ ...what, ...by(caller), ...(detail && { detail }) }])
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
  return change(cloud, caller, async (tx, _, noteAudit) => {
    const before = await zone.lock(tx, id)
    const updated = await onConstraint(zone.update(tx, id, asked), wrong(asked))
    if (!before || !updated) throw notFound('zone', id)
    const changes = changesOf(before, updated, asked)
    noteAudit(changes)
    await record(tx, caller, 'changed', id, changes)
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
