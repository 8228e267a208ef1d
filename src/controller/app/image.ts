/** Images as users make, see, change and delete them. How their content comes in: image-upload.ts, reconcilers/image.ts. */
import type { Image, imageRoutes } from '../../api/image.ts'
import type { BodyOf, QueryOf, ReplyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { checkKeys } from '../../model/tag-keys.ts'
import type { ImageId, OperationId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { image, type ImageRow } from '../store/image.ts'
import { imageMember } from '../store/image-member.ts'
import { operation } from '../store/operation.ts'
import type { Page } from '../store/page.ts'
import { projectQuota } from '../store/project-quota.ts'
import {
  by,
  type Caller,
  checkVersion,
  forbidden,
  mayInProject,
  mayOnSystem,
  projectOf,
  visibleProject,
} from './caller.ts'
import { change } from './change.ts'
import { signatureAsked } from './image-signature.ts'

type Create = BodyOf<typeof imageRoutes.create>
export type ImageCreated = ReplyOf<typeof imageRoutes.create>

export async function listImages(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof imageRoutes.list>,
): Promise<Page<Image>> {
  const project_id = visibleProject(caller, 'image.read', query.all_projects)
  const { items, next } = await image.list(cloud.database.db, project_id, query)
  return { items: items.map(one => shownTo(caller, one)), next }
}

export async function getImage(cloud: Cloud, caller: Caller, id: string): Promise<Image> {
  const found = await image.find(cloud.database.db, id, seenFrom(caller))
  if (!found) throw notFound('image', id)
  return shownTo(caller, found)
}

export function isOwn(caller: Caller, row: { project_id: string }): boolean {
  return row.project_id === caller.project_id
}

/** The project whose view of images the caller has; null: sees all. */
export function seenFrom(caller: Caller): string | null {
  return mayOnSystem(caller, 'image.read') ? null : projectOf(caller)
}

/** An address may carry a secret (a signed query): it is nobody else's business. */
function shownTo(caller: Caller, found: Image): Image {
  return isOwn(caller, found) || mayOnSystem(caller, 'image.read') ? found : { ...found, source_url: null }
}

/** `row`: as seen from the caller. 'not_found' where there is none, 'forbidden' for what others let one use. */
export function checkMayManage(
  caller: Caller,
  row: Pick<Image, 'project_id'> | null,
  id: string,
): asserts row is NonNullable<typeof row> {
  if (!row) throw notFound('image', id)
  if (isOwn(caller, row) || mayOnSystem(caller, 'image.manage')) return
  throw new CloudError('forbidden', `The image ${id} belongs to another project, which lets you use it and no more.`)
}

function checkMayPublish(caller: Caller): void {
  if (mayInProject(caller, 'image.publish') || mayOnSystem(caller, 'image.publish')) return
  throw forbidden('image.publish', 'to make an image public')
}

function checkAsked(cloud: Cloud, caller: Caller, asked: Create): void {
  if (asked.visibility === 'public') checkMayPublish(caller)
  if (asked.source_url !== undefined) checkSource(asked.source_url, asked.size_bytes)
  if (asked.size_bytes !== undefined) checkBytes(cloud, asked.size_bytes)
}

function checkSource(source_url: string, size_bytes: number | undefined): void {
  const url = URL.canParse(source_url) ? new URL(source_url) : null
  if (!url) throw new CloudError('invalid', `'${source_url}' is not a URL. Give one such as https://HOST/PATH.`)
  if (url.username !== '' || url.password !== '') {
    throw new CloudError('invalid', 'A name and password in source_url would be kept and shown. Give it without them.')
  }
  if (size_bytes !== undefined) {
    throw new CloudError(
      'invalid',
      'size_bytes is of a file to be uploaded; with source_url it is found out. Leave it out.',
    )
  }
}

/** Throws too_large, naming the limit. */
export function checkBytes(cloud: Cloud, bytes: number): void {
  const limit_bytes = cloud.settings.get('image.bytes_max')
  if (bytes <= limit_bytes) return
  throw new CloudError(
    'too_large',
    `The file has ${bytes} bytes; images may have ${limit_bytes}. Make it smaller (qemu-img convert -c -O qcow2), or ask an ` +
      'administrator to raise the setting image.bytes_max.',
    { size_bytes: bytes, limit_bytes },
  )
}

export function createImage(cloud: Cloud, caller: Caller, asked: Create): Promise<ImageCreated> {
  checkAsked(cloud, caller, asked)
  checkKeys('tags', asked.tags)
  return change(cloud, caller, async tx => {
    const project_id = projectOf(caller)
    const id = makeId<ImageId>(cloud)
    const source_url = asked.source_url ?? null
    const signed = await signatureAsked(tx, cloud, asked, project_id)
    const made = await image.insert(tx, {
      id,
      project_id,
      name: asked.name,
      visibility: asked.visibility ?? 'private',
      status: source_url === null ? 'waiting' : 'fetching',
      source_url,
      expected_sha256: asked.sha256 ?? null,
      upload_bytes: asked.size_bytes ?? null,
      min_disk_gib: asked.min_disk_gib ?? 0,
      min_memory_mib: asked.min_memory_mib ?? 0,
      properties: asked.properties ?? {},
      tags: asked.tags ?? {},
      signed,
      protected: asked.protected ?? false,
    })
    await projectQuota.charge(tx, project_id, { images: 1 })
    await event.record(tx, [{ noun: 'image', kind: 'created', resource_id: id, project_id, ...by(caller) }])
    const operation_id = makeId<OperationId>(cloud)
    await operation.start(tx, [
      {
        id: operation_id,
        project_id,
        user_id: caller.user_id,
        request_id: caller.request.id,
        kind: 'image.create',
        noun: 'image',
        resource_id: id,
        targets: [],
      },
    ])
    if (source_url !== null) await event.notify(tx, channels.work, '')
    const started = await operation.find(tx, operation_id)
    if (!started) throw new Error('the operation just made is not there')
    return { image: made, operation: started, upload_url: source_url === null ? uploadPath(id) : null }
  })
}

/** Where an image's content is sent by tus. */
export function uploadPath(id: string): string {
  return `/v1/image-uploads/${id}`
}

/** For whoever may change it, at the version that the caller has seen. */
export async function lockManaged(tx: Tx, caller: Caller, id: string): Promise<ImageRow> {
  const row = await image.lock(tx, id, seenFrom(caller))
  checkMayManage(caller, row, id)
  checkVersion(caller, row.version)
  return row
}

export function updateImage(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof imageRoutes.update>,
): Promise<Image> {
  return change(cloud, caller, async tx => {
    const row = await lockManaged(tx, caller, id)
    if (asked.visibility === 'public' && row.visibility !== 'public') checkMayPublish(caller)
    checkKeys('tags', asked.tags, row.tags)
    const changed = await image.update(tx, id, asked)
    await tell(tx, caller, 'changed', row)
    // Shared anew, it would else be shared with those whom nobody remembers.
    if (row.visibility === 'shared' && changed.visibility !== 'shared') await imageMember.clear(tx, id)
    return changed
  })
}

/** Also the way to cancel a fetch or an upload: who works on the content finds the image gone and stops. */
export function deleteImage(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockManaged(tx, caller, id)
    if (row.protected) {
      throw new CloudError(
        'wrong_state',
        `The image '${row.name}' is protected from deletion. Take the protection off first: set protected to false.`,
      )
    }
    await projectQuota.release(tx, row.project_id, { images: 1 })
    await image.markDeleted(tx, id)
    await operation.endOn(tx, id, 'cancelled', `the image was deleted by ${caller.user_name}`)
    await tell(tx, caller, 'deleted', row)
    await event.notify(tx, channels.work, '')
    return null
  })
}

/** Those that it is shared with hear of it too. */
async function tell(tx: Tx, caller: Caller, kind: 'changed' | 'deleted', row: ImageRow): Promise<void> {
  const members = row.visibility === 'shared' ? await imageMember.projectIds(tx, row.id) : []
  await event.record(
    tx,
    [row.project_id, ...members].map(project_id => ({
      noun: 'image',
      kind,
      resource_id: row.id,
      project_id,
      ...by(caller),
    })),
  )
}
