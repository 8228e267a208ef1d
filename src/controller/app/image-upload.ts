/**
 * Receiving an image's content: into one file that all controllers share, from one sender at a time, from wherever the
 * last one stopped. Knows nothing of protocols (http/image-upload.ts) nor what is done with the content then.
 */
import { constants } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Image } from '../../api/image.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { image } from '../store/image.ts'
import { imageWork } from '../store/image-work.ts'
import type { Caller } from './caller.ts'
import { change } from './change.ts'
import { checkMayManage, seenFrom } from './image.ts'
import { incomingFolder, incomingPath, syncFile } from './image-content.ts'
import { image_lease_s, type KeptLease, keepLease } from './image-lease.ts'

/** Throws unless the caller may give this image its content now. */
export async function checkMayUpload(cloud: Cloud, caller: Caller, id: string): Promise<void> {
  const found = await image.find(cloud.database.db, id, seenFrom(caller))
  checkMayManage(caller, found, id)
  if (found.status !== 'waiting') throw notWaiting(found)
}

/**
 * How many bytes were received, when that was all there is: so learns a sender whose last answer was lost that it is done.
 * Null while the image waits. Throws as checkMayUpload does for any other image.
 */
export async function receivedWhole(cloud: Cloud, caller: Caller, id: string): Promise<number | null> {
  const found = await image.find(cloud.database.db, id, seenFrom(caller))
  checkMayManage(caller, found, id)
  if (found.status === 'waiting') return null
  const bytes = (await imageWork.upload(cloud.database.db, id))?.upload_bytes ?? null
  if (bytes === null || found.status === 'failed') throw notWaiting(found)
  return bytes
}

function notWaiting(found: Pick<Image, 'name' | 'status' | 'failure'>): CloudError {
  const why = {
    waiting: 'is being sent by another connection',
    fetching: 'is fetched from its address',
    checking: 'is here and being checked',
    ready: 'is here, and an image never changes',
    failed: `was refused: ${found.failure ?? 'no reason is known'}`,
  }[found.status]
  return new CloudError(
    'wrong_state',
    `The content of the image '${found.name}' ${why}. Make a new image to send another.`,
    {
      status: found.status,
    },
  )
}

export interface Upload {
  /** Bytes that are here. */
  offset: number
  /** Bytes there are to be, once that is known. */
  size: number | null
  created_at: Date
}

