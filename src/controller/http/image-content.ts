/** An image's content in one plain request, for programs such as curl that know no tus. */
import { PassThrough, type Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Image } from '../../api/image.ts'
import { CloudError } from '../../model/errors.ts'
import type { Caller } from '../app/caller.ts'
import { checkBytes } from '../app/image.ts'
import { checkMayUpload, claimUpload, emptyUpload, finishUpload, writeUpload } from '../app/image-upload.ts'
import type { Cloud } from '../cloud.ts'

export async function putContent(cloud: Cloud, caller: Caller, id: string, request: FastifyRequest): Promise<Image> {
  await checkMayUpload(cloud, caller, id)
  const bytes = lengthOf(request)
  checkBytes(cloud, bytes)
  const stopped = new AbortController()
  {
    await using claim = await claimUpload(cloud, id, () => stopped.abort())
    await emptyUpload(cloud, id, bytes)
    try {
      await writeUpload(cloud, id, bytesOf(request), 0, end => claim.progress(end / bytes), stopped.signal)
    } catch (cause) {
      if (stopped.signal.aborted) {
        throw new CloudError('conflict', 'Another connection began to send this content, or the image was deleted.')
      }
      if (cause instanceof CloudError) throw cause
      throw new CloudError('bad_request', 'The content broke off before its end. Send it again.', {}, { cause })
    }
  }
  return await finishUpload(cloud, caller, id)
}

/** The body as a stream of its own, which may be given up while the connection still carries an answer. */
export function bytesOf({ raw }: FastifyRequest): Readable {
  const body = new PassThrough()
  raw.once('error', error => body.destroy(error))
  raw.once('close', () => {
    if (!raw.complete) body.destroy(new Error('the connection broke off'))
  })
  return raw.pipe(body)
}

function lengthOf({ headers }: FastifyRequest): number {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/octet-stream') {
    throw new CloudError('unsupported_media', 'Send the bytes of the image, as Content-Type: application/octet-stream.')
  }
  const length = headers['content-length']
  if (length === undefined || !/^\d{1,15}$/.test(length) || length === '0') {
    throw new CloudError(
      'bad_request',
      'Say how long the content is with a Content-Length, more than 0 (curl: --upload-file FILE).',
    )
  }
  return Number(length)
}
