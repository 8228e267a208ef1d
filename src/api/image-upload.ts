/** Resumable uploads of images, tus 1.0.0 (https://tus.io/protocols/resumable-upload): an upload's id is its image's. */
import { contentErrors, imageParams } from './image.ts'
import { route } from './route.ts'

export const imageUploadRoutes = {
  create: route({
    name: 'image-upload.create',
    method: 'POST',
    path: '/v1/image-uploads',
    summary: 'Begin the upload of a waiting image, named by image_id in Upload-Metadata, from its first byte',
    level: 'project',
    needs: 'image.manage',
    takes: 'bytes',
    status: 201,
    stream: 'bytes',
    errors: contentErrors,
    cli: { hidden: true },
  }),
  head: route({
    name: 'image-upload.head',
    method: 'HEAD',
    path: '/v1/image-uploads/:image',
    summary: 'How far an upload has come: Upload-Offset',
    level: 'project',
    needs: 'image.manage',
    params: imageParams,
    status: 200,
    stream: 'bytes',
    errors: contentErrors,
    cli: { hidden: true },
  }),
  patch: route({
    name: 'image-upload.patch',
    method: 'PATCH',
    path: '/v1/image-uploads/:image',
    summary: 'Send the content from Upload-Offset on; Upload-Length says how long it is, unless that is known',
    level: 'project',
    needs: 'image.manage',
    params: imageParams,
    takes: 'bytes',
    status: 204,
    stream: 'bytes',
    errors: contentErrors,
    cli: { hidden: true },
  }),
}
