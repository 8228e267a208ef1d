import { imageRoutes } from '../../api/image.ts'
import { createImage, deleteImage, getImage, listImages, updateImage } from '../app/image.ts'
import { answerShare, listMembers, shareImage, unshareImage } from '../app/image-member.ts'
import { getOperation } from '../app/operation.ts'
import { answer, handle } from './handle.ts'
import { putContent } from './image-content.ts'

export const imageHandlers = [
  handle(imageRoutes.list, async ({ cloud, caller, query }) => answer(await listImages(cloud, caller, query))),
  handle(imageRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getImage(cloud, caller, params.image)
    return answer(found, found.version)
  }),
  handle(imageRoutes.create, async ({ cloud, caller, body }) => {
    const created = await createImage(cloud, caller, body)
    const { image, operation, upload_url } = created
    return {
      body: created,
      version: image.version,
      operation_id: operation.id,
      after: async () => ({
        image: await getImage(cloud, caller, image.id).catch(() => image),
        operation: await getOperation(cloud, caller, operation.id),
        upload_url,
      }),
    }
  }),
  handle(imageRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateImage(cloud, caller, params.image, body)
    return answer(changed, changed.version)
  }),
  handle(imageRoutes.members, async ({ cloud, caller, params }) =>
    answer(await listMembers(cloud, caller, params.image)),
  ),
  handle(imageRoutes.share, async ({ cloud, caller, params, body }) =>
    answer(await shareImage(cloud, caller, params.image, body.project_id)),
  ),
  handle(imageRoutes.unshare, async ({ cloud, caller, params }) =>
    answer(await unshareImage(cloud, caller, params.image, params.project)),
  ),
  handle(imageRoutes.answer, async ({ cloud, caller, params, body }) =>
    answer(await answerShare(cloud, caller, params.image, body.status)),
  ),
  handle(imageRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteImage(cloud, caller, params.image)),
  ),
  handle(imageRoutes.put, async ({ cloud, caller, params, request }) => {
    const received = await putContent(cloud, caller, params.image, request)
    return answer(received, received.version)
  }),
]
