/** What the database says of an image's kept content. A deleted image's content stays while an instance was made from it. */
import type { Db } from './database.ts'

async function find(db: Db, id: string): Promise<{ sha256: string; format: string } | null> {
  const row = await db
    .selectFrom('image')
    .select(['sha256', 'format'])
    .where('id', '=', id)
    .where('status', '=', 'ready')
    .executeTakeFirst()
  return row?.sha256 && row.format ? { sha256: row.sha256, format: row.format } : null
}

export const imageFile = { find }
