import { apiKeyRoutes } from '../../api/api-key.ts'
import { createApiKey, deleteApiKey, getApiKey, listApiKeys } from '../app/api-key.ts'
import { answer, handle } from './handle.ts'

export const apiKeyHandlers = [
  handle(apiKeyRoutes.list, async ({ cloud, caller, query }) => answer(await listApiKeys(cloud, caller, query))),
  handle(apiKeyRoutes.get, async ({ cloud, caller, params }) => answer(await getApiKey(cloud, caller, params.api_key))),
  handle(apiKeyRoutes.create, async ({ cloud, caller, body }) => answer(await createApiKey(cloud, caller, body))),
  handle(apiKeyRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteApiKey(cloud, caller, params.api_key)),
  ),
]
