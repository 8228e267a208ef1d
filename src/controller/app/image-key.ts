/** Keys whose signatures on images count: trusted and distrusted by who may, for the whole system. */
import type { ImageKey, imageKeyRoutes } from '../../api/image-key.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { KeyRefused, readPublicKey } from '../../lib/signature.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { ImageKeyId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { imageKey } from '../store/image-key.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

export function listImageKeys(cloud: Cloud, query: QueryOf<typeof imageKeyRoutes.list>): Promise<Page<ImageKey>> {
  return imageKey.list(cloud.database.db, query)
}

export async function getImageKey(cloud: Cloud, id: string): Promise<ImageKey> {
  const found = await imageKey.find(cloud.database.db, id)
  if (!found) throw notFound('image key', id)
  return found
}

function read(pem: string) {
  try {
    return readPublicKey(pem)
  } catch (error) {
    if (error instanceof KeyRefused) throw new CloudError('invalid', error.message, {}, { cause: error })
    throw error
  }
}

export function createImageKey(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof imageKeyRoutes.create>,
): Promise<ImageKey> {
  const { kind, fingerprint, pem } = read(asked.public_key)
  const { name, description = '' } = asked
  const made = { id: makeId<ImageKeyId>(cloud), name, description, public_key: pem, kind, fingerprint }
  return change(cloud, caller, async tx => {
    const created = await onConstraint(imageKey.insert(tx, made), {
      image_key_name_key: () =>
        new CloudError('name_taken', `There is an image key '${name}' already. Choose another name.`),
      image_key_fingerprint_key: () =>
        new CloudError(
          'conflict',
          `This very key is trusted already, under another name. Its fingerprint: ${fingerprint}.`,
        ),
    })
    await tell(tx, caller, 'created', created)
    return created
  })
}

export function deleteImageKey(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const removed = await imageKey.remove(tx, id)
    if (!removed) throw notFound('image key', id)
    await tell(tx, caller, 'deleted', removed)
    return null
  })
}

async function tell(tx: Tx, caller: Caller, kind: 'created' | 'deleted', { id, name, fingerprint }: ImageKey) {
  const detail = { name, fingerprint }
  await event.record(tx, [{ noun: 'image-key', kind, resource_id: id, project_id: null, ...by(caller), detail }])
}
