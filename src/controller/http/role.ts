import { roleRoutes } from '../../api/role.ts'
import { createRole, deleteRole, getRole, listRoles, updateRole } from '../app/role.ts'
import { answer, handle } from './handle.ts'

export const roleHandlers = [
  handle(roleRoutes.list, async ({ cloud, query }) => answer(await listRoles(cloud, query))),
  handle(roleRoutes.get, async ({ cloud, params }) => answer(await getRole(cloud, params.role))),
  handle(roleRoutes.create, async ({ cloud, caller, body }) => answer(await createRole(cloud, caller, body))),
  handle(roleRoutes.update, async ({ cloud, caller, params, body }) =>
    answer(await updateRole(cloud, caller, params.role, body)),
  ),
  handle(roleRoutes.delete, async ({ cloud, caller, params }) => answer(await deleteRole(cloud, caller, params.role))),
]
