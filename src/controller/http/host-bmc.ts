import { hostBmcRoutes } from '../../api/host-bmc.ts'
import { getHostBmc, removeHostBmc, setHostBmc, testHostBmc } from '../app/host-bmc.ts'
import { answer, handle } from './handle.ts'

export const hostBmcHandlers = [
  handle(hostBmcRoutes.get, async ({ cloud, params }) => answer(await getHostBmc(cloud, params.host))),
  handle(hostBmcRoutes.set, async ({ cloud, caller, params, body }) =>
    answer(await setHostBmc(cloud, caller, params.host, body)),
  ),
  handle(hostBmcRoutes.remove, async ({ cloud, caller, params }) =>
    answer(await removeHostBmc(cloud, caller, params.host)),
  ),
  handle(hostBmcRoutes.test, async ({ cloud, caller, params }) =>
    answer(await testHostBmc(cloud, caller, params.host)),
  ),
]
