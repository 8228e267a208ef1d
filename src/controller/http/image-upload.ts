/**
 * Resumable uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload): the protocol is @tus/server's, the file and
 * who may write it are app/image-upload.ts's. Its refusals become problem documents like all others.
 */
import { Readable } from 'node:stream'
import { DataStore, type Locker, Server, Upload } from '@tus/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { imageUploadRoutes } from '../../api/image-upload.ts'
import { CloudError } from '../../model/errors.ts'
import { isUuid } from '../../model/ids.ts'
import type { Caller } from '../app/caller.ts'
import { checkBytes } from '../app/image.ts'
import type { KeptLease } from '../app/image-lease.ts'
import {
  checkMayUpload,
  claimUpload,
  emptyUpload,
  finishUpload,
  receivedWhole,
  setUploadSize,
  uploadState,
  writeUpload,
} from '../app/image-upload.ts'
import type { Cloud } from '../cloud.ts'
import { answer, handle } from './handle.ts'
import { bytesOf } from './image-content.ts'

const path = '/v1/image-uploads'
const tus_version = '1.0.0'

/** One request's view of the store: its claim on the image shows the progress. */
class ImageStore extends DataStore {
  claim: KeptLease | undefined
  private readonly cloud: Cloud

  constructor(cloud: Cloud) {
    super()
    this.cloud = cloud
    this.extensions = ['creation', 'creation-with-upload', 'creation-defer-length']
  }

  override async create(upload: Upload): Promise<Upload> {
    await emptyUpload(this.cloud, upload.id, upload.size ?? null)
    return upload
  }

  override async getUpload(id: string): Promise<Upload> {
    const { offset, size, created_at } = await uploadState(this.cloud, id)
    return new Upload({ id, offset, ...(size !== null && { size }), creation_date: created_at.toISOString() })
  }

  override async declareUploadLength(id: string, size: number): Promise<void> {
    await setUploadSize(this.cloud, id, size)
  }

  override async write(source: Readable, id: string, offset: number): Promise<number> {
    const { size } = await uploadState(this.cloud, id)
    return await writeUpload(this.cloud, id, source, offset, end => size && this.claim?.progress(end / size))
  }
}

/** tus's locks, as claims that all controllers see. */
function lockerOf(cloud: Cloud, store: ImageStore): Locker {
  return {
    newLock: id => ({
      async lock(_signal, cancel) {
        store.claim = await claimUpload(cloud, id, () => void cancel())
      },
      async unlock() {
        await store.claim?.[Symbol.asyncDispose]()
      },
    }),
  }
}

function serverOf(cloud: Cloud, caller: Caller, onError: (error: unknown) => void): Server {
  const store = new ImageStore(cloud)
  return new Server({
    path,
    datastore: store,
    locker: lockerOf(cloud, store),
    // A sender who comes back does not wait for what its broken connection has still to say.
    lockDrainTimeout: 10,
    relativeLocation: true,
    allowedOrigins: [],
    maxSize: () => cloud.settings.get('image.bytes_max'),
    namingFunction: async (_request, metadata) => {
      const id = metadata?.image_id ?? ''
      if (!isUuid(id)) {
        throw new CloudError('bad_request', 'Upload-Metadata must name the image that the content is for, as image_id.')
      }
      await checkMayUpload(cloud, caller, id)
      return id
    },
    onUploadFinish: async (_request, upload) => {
      await finishUpload(cloud, caller, upload.id)
      return {}
    },
    onResponseError: (_request, error) => {
      onError(error)
      return undefined
    },
  })
}

/** Hands the request to tus and its answer to the reply. Throws CloudError for what tus refuses. */
async function serveTus(cloud: Cloud, caller: Caller, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('tus-resumable', tus_version)
  let failure: unknown
  const server = serverOf(cloud, caller, error => (failure = error))
  const announced = Number(request.headers['upload-length'] ?? 0)
  if (Number.isSafeInteger(announced)) checkBytes(cloud, announced)
  const said = await server.handleWeb(webRequest(request))
  if (said.status >= 400) throw toProblem(failure, said.status, await said.text(), cloud)
  for (const [name, value] of said.headers) if (!name.startsWith('access-control-')) reply.header(name, value)
  await reply.status(said.status).send(said.status === 204 ? undefined : '')
}

function webRequest(request: FastifyRequest): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  // Locations are relative: which host was asked for matters to nobody, and a made-up one may be no URL.
  const url = `http://localhost${request.url}`
  if (request.method === 'HEAD') return new Request(url, { method: 'HEAD', headers })
  // Node takes a stream as a body only when told that it does not wait for its end (fetch standard, `duplex`).
  const init = { method: request.method, headers, body: Readable.toWeb(bytesOf(request)), duplex: 'half' as const }
  return new Request(url, init)
}

/** What tus says about a refusal, in this API's words where they are clearer. */
function toProblem(failure: unknown, status: number, text: string, cloud: Cloud): CloudError {
  if (failure instanceof CloudError) return failure
  const said = text.trim().replace(/\.?$/, '.')
  switch (status) {
    case 404:
    case 410:
      return new CloudError('not_found', said)
    case 409:
      return new CloudError('conflict', 'The content does not go on there. Ask where it does: HEAD, Upload-Offset.')
    case 413: {
      const limit_bytes = cloud.settings.get('image.bytes_max')
      return new CloudError(
        'too_large',
        `More was sent than was announced, or than the ${limit_bytes} bytes that images may have (setting image.bytes_max).`,
        { limit_bytes },
      )
    }
    case 500:
    case 501:
      throw failure
    default:
      return new CloudError('bad_request', `By the tus protocol: ${said}`)
  }
}

export const imageUploadHandlers = [
  handle(imageUploadRoutes.create, async ({ cloud, caller, request, reply }) => {
    await serveTus(cloud, caller, request, reply)
    return answer(undefined)
  }),
  handle(imageUploadRoutes.head, async ({ cloud, caller, params, request, reply }) => {
    const whole_bytes = await receivedWhole(cloud, caller, params.image)
    if (whole_bytes === null) await serveTus(cloud, caller, request, reply)
    else {
      reply.header('tus-resumable', tus_version)
      await reply.header('upload-offset', whole_bytes).header('upload-length', whole_bytes).status(200).send('')
    }
    return answer(undefined)
  }),
  handle(imageUploadRoutes.patch, async ({ cloud, caller, params, request, reply }) => {
    await checkMayUpload(cloud, caller, params.image)
    await serveTus(cloud, caller, request, reply)
    return answer(undefined)
  }),
]
