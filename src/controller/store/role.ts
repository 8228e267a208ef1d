/** Roles in the database. */
import { sql } from 'kysely'
import { builtInRoles } from '../../model/permissions.ts'
import type { Tx } from './database.ts'

/** Brings the built-in roles to what this program says they are. A custom role of the same name is left as it is. */
async function syncBuiltIn(tx: Tx, nextId: () => string): Promise<void> {
  const rows = Object.entries(builtInRoles).map(([name, { description, permissions }]) => ({
    id: nextId(),
    name,
    description,
    permissions: [...permissions],
    built_in: true,
  }))
  await tx
    .insertInto('role')
    .values(rows)
    .onConflict(conflict =>
      conflict
        .column('name')
        .doUpdateSet({
          description: sql<string>`excluded.description`,
          permissions: sql<string[]>`excluded.permissions`,
        })
        .where('role.built_in', '=', true),
    )
    .execute()
}

export const role = { syncBuiltIn }
