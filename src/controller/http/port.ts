import { portRoutes } from '../../api/port.ts'
import { createPort, deletePort, getPort, listPorts, updatePort } from '../app/port.ts'
import { answer, handle } from './handle.ts'

export const portHandlers = [
  handle(portRoutes.list, async ({ cloud, caller, query }) => answer(await listPorts(cloud, caller, query))),
  handle(portRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getPort(cloud, caller, params.port)
    return answer(found, found.version)
  }),
  handle(portRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createPort(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(portRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updatePort(cloud, caller, params.port, body)
    return answer(changed, changed.version)
  }),
  handle(portRoutes.delete, async ({ cloud, caller, params }) => answer(await deletePort(cloud, caller, params.port))),
]
