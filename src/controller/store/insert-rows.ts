/**
 * Adding rows, one or thousands, by a statement of always the same text: it is planned once, and its one parameter is cheaper
 * than thousands. Columns that are not named get their defaults.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'
import type { Schema } from './schema.ts'

/**
 * The statement, to be part of a larger one. All rows must have the same columns; jsonb values are given as they are. `only_where`: what
 * follows its FROM, to add them or not by what the larger one has found.
 */
export function insertion(
  table: keyof Schema,
  rows: readonly object[],
  only_where: RawBuilder<unknown> = sql``,
): RawBuilder<unknown> {
  const into = sql.table(table)
  const columns = sql.join(Object.keys(rows[0] ?? {}).map(name => sql.ref(name)))
  return sql`insert into ${into} (${columns})
    select ${columns} from jsonb_populate_recordset(null::${into}, ${JSON.stringify(rows)}::jsonb)${only_where}`
}

/** Rows of a table, to be added by a statement that does more: each statement costs as much as many rows. */
export interface Beside {
  table: keyof Schema
  rows: readonly object[]
}

/** The insertions as the first parts of a WITH, each followed by a comma; nothing where there are no rows. */
export function besides(all: readonly Beside[]): RawBuilder<unknown> {
  const parts = all.flatMap(({ table, rows }, n) =>
    rows.length > 0 ? [sql`${sql.ref(`beside_${n}`)} as (${insertion(table, rows)}), `] : [],
  )
  return parts.length > 0 ? sql.join(parts, sql``) : sql``
}

export async function insertRows(db: Db, table: keyof Schema, rows: readonly object[]): Promise<void> {
  if (rows.length > 0) await insertion(table, rows).execute(db)
}