export async function uploadState(cloud: Cloud, id: string): Promise<Upload> {
  const row = await imageWork.upload(cloud.database.db, id)
  if (!row) throw notFound('image', id)
  return {
    offset: await sizeOf(incomingPath(cloud.images.folder, id)),
    size: row.upload_bytes,
    created_at: row.created_at,
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
}

interface Receiver {
  stop(): void
  stopped: Promise<void>
}

/** Who receives what on this controller, so that a sender who comes back need not wait for its own dead connection. */
const receiversOf = new WeakMap<Cloud, Map<string, Receiver>>()

/**
 * Claims the image for one sender. Another who holds it on this controller is told to stop; one on another controller is
 * waited for until its lease would end (a controller that died). Throws conflict when that one goes on, wrong_state when
 * the image waits for no upload. `stop` is called when this claim is lost or wanted by another.
 */
export async function claimUpload(cloud: Cloud, id: string, stop: () => void): Promise<KeptLease> {
  const receivers = receiversOf.get(cloud) ?? new Map<string, Receiver>()
  receiversOf.set(cloud, receivers)
  for (let waited = false; ; ) {
    const taken = await imageWork.takeUpload(cloud.database.db, id, cloud.self.id, image_lease_s)
    if ('lease' in taken) {
      const kept = keepLease(cloud, taken.lease)
      const gone = Promise.withResolvers<void>()
      receivers.set(id, { stop, stopped: gone.promise })
      kept.signal.addEventListener('abort', stop, { once: true })
      return {
        signal: kept.signal,
        progress: fraction => kept.progress(fraction),
        async [Symbol.asyncDispose]() {
          receivers.delete(id)
          try {
            await kept[Symbol.asyncDispose]()
          } finally {
            gone.resolve()
          }
        },
      }
    }
    if (taken.held_for_ms === null) throw await whyNotWaiting(cloud, id)
    const here = receivers.get(id)
    if (here) {
      here.stop()
      await here.stopped
    } else if (waited) throw busy()
    else {
      waited = true
      await cloud.clock.sleep(taken.held_for_ms + 50)
    }
  }
}

async function whyNotWaiting(cloud: Cloud, id: string): Promise<CloudError> {
  const found = await image.find(cloud.database.db, id, null)
  return found ? notWaiting(found) : notFound('image', id)
}

function busy(): CloudError {
  return new CloudError(
    'conflict',
    'Another connection is sending this content. End it, or try again when it has ended.',
  )
}

/** Begins from the first byte. */
export async function emptyUpload(cloud: Cloud, id: string, size: number | null): Promise<void> {
  await (await openIncoming(cloud, id, constants.O_TRUNC)).close()
  if (size !== null) await imageWork.setUploadBytes(cloud.database.db, id, size)
}

export async function setUploadSize(cloud: Cloud, id: string, size: number): Promise<void> {
  await imageWork.setUploadBytes(cloud.database.db, id, size)
}

async function openIncoming(cloud: Cloud, id: string, flags = 0) {
  const { folder } = cloud.images
  await mkdir(incomingFolder(folder), { recursive: true, mode: 0o700 })
  return await open(incomingPath(folder, id), constants.O_WRONLY | constants.O_CREAT | flags, 0o600)
}

/**
 * Writes what comes to the file from `offset` on; returns where it ends. What was written before the source broke off
 * stays, for the next try to go on from. Throws storage_full when there is no room.
 */
export async function writeUpload(
  cloud: Cloud,
  id: string,
  source: Readable,
  offset: number,
  on_bytes: (end: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  const file = await openIncoming(cloud, id)
  let end = offset
  try {
    const count = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        yield chunk
        end += chunk.length
        on_bytes(end)
      }
    }
    await pipeline(source, count, file.createWriteStream({ start: offset }), { ...(signal && { signal }) })
    return end
  } catch (cause) {
    await file.close().catch(() => undefined)
    throw isNoRoom(cause) ? noRoom(cause) : cause
  }
}

function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

function noRoom(cause: unknown): CloudError {
  return new CloudError(
    'storage_full',
    'There is no room left where images are kept. What came so far is kept; when an administrator has made room, it goes on.',
    {},
    { cause },
  )
}

/** Says that the content is whole, so that it is checked. Throws conflict when it is not, or somebody still sends. */
export async function finishUpload(cloud: Cloud, caller: Caller, id: string): Promise<Image> {
  await syncContent(cloud, id)
  return await change(cloud, caller, async tx => {
    if (!(await moveOn(cloud, tx, id))) throw busy()
    const found = await image.find(tx, id, null)
    if (!found) throw notFound('image', id)
    return found
  })
}

/** Before the transaction: a disk takes its time over gigabytes, and an open transaction holds up everybody's events. */
async function syncContent(cloud: Cloud, id: string): Promise<void> {
  const path = incomingPath(cloud.images.folder, id)
  // What is not there has no size either, and is refused for that.
  if ((await sizeOf(path)) > 0) await syncFile(path)
}

async function moveOn(cloud: Cloud, tx: Tx, id: string): Promise<boolean> {
  const path = incomingPath(cloud.images.folder, id)
  const row = await imageWork.lockUpload(tx, id)
  if (!row?.is_free || row.upload_bytes === null || (await sizeOf(path)) !== row.upload_bytes) return false
  await imageWork.advance(tx, id, { status: 'checking' })
  await event.record(tx, [{ noun: 'image', kind: 'changed', resource_id: id, project_id: row.project_id }])
  await event.notify(tx, channels.work, '')
  return true
}

/** Uploads whose last byte came just before their controller died are taken for whole. */
export async function finishAbandoned(cloud: Cloud): Promise<void> {
  for (const id of await imageWork.abandoned(cloud.database.db, 100)) {
    await syncContent(cloud, id)
    await cloud.database.transaction(tx => moveOn(cloud, tx, id))
  }
}
