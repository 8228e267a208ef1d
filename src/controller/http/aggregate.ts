import { aggregateRoutes } from '../../api/aggregate.ts'
import {
  addHosts,
  createAggregate,
  deleteAggregate,
  getAggregate,
  listAggregates,
  removeHosts,
  updateAggregate,
} from '../app/aggregate.ts'
import { answer, handle } from './handle.ts'

const routes = aggregateRoutes

export const aggregateHandlers = [
  handle(routes.list, async ({ cloud, query }) => answer(await listAggregates(cloud, query))),
  handle(routes.get, async ({ cloud, params }) => {
    const found = await getAggregate(cloud, params.aggregate)
    return answer(found, found.version)
  }),
  handle(routes.create, async ({ cloud, caller, body }) => {
    const made = await createAggregate(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(routes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateAggregate(cloud, caller, params.aggregate, body)
    return answer(changed, changed.version)
  }),
  handle(routes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteAggregate(cloud, caller, params.aggregate)),
  ),
  handle(routes.addHosts, async ({ cloud, caller, params, body }) =>
    answer(await addHosts(cloud, caller, params.aggregate, body.host_ids)),
  ),
  handle(routes.removeHosts, async ({ cloud, caller, params, body }) =>
    answer(await removeHosts(cloud, caller, params.aggregate, body.host_ids)),
  ),
]
