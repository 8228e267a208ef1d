import { imageKeyRoutes } from '../../api/image-key.ts'
import { createImageKey, deleteImageKey, getImageKey, listImageKeys } from '../app/image-key.ts'
import { answer, handle } from './handle.ts'

export const imageKeyHandlers = [
  handle(imageKeyRoutes.list, async ({ cloud, query }) => answer(await listImageKeys(cloud, query))),
  handle(imageKeyRoutes.get, async ({ cloud, params }) => answer(await getImageKey(cloud, params.image_key))),
  handle(imageKeyRoutes.create, async ({ cloud, caller, body }) => answer(await createImageKey(cloud, caller, body))),
  handle(imageKeyRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteImageKey(cloud, caller, params.image_key)),
  ),
]
