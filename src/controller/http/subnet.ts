import { subnetRoutes } from '../../api/subnet.ts'
import { createSubnet, deleteSubnet, getSubnet, listSubnets, updateSubnet } from '../app/subnet.ts'
import { answer, handle } from './handle.ts'

export const subnetHandlers = [
  handle(subnetRoutes.list, async ({ cloud, caller, query }) => answer(await listSubnets(cloud, caller, query))),
  handle(subnetRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getSubnet(cloud, caller, params.subnet)
    return answer(found, found.version)
  }),
  handle(subnetRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createSubnet(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(subnetRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateSubnet(cloud, caller, params.subnet, body)
    return answer(changed, changed.version)
  }),
  handle(subnetRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteSubnet(cloud, caller, params.subnet)),
  ),
]
