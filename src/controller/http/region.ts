import { regionRoutes } from '../../api/region.ts'
import { createRegion, deleteRegion, getRegion, listRegions, updateRegion } from '../app/region.ts'
import { answer, handle } from './handle.ts'

export const regionHandlers = [
  handle(regionRoutes.list, async ({ cloud, query }) => answer(await listRegions(cloud, query))),
  handle(regionRoutes.get, async ({ cloud, params }) => answer(await getRegion(cloud, params.region))),
  handle(regionRoutes.create, async ({ cloud, caller, body }) => answer(await createRegion(cloud, caller, body))),
  handle(regionRoutes.update, async ({ cloud, caller, params, body }) =>
    answer(await updateRegion(cloud, caller, params.region, body)),
  ),
  handle(regionRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteRegion(cloud, caller, params.region)),
  ),
]
