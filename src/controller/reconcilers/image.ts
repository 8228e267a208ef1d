/**
 * Brings images' contents to rest: fetches, checks, converts, and removes what nobody needs. Any controller does any of
 * it, by lease; one that dies is followed by another, which begins that step anew.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DiskImageError, inspect, normalise } from '../../lib/disk-image/index.ts'
import { download } from '../../lib/download/index.ts'
import { isUuid } from '../../model/ids.ts'
import { limits } from '../../model/limits.ts'
import { clearIncoming, filesIn, imagePath, incomingFolder, incomingPath, syncFile } from '../app/image-content.ts'
import { image_lease_s, type KeptLease, keepLease } from '../app/image-lease.ts'
import { finishAbandoned } from '../app/image-upload.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type ImageOutcome, type ImageTask, imageWork } from '../store/image-work.ts'
import { operation } from '../store/operation.ts'
import { imageKey } from '../store/image-key.ts'
import { compareContent, distrusted, signerOf } from './image-check.ts'
import { judged, Refusal, refusalOf } from './image-refusal.ts'
import { Loop } from './loop.ts'

/** Images worked on at once by one controller. */
const workers = 3
/** No event announces a lease that ran out. */
const look_every_ms = 10_000
const tidy_every_ms = 60_000
const remove_at_once = 20
const max_virtual_size_bytes = limits.image_virtual_gib_max * 1024 ** 3

export function imageLoops(cloud: Cloud): Loop[] {
  const { clock, log } = cloud
  // Work of a former life of this controller; nobody else has its id.
  let begun: Promise<void> | undefined
  const work = async (signal: AbortSignal): Promise<boolean> => {
    await (begun ??= imageWork.releaseAll(cloud.database.db, cloud.self.id))
    return await workOnImage(cloud, signal)
  }
  return [
    ...Array.from(
      { length: workers },
      (_, n) => new Loop({ name: `image worker ${n + 1}`, clock, log, every_ms: look_every_ms, pass: work }),
    ),
    new Loop({ name: 'tidying images', clock, log, every_ms: tidy_every_ms, pass: () => tidyImages(cloud) }),
  ]
}

/** Takes one image as far as it goes; true when there was one. */
async function workOnImage(cloud: Cloud, stopping: AbortSignal): Promise<boolean> {
  const task = await imageWork.take(cloud.database.db, cloud.self.id, image_lease_s)
  if (!task) return false
  await using lease = keepLease(cloud, task)
  const signal = AbortSignal.any([stopping, lease.signal])
  try {
    await clearIncoming(cloud.images.folder, task.image_id, true)
    if (task.status === 'fetching') await fetchContent(cloud, task, lease, signal)
    await checkContent(cloud, task, lease, signal)
  } catch (error) {
    // Stopped: the next who takes it begins this step anew. Lost: somebody else has it, or nobody wants it any more.
    if (signal.aborted) return !stopping.aborted
    const refusal = refusalOf(error)
    if (refusal === null) throw error
    if (!(refusal.cause instanceof DiskImageError)) {
      cloud.log.warn({ err: refusal.cause, image: task.image_id }, "an image's content could not be had")
    }
    await fail(cloud, task, refusal.sentence)
  }
  return true
}

async function fetchContent(cloud: Cloud, task: ImageTask, lease: KeptLease, signal: AbortSignal): Promise<void> {
  const { settings, images } = cloud
  const { source_url, expected_sha256 } = task
  await judged(() =>
    download(source_url ?? '', {
      dest: incomingPath(images.folder, task.image_id),
      max_bytes: settings.get('image.bytes_max'),
      allow_private: cloud.allow_private_downloads || settings.get('image.download_private_addresses'),
      ...(expected_sha256 !== null && { expected_sha256 }),
      on_progress: ({ received_bytes, total_bytes }) => lease.progress(total_bytes ? received_bytes / total_bytes : 0),
      signal,
    }),
  )
  await cloud.database.transaction(async tx => {
    const row = await imageWork.lock(tx, task)
    if (row) await advance(tx, task, { status: 'checking' })
  })
}

