import { clusterRoutes } from '../../api/cluster.ts'
import { createCluster, deleteCluster, getCluster, listClusters, updateCluster } from '../app/cluster.ts'
import { clearBaseline, planBaseline, setBaseline } from '../app/cpu-baseline.ts'
import { clusterReserve } from '../app/ha-reserve.ts'
import { answer, handle } from './handle.ts'

export const clusterHandlers = [
  handle(clusterRoutes.list, async ({ cloud, query }) => answer(await listClusters(cloud, query))),
  handle(clusterRoutes.get, async ({ cloud, params }) => answer(await getCluster(cloud, params.cluster))),
  handle(clusterRoutes.reserve, async ({ cloud, params }) => answer(await clusterReserve(cloud, params.cluster))),
  handle(clusterRoutes.create, async ({ cloud, caller, body }) => answer(await createCluster(cloud, caller, body))),
  handle(clusterRoutes.update, async ({ cloud, caller, params, body }) =>
    answer(await updateCluster(cloud, caller, params.cluster, body)),
  ),
  handle(clusterRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteCluster(cloud, caller, params.cluster)),
  ),
  handle(clusterRoutes.planBaseline, async ({ cloud, params }) => answer(await planBaseline(cloud, params.cluster))),
  handle(clusterRoutes.setBaseline, async ({ cloud, caller, params }) =>
    answer(await setBaseline(cloud, caller, params.cluster)),
  ),
  handle(clusterRoutes.clearBaseline, async ({ cloud, caller, params }) =>
    answer(await clearBaseline(cloud, caller, params.cluster)),
  ),
]
