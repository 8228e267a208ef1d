/** Sharing images with other projects: their owner shares, they say whether to have it in their lists. Who sees what: store/image-visibility.ts. */
import type { ImageMember } from '../../api/image.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { limits } from '../../model/limits.ts'
import type { Cloud } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { image, type ImageRow } from '../store/image.ts'
import { imageMember } from '../store/image-member.ts'
import { by, type Caller, mayOnSystem, projectOf } from './caller.ts'
import { change } from './change.ts'
import { isOwn, lockManaged, seenFrom } from './image.ts'

/** The owner sees all of them; another project only what is said of itself. */
export async function listMembers(
  cloud: Cloud,
  caller: Caller,
  id: string,
): Promise<{ items: ImageMember[]; next: null }> {
  const { db } = cloud.database
  const found = await image.find(db, id, seenFrom(caller))
  if (!found) throw notFound('image', id)
  const all = isOwn(caller, found) || mayOnSystem(caller, 'image.read')
  return { items: await imageMember.list(db, id, all ? null : projectOf(caller)), next: null }
}

export function shareImage(cloud: Cloud, caller: Caller, id: string, project_id: string): Promise<ImageMember> {
  return change(cloud, caller, async tx => {
    const row = await lockManaged(tx, caller, id)
    checkMayShare(row, project_id)
    if ((await imageMember.projectIds(tx, id)).length >= limits.image_members_max) {
      throw new CloudError(
        'quota_exceeded',
        `The image '${row.name}' is shared with ${limits.image_members_max} projects, as many as can be. Make it community or public.`,
      )
    }
    if (row.visibility !== 'shared') await image.update(tx, id, { visibility: 'shared' })
    const made = await onConstraint(imageMember.insert(tx, id, project_id), {
      image_member_pkey: () =>
        new CloudError(
          'conflict',
          `The image '${row.name}' is shared with that project already. Nothing is to be done.`,
        ),
      image_member_project_id_fkey: () => notFound('project', project_id),
    })
    await tellBoth(tx, caller, row, project_id)
    return made
  })
}

function checkMayShare({ name, visibility, project_id }: ImageRow, with_project_id: string): void {
  if (visibility === 'public' || visibility === 'community') {
    throw new CloudError(
      'wrong_state',
      `The image '${name}' is ${visibility}: every project may use it. Make it private first, to share it with some only.`,
    )
  }
  if (project_id === with_project_id) {
    throw new CloudError('conflict', `The image '${name}' belongs to that very project. Nothing is to be done.`)
  }
}

export function unshareImage(cloud: Cloud, caller: Caller, id: string, project_id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockManaged(tx, caller, id)
    if (!(await imageMember.remove(tx, id, project_id)))
      throw notFound('project that the image is shared with:', project_id)
    await tellBoth(tx, caller, row, project_id)
    return null
  })
}

/** Only for the caller's own project. */
export function answerShare(
  cloud: Cloud,
  caller: Caller,
  id: string,
  status: ImageMember['status'],
): Promise<ImageMember> {
  return change(cloud, caller, async tx => {
    const project_id = projectOf(caller)
    const found = await image.find(tx, id, project_id)
    const answered = found && (await imageMember.answer(tx, id, project_id, status))
    if (!answered) throw notFound('image shared with this project:', id)
    await tellBoth(tx, caller, found, project_id)
    return answered
  })
}

/** The image's own project and the other: what each of them sees has changed. */
async function tellBoth(
  tx: Tx,
  caller: Caller,
  row: { id: string; project_id: string },
  member_project_id: string,
): Promise<void> {
  const common = { noun: 'image', kind: 'changed', resource_id: row.id, ...by(caller), detail: { member_project_id } }
  await event.record(
    tx,
    [row.project_id, member_project_id].map(project_id => ({ ...common, project_id })),
  )
}
