import { quotaRoutes } from '../../api/quota.ts'
import { getQuota, setQuota } from '../app/quota.ts'
import { answer, handle } from './handle.ts'

export const quotaHandlers = [
  handle(quotaRoutes.get, async ({ cloud, caller, query }) => answer(await getQuota(cloud, caller, query))),
  handle(quotaRoutes.set, async ({ cloud, caller, params, body }) =>
    answer(await setQuota(cloud, caller, params, body)),
  ),
]
