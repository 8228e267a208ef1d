import { hostRoutes } from '../../api/host.ts'
import { getHost, howToJoin, inviteHost, listHosts, updateHost } from '../app/host.ts'
import { removeHost } from '../app/host-remove.ts'
import { evacuateHost } from '../app/evacuate.ts'
import { fenceHost } from '../app/host-fence.ts'
import { adoptHardware } from '../app/host-identity.ts'
import { adoptInstance } from '../app/restored-adopt.ts'
import { purgeOrphan, reconcileHost } from '../app/restored.ts'
import { getHostHardware } from '../app/host-hardware.ts'
import { answer, handle } from './handle.ts'

export const hostHandlers = [
  handle(hostRoutes.list, async ({ cloud, query }) => answer(await listHosts(cloud, query))),
  handle(hostRoutes.hardware, async ({ cloud, params }) => answer(await getHostHardware(cloud, params.host))),
  handle(hostRoutes.get, async ({ cloud, params }) => answer(await getHost(cloud, params.host))),
  handle(hostRoutes.update, async ({ cloud, caller, params, body }) =>
    answer(await updateHost(cloud, caller, params.host, body)),
  ),
  handle(hostRoutes.adoptHardware, async ({ cloud, caller, params, body }) =>
    answer(await adoptHardware(cloud, caller, params.host, body)),
  ),
  handle(hostRoutes.remove, async ({ cloud, caller, params, query }) =>
    answer(await removeHost(cloud, caller, params.host, query)),
  ),
  handle(hostRoutes.fence, async ({ cloud, caller, params, body }) =>
    answer(await fenceHost(cloud, caller, params.host, body)),
  ),
  handle(hostRoutes.evacuate, async ({ cloud, caller, params }) =>
    answer(await evacuateHost(cloud, caller, params.host)),
  ),
  handle(hostRoutes.reconcile, async ({ cloud, caller, params, body }) =>
    answer(await reconcileHost(cloud, caller, params.host, body)),
  ),
  handle(hostRoutes.adopt, async ({ cloud, caller, params, body }) =>
    answer(await adoptInstance(cloud, caller, params.host, body.instance_id)),
  ),
  handle(hostRoutes.purgeOrphan, async ({ cloud, caller, params, body }) =>
    answer(await purgeOrphan(cloud, caller, params.host, body)),
  ),
  handle(hostRoutes.joining, async ({ cloud }) => answer(await howToJoin(cloud))),
  handle(hostRoutes.invite, async ({ cloud, caller, body }) => answer(await inviteHost(cloud, caller, body))),
]
