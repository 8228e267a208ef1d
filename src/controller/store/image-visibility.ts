/** Who may use which image, in one place for looking one up, for lists, and for what instances are made from. */
import { type RawBuilder, sql } from 'kysely'
import type { Image, ImageMember } from '../../api/image.ts'

export interface Listed {
  visibility?: Image['visibility'] | undefined
  member_status?: ImageMember['status'] | undefined
}

/**
 * A condition on rows of `image`, deleted ones not considered: the project's own, and of others' those that are ready and
 * public, open to the community, or shared with it. With `listed` only what a list shows without having been asked for more:
 * of the community's nothing, of the shared what the project has accepted. Each branch has an index of its own.
 */
export function mayBeUsedBy(project_id: string, listed?: Listed): RawBuilder<boolean> {
  const { visibility, member_status = 'accepted' } = listed ?? {}
  const community = listed === undefined || visibility === 'community'
  const answered = listed === undefined ? sql`` : sql` and m.status = ${member_status}`
  return sql<boolean>`(image.project_id = ${project_id}::uuid or (image.status = 'ready' and (
    image.visibility = 'public'${community ? sql` or image.visibility = 'community'` : sql``}
    or (image.visibility = 'shared' and image.id = any(array(
      select m.image_id from image_member m where m.project_id = ${project_id}::uuid${answered}
    )))
  )))`
}
