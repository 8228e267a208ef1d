/** Flavors: read by all, made and deleted by administrators. A running instance keeps the sizes it was made with. */
import type { Flavor, flavorRoutes } from '../../api/flavor.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { FlavorId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { event } from '../store/event.ts'
import { flavor } from '../store/flavor.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { checkHardware } from './hardware.ts'

export function listFlavors(cloud: Cloud, query: QueryOf<typeof flavorRoutes.list>): Promise<Page<Flavor>> {
  return flavor.list(cloud.database.db, query)
}

export async function getFlavor(cloud: Cloud, id: string): Promise<Flavor> {
  const found = await flavor.find(cloud.database.db, id)
  if (!found) throw notFound('flavor', id)
  return found
}

export function createFlavor(cloud: Cloud, caller: Caller, asked: BodyOf<typeof flavorRoutes.create>): Promise<Flavor> {
  const made = {
    ...asked,
    id: makeId<FlavorId>(cloud),
    ephemeral_gib: asked.ephemeral_gib ?? 0,
    swap_mib: asked.swap_mib ?? 0,
    properties: asked.properties ?? {},
  }
  return change(cloud, caller, async tx => {
    await checkHardware(tx, made)
    const created = await onConstraint(flavor.insert(tx, made), {
      flavor_name_key: () =>
        new CloudError('name_taken', `There is a flavor '${asked.name}' already. Choose another name.`),
    })
    await event.record(tx, [{ noun: 'flavor', kind: 'created', resource_id: made.id, project_id: null, ...by(caller) }])
    return created
  })
}

export function deleteFlavor(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    if (!(await flavor.remove(tx, id))) throw notFound('flavor', id)
    await event.record(tx, [{ noun: 'flavor', kind: 'deleted', resource_id: id, project_id: null, ...by(caller) }])
    return null
  })
}
