/** Roles in the database. */
import { type Selectable, sql } from 'kysely'
import type { Role } from '../../api/role.ts'
import { builtInRoles, type Permission, permissions } from '../../model/permissions.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { RoleTable } from './schema.ts'

const known: ReadonlySet<string> = new Set(permissions)

/** Permissions that this program does not know (written by a newer or older one) permit nothing, and are not shown. */
function toRole(row: Selectable<RoleTable>): Role {
  return {
    ...row,
    permissions: row.permissions.filter((permission): permission is Permission => known.has(permission)),
    created_at: row.created_at.toISOString(),
  }
}

async function list(db: Db, asked: PageAsked & { name?: string | undefined }): Promise<Page<Role>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('role').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toRole)
}

async function find(db: Db, id: string): Promise<Role | null> {
  const row = await db.selectFrom('role').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toRole(row) : null
}

/** Locked against change until the transaction ends, so that what is granted is what was looked at. */
async function findNamed(tx: Tx, name_or_id: string): Promise<Role | null> {
  const row = await tx
    .selectFrom('role')
    .selectAll()
    .where(eb => eb.or([eb('name', '=', name_or_id), eb(sql<string>`id::text`, '=', name_or_id)]))
    .forShare()
    .executeTakeFirst()
  return row ? toRole(row) : null
}

async function lock(tx: Tx, id: string): Promise<Role | null> {
  const row = await tx.selectFrom('role').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  return row ? toRole(row) : null
}

/** Throws the database's own error (role_name_key) when the name is taken. */
async function insert(
  tx: Tx,
  made: { id: string; name: string; description: string; permissions: Permission[] },
): Promise<Role> {
  return toRole(await tx.insertInto('role').values(made).returningAll().executeTakeFirstOrThrow())
}

async function update(
  tx: Tx,
  id: string,
  change: { name: string; description: string; permissions: Permission[] },
): Promise<Role> {
  return toRole(
    await tx
      .updateTable('role')
      .set({ ...change, version: sql<number>`version + 1` })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  )
}

async function remove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('role').where('id', '=', id).execute()
}

async function holders(tx: Tx, id: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(distinct user_id) as count from role_grant where role_id = ${id}::uuid`.execute(tx)
  return rows[0]?.count ?? 0
}

/** Brings the built-in roles to what this program says they are. A composed role of the same name is left as it is. */
async function syncBuiltIn(tx: Tx, nextId: () => string): Promise<void> {
  const rows = Object.entries(builtInRoles).map(([name, { description, permissions: held }]) => ({
    id: nextId(),
    name,
    description,
    permissions: [...held],
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

export const role = { list, find, findNamed, lock, insert, update, remove, holders, syncBuiltIn }
