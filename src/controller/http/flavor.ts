import { flavorRoutes } from '../../api/flavor.ts'
import { createFlavor, deleteFlavor, getFlavor, listFlavors } from '../app/flavor.ts'
import { answer, handle } from './handle.ts'

export const flavorHandlers = [
  handle(flavorRoutes.list, async ({ cloud, query }) => answer(await listFlavors(cloud, query))),
  handle(flavorRoutes.get, async ({ cloud, params }) => answer(await getFlavor(cloud, params.flavor))),
  handle(flavorRoutes.create, async ({ cloud, caller, body }) => answer(await createFlavor(cloud, caller, body))),
  handle(flavorRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteFlavor(cloud, caller, params.flavor)),
  ),
]
