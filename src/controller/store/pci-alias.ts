/** Aliases of PCI devices in the database. */
import { type Selectable, sql } from 'kysely'
import type { PciAlias } from '../../api/pci-alias.ts'
import type { Db, Tx } from './database.ts'
import { keyset, type Page, type PageAsked, readPage } from './page.ts'
import type { PciAliasTable } from './schema-hardware.ts'

function toPciAlias(row: Selectable<PciAliasTable>): PciAlias {
  return { ...row, created_at: row.created_at.toISOString() }
}

async function list(db: Db, asked: PageAsked & { name?: string | undefined }): Promise<Page<PciAlias>> {
  const keys = keyset(asked, sql`id`, { name: { column: sql`name` } })
  let query = db.selectFrom('pci_alias').selectAll().select(keys.key.as('sort_key')).where(keys.where)
  if (asked.name !== undefined) query = query.where('name', '=', asked.name)
  return readPage(query, keys, toPciAlias)
}

async function find(db: Db, id: string): Promise<PciAlias | null> {
  const row = await db.selectFrom('pci_alias').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? toPciAlias(row) : null
}

/** Those of the names that there are. */
async function known(db: Db, names: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('pci_alias')
    .select('name')
    .where(sql<boolean>`name = any(${[...names]}::text[])`)
    .execute()
  return rows.map(row => row.name)
}

/** Throws the database's own error (pci_alias_name_key) when the name is taken. */
async function insert(tx: Tx, made: Omit<PciAlias, 'created_at'>): Promise<PciAlias> {
  return toPciAlias(await tx.insertInto('pci_alias').values(made).returningAll().executeTakeFirstOrThrow())
}

async function remove(tx: Tx, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('pci_alias').where('id', '=', id).executeTakeFirst()
  return numDeletedRows === 1n
}

export const pciAlias = { list, find, known, insert, remove }
