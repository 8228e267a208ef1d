import { networkRoutes } from '../../api/network.ts'
import { createNetwork, deleteNetwork, getNetwork, listNetworks, updateNetwork } from '../app/network.ts'
import { answer, handle } from './handle.ts'

export const networkHandlers = [
  handle(networkRoutes.list, async ({ cloud, caller, query }) => answer(await listNetworks(cloud, caller, query))),
  handle(networkRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getNetwork(cloud, caller, params.network)
    return answer(found, found.version)
  }),
  handle(networkRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createNetwork(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(networkRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateNetwork(cloud, caller, params.network, body)
    return answer(changed, changed.version)
  }),
  handle(networkRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteNetwork(cloud, caller, params.network)),
  ),
]
