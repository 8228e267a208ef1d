import { roleGrantRoutes } from '../../api/role-grant.ts'
import { createRoleGrant, deleteRoleGrant, listRoleGrants } from '../app/role-grant.ts'
import { answer, handle } from './handle.ts'

export const roleGrantHandlers = [
  handle(roleGrantRoutes.list, async ({ cloud, caller, query }) => answer(await listRoleGrants(cloud, caller, query))),
  handle(roleGrantRoutes.create, async ({ cloud, caller, body }) => answer(await createRoleGrant(cloud, caller, body))),
  handle(roleGrantRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteRoleGrant(cloud, caller, params.role_grant)),
  ),
]
