import { roleRoutes } from '../../api/role.ts'
import { createRole, deleteRole, getRole, listRoles, updateRole } from '../app/role.ts'
import { answer, handle } from './handle.ts'

export const roleHandlers = [
  handle(roleRoutes.list, async ({ cloud, query }) => answer(await listRoles(cloud, query))),
  handle(roleRoutes.get, async ({ cloud, params }) => {
    const found = await getRole(cloud, params.role)
    return answer(found, found.version)
  }),
  handle(roleRoutes.create, async ({ cloud, caller, body }) => answer(await createRole(cloud, caller, body))),
  handle(roleRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateRole(cloud, caller, params.role, body)
    return answer(changed, changed.version)
  }),
  handle(roleRoutes.delete, async ({ cloud, caller, params }) => answer(await deleteRole(cloud, caller, params.role))),
]
