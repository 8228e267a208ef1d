/** Whom images are shared with. */
import { type Selectable, sql } from 'kysely'
import type { ImageMember } from '../../api/image.ts'
import type { Db, Tx } from './database.ts'
import type { ImageMemberTable } from './schema.ts'

function toMember(row: Selectable<ImageMemberTable>): ImageMember {
  return {
    ...row,
    created_at: row.created_at.toISOString(),
    answered_at: row.answered_at?.toISOString() ?? null,
  }
}

/** All of an image, or of them only one project's. */
async function list(db: Db, image_id: string, only_project_id: string | null): Promise<ImageMember[]> {
  let query = db.selectFrom('image_member').selectAll().where('image_id', '=', image_id)
  if (only_project_id !== null) query = query.where('project_id', '=', only_project_id)
  return (await query.orderBy('project_id').execute()).map(toMember)
}

async function projectIds(tx: Tx, image_id: string): Promise<string[]> {
  const rows = await tx.selectFrom('image_member').select('project_id').where('image_id', '=', image_id).execute()
  return rows.map(row => row.project_id)
}

/** Throws the database's own error (image_member_pkey, image_member_project_id_fkey). */
async function insert(tx: Tx, image_id: string, project_id: string): Promise<ImageMember> {
  const row = await tx
    .insertInto('image_member')
    .values({ image_id, project_id })
    .returningAll()
    .executeTakeFirstOrThrow()
  return toMember(row)
}

async function answer(
  tx: Tx,
  image_id: string,
  project_id: string,
  status: ImageMember['status'],
): Promise<ImageMember | null> {
  const row = await tx
    .updateTable('image_member')
    .set({ status, answered_at: status === 'pending' ? null : sql<Date>`croft_now()` })
    .where('image_id', '=', image_id)
    .where('project_id', '=', project_id)
    .returningAll()
    .executeTakeFirst()
  return row ? toMember(row) : null
}

async function remove(tx: Tx, image_id: string, project_id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('image_member')
    .where('image_id', '=', image_id)
    .where('project_id', '=', project_id)
    .executeTakeFirst()
  return numDeletedRows === 1n
}

/** Ends all memberships of an image. */
async function clear(tx: Tx, image_id: string): Promise<void> {
  await tx.deleteFrom('image_member').where('image_id', '=', image_id).execute()
}

export const imageMember = { list, projectIds, insert, answer, remove, clear }
