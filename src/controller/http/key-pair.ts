import { keyPairRoutes } from '../../api/key-pair.ts'
import { createKeyPair, deleteKeyPair, getKeyPair, listKeyPairs } from '../app/key-pair.ts'
import { answer, handle } from './handle.ts'

export const keyPairHandlers = [
  handle(keyPairRoutes.list, async ({ cloud, caller, query }) => answer(await listKeyPairs(cloud, caller, query))),
  handle(keyPairRoutes.get, async ({ cloud, caller, params }) =>
    answer(await getKeyPair(cloud, caller, params.key_pair)),
  ),
  handle(keyPairRoutes.create, async ({ cloud, caller, body }) => answer(await createKeyPair(cloud, caller, body))),
  handle(keyPairRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteKeyPair(cloud, caller, params.key_pair)),
  ),
]
