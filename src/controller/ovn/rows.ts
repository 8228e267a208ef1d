/**
 * The rows that the northbound database should hold, by table and Croft's own id. Columns that refer to rows hold such
 * ids of the table they refer to, not uuids: those are known only where the rows are compared (diff.ts).
 * Not its job: which rows there are (plan.ts).
 */
import type { RowInput, Value } from '../../lib/ovsdb/index.ts'
import { idKey, kindKey, type NbTable, type Northbound } from './schema.ts'

export interface DesiredRow {
  readonly table: NbTable
  readonly id: string
  /** Columns left out are not managed. */
  readonly columns: Readonly<Record<string, Value>>
}

export class DesiredRows {
  readonly #tables = new Map<NbTable, Map<string, DesiredRow>>()

  /** Adds a row; `kind` says what of Croft's it stands for. An id is there once in a table. */
  add<T extends NbTable>(table: T, id: string, kind: string, columns: RowInput<Northbound, T>): void {
    let rows = this.#tables.get(table)
    if (!rows) this.#tables.set(table, (rows = new Map()))
    if (rows.has(id)) throw new Error(`the plan has two rows of ${table} with id ${id}`)
    const external_ids = new Map([
      [idKey, id],
      [kindKey, kind],
    ])
    rows.set(id, { table, id, columns: { ...plain(columns), external_ids } })
  }

  has(table: NbTable, id: string): boolean {
    return this.#tables.get(table)?.has(id) ?? false
  }

  table(table: NbTable): ReadonlyMap<string, DesiredRow> {
    return this.#tables.get(table) ?? new Map()
  }

  get size(): number {
    return [...this.#tables.values()].reduce((sum, rows) => sum + rows.size, 0)
  }
}

/** Arrays become sets and objects maps, so that values compare with those of the replica. */
function plain(columns: Readonly<Record<string, unknown>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, value]) => {
      if (Array.isArray(value)) return [name, new Set(value as string[])]
      if (typeof value !== 'object' || value === null || value instanceof Set || value instanceof Map)
        return [name, value as Value]
      return [name, new Map(Object.entries(value as Record<string, string>))]
    }),
  )
}
