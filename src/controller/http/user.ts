import { userRoutes } from '../../api/user.ts'
import { setPassword } from '../app/password.ts'
import { createUser, deleteUser, getUser, listUsers, unlockUser, updateUser } from '../app/user.ts'
import { credentialHash } from './authenticate.ts'
import { answer, handle } from './handle.ts'

export const userHandlers = [
  handle(userRoutes.list, async ({ cloud, caller, query }) => answer(await listUsers(cloud, caller, query))),
  handle(userRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getUser(cloud, caller, params.user)
    return answer(found, found.version)
  }),
  handle(userRoutes.create, async ({ cloud, caller, body }) => answer(await createUser(cloud, caller, body))),
  handle(userRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateUser(cloud, caller, params.user, body)
    return answer(changed, changed.version)
  }),
  handle(userRoutes.password, async ({ cloud, caller, params, body, request }) =>
    answer(await setPassword(cloud, caller, credentialHash(request), params.user, body)),
  ),
  handle(userRoutes.unlock, async ({ cloud, caller, params }) => answer(await unlockUser(cloud, caller, params.user))),
  handle(userRoutes.delete, async ({ cloud, caller, params }) => answer(await deleteUser(cloud, caller, params.user))),
]