async function checkContent(cloud: Cloud, task: ImageTask, lease: KeptLease, signal: AbortSignal): Promise<void> {
  const { folder } = cloud.images
  const incoming = incomingPath(folder, task.image_id)
  // Its own name: one who lost the lease and does not know it yet still writes to another.
  const fresh = `${incoming}.${task.number}.new`
  const signer = await signerOf(cloud, task)
  const checked = await judged(async () => {
    await compareContent(incoming, task, signer, signal)
    await refuseNoDisk(incoming, signal)
    const made = await normalise(incoming, fresh, {
      max_virtual_size_bytes,
      on_progress: fraction => lease.progress(fraction),
      signal,
    })
    return {
      format: made.format === 'iso' ? 'iso' : 'qcow2',
      virtual_size_bytes: made.virtual_size_bytes,
      sha256: await sha256Of(fresh, signal),
      size_bytes: (await stat(fresh)).size,
    }
  })
  const isDone = await cloud.database.transaction(async tx => {
    if (!(await imageWork.lock(tx, task))) return false
    if (signer && !(await imageKey.holds(tx, signer.id))) throw distrusted(task)
    // Under the row's lock, so that no other can have put its own there: what is 'ready' never changes.
    await rename(fresh, imagePath(folder, task.image_id, checked.format))
    await syncFile(folder)
    await advance(tx, task, { status: 'ready', is_verified: signer !== null, ...checked })
    await operation.endOn(tx, task.image_id, 'succeeded', null)
    return true
  })
  // Whoever lost the lease leaves all to its new holder.
  if (isDone) await clearIncoming(folder, task.image_id)
}

/** Anything at all can be read as a raw disk; one that no machine could boot from is some other file (a web page, often). */
async function refuseNoDisk(path: string, signal: AbortSignal): Promise<void> {
  const { format, partition_table } = await inspect(path, { max_virtual_size_bytes, signal })
  if (format !== 'raw' || partition_table !== 'none') return
  throw new Refusal(
    'This is no disk image: it is in none of the formats known here, and as a raw disk it has neither a boot sector nor ' +
      'a partition table. Look at what the file is (file IMAGE), and whether the address leads to the image itself.',
    null,
  )
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal })
  return hash.digest('hex')
}

async function advance(tx: Tx, task: ImageTask, outcome: ImageOutcome): Promise<void> {
  await imageWork.advance(tx, task.image_id, outcome)
  await event.record(tx, [{ noun: 'image', kind: 'changed', resource_id: task.image_id, project_id: task.project_id }])
}

async function fail(cloud: Cloud, task: ImageTask, failure: string): Promise<void> {
  const isDone = await cloud.database.transaction(async tx => {
    if (!(await imageWork.lock(tx, task))) return false
    await advance(tx, task, { status: 'failed', failure })
    await operation.endOn(tx, task.image_id, 'failed', failure)
    return true
  })
  if (isDone) await clearIncoming(cloud.images.folder, task.image_id)
}

/** One pass; true when there may be more. */
export async function tidyImages(cloud: Cloud): Promise<boolean> {
  await finishAbandoned(cloud)
  await removeOrphans(cloud)
  const ids = await imageWork.removable(cloud.database.db, remove_at_once)
  for (const id of ids) await removeImage(cloud, id)
  return ids.length === remove_at_once
}

/** The files first: while the row is there, a pass that was cut short is done again. */
async function removeImage(cloud: Cloud, id: string): Promise<void> {
  const { folder } = cloud.images
  await cloud.database.transaction(async tx => {
    if (!(await imageWork.lockRemovable(tx, id))) return
    for (const format of ['qcow2', 'raw', 'iso']) await rm(imagePath(folder, id, format), { force: true })
    await clearIncoming(folder, id)
    await imageWork.remove(tx, id)
  })
}

/** What belongs to no image on its way: left by who died between the end of the work and the clearing up. */
async function removeOrphans(cloud: Cloud): Promise<void> {
  const incoming = incomingFolder(cloud.images.folder)
  const names = await filesIn(incoming)
  const idOf = (name: string) => name.split('.', 1)[0] ?? ''
  const ids = names.map(idOf).filter(isUuid)
  if (ids.length === 0) return
  const needed = await imageWork.unfinished(cloud.database.db, [...new Set(ids)])
  for (const name of names) {
    const id = idOf(name)
    if (isUuid(id) && !needed.has(id)) await rm(join(incoming, name), { force: true })
  }
}
