/** API keys: each user's own. The secret is answered once; only its SHA-256 is kept. */
import type { ApiKey, apiKeyRoutes, NewApiKey } from '../../api/api-key.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { ApiKeyId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { apiKey } from '../store/api-key.ts'
import { onConstraint } from '../store/constraint.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { changeIdentity } from './holders.ts'
import { chooseProject, newSecret, personOf } from './session.ts'

export function listApiKeys(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof apiKeyRoutes.list>,
): Promise<Page<ApiKey>> {
  return apiKey.list(cloud.database.db, caller.user_id, query)
}

export async function getApiKey(cloud: Cloud, caller: Caller, id: string): Promise<ApiKey> {
  const found = await apiKey.find(cloud.database.db, caller.user_id, id)
  if (!found) throw notFound('API key', id)
  return found
}

export async function createApiKey(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof apiKeyRoutes.create>,
): Promise<NewApiKey> {
  const expires_at = asked.expires_at == null ? null : new Date(asked.expires_at)
  if (expires_at && !(expires_at.getTime() > cloud.clock.now_ms())) {
    throw new CloudError('invalid', 'expires_at is in the past: the key would never be good for anything.')
  }
  const chosen =
    asked.project === undefined ? null : await chooseProject(cloud.database.db, personOf(caller), asked.project)
  const { secret, sha256 } = newSecret(cloud, 'k')
  const id = makeId<ApiKeyId>(cloud)
  const project_id = chosen?.project.id ?? caller.project_id
  const made = { id, user_id: caller.user_id, project_id, name: asked.name, secret_sha256: sha256, expires_at }
  const created = await change(cloud, caller, async tx => {
    const row = await onConstraint(apiKey.insert(tx, made), {
      api_key_user_id_name_key: () =>
        new CloudError('name_taken', `You have an API key '${asked.name}' already. Choose another name.`),
    })
    await event.record(tx, [{ noun: 'api-key', kind: 'created', resource_id: id, project_id: null, ...by(caller) }])
    return row
  })
  // What is kept for an Idempotency-Key is the answer without the secret; asked again, another id than ours comes back.
  return { ...created, secret: created.id === id ? secret : null }
}

export function deleteApiKey(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return changeIdentity(cloud, caller, async tx => {
    if (!(await apiKey.remove(tx, caller.user_id, id))) throw notFound('API key', id)
    await event.record(tx, [{ noun: 'api-key', kind: 'deleted', resource_id: id, project_id: null, ...by(caller) }])
    return null
  })
}
