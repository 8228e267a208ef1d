import { poolRoutes } from '../../api/pool.ts'
import { getPool, listPools } from '../app/pool.ts'
import { answer, handle } from './handle.ts'

export const poolHandlers = [
  handle(poolRoutes.list, async ({ cloud, query }) => answer(await listPools(cloud, query))),
  handle(poolRoutes.get, async ({ cloud, params }) => answer(await getPool(cloud, params.pool))),
]
