import { floatingIpRoutes } from '../../api/floating-ip.ts'
import {
  createFloatingIp,
  deleteFloatingIp,
  getFloatingIp,
  listFloatingIps,
  updateFloatingIp,
} from '../app/floating-ip.ts'
import { answer, handle } from './handle.ts'

export const floatingIpHandlers = [
  handle(floatingIpRoutes.list, async ({ cloud, caller, query }) =>
    answer(await listFloatingIps(cloud, caller, query)),
  ),
  handle(floatingIpRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getFloatingIp(cloud, caller, params.floating_ip)
    return answer(found, found.version)
  }),
  handle(floatingIpRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createFloatingIp(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(floatingIpRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateFloatingIp(cloud, caller, params.floating_ip, body)
    return answer(changed, changed.version)
  }),
  handle(floatingIpRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteFloatingIp(cloud, caller, params.floating_ip)),
  ),
]
