import { maintenanceRoutes } from '../../api/maintenance.ts'
import { endMaintenance, getMaintenance, listMaintenances, startMaintenance } from '../app/maintenance.ts'
import { getOperation } from '../app/operation.ts'
import { answer, handle } from './handle.ts'

export const maintenanceHandlers = [
  handle(maintenanceRoutes.list, async ({ cloud, query }) => answer(await listMaintenances(cloud, query))),
  handle(maintenanceRoutes.get, async ({ cloud, params }) => answer(await getMaintenance(cloud, params.host))),
  handle(maintenanceRoutes.start, async ({ cloud, caller, params, body }) => {
    const begun = await startMaintenance(cloud, caller, params.host, body)
    return {
      body: begun,
      operation_id: begun.operation.id,
      after: async () => ({
        maintenance: await getMaintenance(cloud, params.host).catch(() => begun.maintenance),
        operation: await getOperation(cloud, caller, begun.operation.id),
      }),
    }
  }),
  handle(maintenanceRoutes.end, async ({ cloud, caller, params, query }) =>
    answer(await endMaintenance(cloud, caller, params.host, query)),
  ),
]
