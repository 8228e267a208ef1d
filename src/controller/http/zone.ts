import { zoneRoutes } from '../../api/zone.ts'
import { createZone, deleteZone, getZone, listZones, overrideStorm, updateZone } from '../app/zone.ts'
import { answer, handle } from './handle.ts'

export const zoneHandlers = [
  handle(zoneRoutes.list, async ({ cloud, caller, query }) => answer(await listZones(cloud, caller, query))),
  handle(zoneRoutes.get, async ({ cloud, caller, params }) => answer(await getZone(cloud, caller, params.zone))),
  handle(zoneRoutes.create, async ({ cloud, caller, body }) => answer(await createZone(cloud, caller, body))),
  handle(zoneRoutes.update, async ({ cloud, caller, params, body }) =>
    answer(await updateZone(cloud, caller, params.zone, body)),
  ),
  handle(zoneRoutes.override, async ({ cloud, caller, params }) =>
    answer(await overrideStorm(cloud, caller, params.zone)),
  ),
  handle(zoneRoutes.delete, async ({ cloud, caller, params }) => answer(await deleteZone(cloud, caller, params.zone))),
]
