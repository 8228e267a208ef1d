import { operationRoutes } from '../../api/operation.ts'
import { cancelOperation, getOperation, listOperations, listTargets } from '../app/operation.ts'
import { answer, handle } from './handle.ts'

export const operationHandlers = [
  handle(operationRoutes.list, async ({ cloud, caller, query }) => answer(await listOperations(cloud, caller, query))),
  handle(operationRoutes.get, async ({ cloud, caller, params }) => {
    const body = await getOperation(cloud, caller, params.operation)
    return { body, operation_id: body.id, after: () => getOperation(cloud, caller, params.operation) }
  }),
  handle(operationRoutes.targets, async ({ cloud, caller, params, query }) =>
    answer(await listTargets(cloud, caller, params.operation, query)),
  ),
  handle(operationRoutes.cancel, async ({ cloud, caller, params }) =>
    answer(await cancelOperation(cloud, caller, params.operation)),
  ),
]
