/** Pools: only looked at. Hosts make them known. */
import type { Pool, poolRoutes } from '../../api/pool.ts'
import type { QueryOf } from '../../api/route.ts'
import { notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { Page } from '../store/page.ts'
import { pool } from '../store/pool.ts'

export function listPools(cloud: Cloud, query: QueryOf<typeof poolRoutes.list>): Promise<Page<Pool>> {
  return pool.list(cloud.database.db, query)
}

export async function getPool(cloud: Cloud, id: string): Promise<Pool> {
  const found = await pool.find(cloud.database.db, id)
  if (!found) throw notFound('pool', id)
  return found
}
