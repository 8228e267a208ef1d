import { instanceGroupRoutes } from '../../api/instance-group.ts'
import {
  createInstanceGroup,
  deleteInstanceGroup,
  getInstanceGroup,
  listInstanceGroups,
  updateInstanceGroup,
} from '../app/instance-group.ts'
import { answer, handle } from './handle.ts'

export const instanceGroupHandlers = [
  handle(instanceGroupRoutes.list, async ({ cloud, caller, query }) =>
    answer(await listInstanceGroups(cloud, caller, query)),
  ),
  handle(instanceGroupRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getInstanceGroup(cloud, caller, params.instance_group)
    return answer(found, found.version)
  }),
  handle(instanceGroupRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createInstanceGroup(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(instanceGroupRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateInstanceGroup(cloud, caller, params.instance_group, body)
    return answer(changed, changed.version)
  }),
  handle(instanceGroupRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteInstanceGroup(cloud, caller, params.instance_group)),
  ),
]
