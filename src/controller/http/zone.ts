import { zoneRoutes } from '../../api/zone.ts'
import { createZone, deleteZone, getZone, listZones, updateZone } from '../app/zone.ts'
import { answer, handle } from './handle.ts'

export const zoneHandlers = [
  handle(zoneRoutes.list, async ({ cloud, query }) => answer(await listZones(cloud, query))),
  handle(zoneRoutes.get, async ({ cloud, params }) => answer(await getZone(cloud, params.zone))),
  handle(zoneRoutes.create, async ({ cloud, caller, body }) => answer(await createZone(cloud, caller, body))),
  handle(zoneRoutes.update, async ({ cloud, caller, params, body }) =>
    answer(await updateZone(cloud, caller, params.zone, body)),
  ),
  handle(zoneRoutes.delete, async ({ cloud, caller, params }) => answer(await deleteZone(cloud, caller, params.zone))),
]
