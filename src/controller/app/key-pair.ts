/** Key pairs: each user's own SSH public keys. A private key that is made here is answered once and not kept. */
import type { KeyPair, keyPairRoutes, NewKeyPair } from '../../api/key-pair.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { makeSshKeyPair, parseSshPublicKey, SshKeyRefused, type SshPublicKey } from '../../lib/ssh-key.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { KeyPairId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { event } from '../store/event.ts'
import { keyPair } from '../store/key-pair.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

export function listKeyPairs(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof keyPairRoutes.list>,
): Promise<Page<KeyPair>> {
  return keyPair.list(cloud.database.db, caller.user_id, query)
}

export async function getKeyPair(cloud: Cloud, caller: Caller, id: string): Promise<KeyPair> {
  const found = await keyPair.find(cloud.database.db, caller.user_id, id)
  if (!found) throw notFound('key pair', id)
  return found
}

function readPublicKey(text: string): SshPublicKey {
  try {
    return parseSshPublicKey(text)
  } catch (cause) {
    if (cause instanceof SshKeyRefused) throw new CloudError('invalid', cause.message, { at: '/public_key' }, { cause })
    throw cause
  }
}

export async function createKeyPair(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof keyPairRoutes.create>,
): Promise<NewKeyPair> {
  const pair =
    asked.public_key === undefined
      ? await makeSshKeyPair(asked.name)
      : { public_key: readPublicKey(asked.public_key), private_key: null }
  const id = makeId<KeyPairId>(cloud)
  const { line: public_key, fingerprint } = pair.public_key
  const created = await change(cloud, caller, async tx => {
    const row = await onConstraint(
      keyPair.insert(tx, { id, user_id: caller.user_id, name: asked.name, public_key, fingerprint }),
      {
        key_pair_user_id_name_key: () =>
          new CloudError('name_taken', `You have a key pair '${asked.name}' already. Choose another name.`),
      },
    )
    await event.record(tx, [{ noun: 'key-pair', kind: 'created', resource_id: id, project_id: null, ...by(caller) }])
    return row
  })
  // What is kept for an Idempotency-Key is the answer without the secret; asked again, another id than ours comes back.
  return { ...created, private_key: created.id === id ? pair.private_key : null }
}

export function deleteKeyPair(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    if (!(await keyPair.remove(tx, caller.user_id, id))) throw notFound('key pair', id)
    await event.record(tx, [{ noun: 'key-pair', kind: 'deleted', resource_id: id, project_id: null, ...by(caller) }])
    return null
  })
}
