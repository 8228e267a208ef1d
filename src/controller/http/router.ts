import { routerRoutes } from '../../api/router.ts'
import {
  addInterface,
  createRouter,
  deleteRouter,
  getRouter,
  listRouters,
  removeInterface,
  updateRouter,
} from '../app/router.ts'
import { answer, handle } from './handle.ts'

export const routerHandlers = [
  handle(routerRoutes.list, async ({ cloud, caller, query }) => answer(await listRouters(cloud, caller, query))),
  handle(routerRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getRouter(cloud, caller, params.router)
    return answer(found, found.version)
  }),
  handle(routerRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createRouter(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(routerRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateRouter(cloud, caller, params.router, body)
    return answer(changed, changed.version)
  }),
  handle(routerRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteRouter(cloud, caller, params.router)),
  ),
  handle(routerRoutes.addInterface, async ({ cloud, caller, params, body }) => {
    const changed = await addInterface(cloud, caller, params.router, body.subnet_id)
    return answer(changed, changed.version)
  }),
  handle(routerRoutes.removeInterface, async ({ cloud, caller, params }) =>
    answer(await removeInterface(cloud, caller, params.router, params.subnet)),
  ),
]
