/**
 * A local copy of monitored tables, kept by the server's update notifications. Rows are never changed in place: a row
 * object once taken stays as it was, and an untouched column keeps its identity from one version to the next.
 * Not its job: asking for the updates (client.ts).
 */
import { OvsdbProtocolError } from './errors.ts'
import { decodeRow } from './operations.ts'
import { type Row, type Schema, type SchemaSource, type Table, type TableName, type Value } from './schema.ts'
import { applyDifference, defaultOf, sameValue } from './values.ts'

export type AnyRow = { readonly _uuid: string } & Readonly<Record<string, Value>>

/** One row's change: without `before` it is new, without `after` it is gone. */
export interface Change {
  readonly table: string
  readonly uuid: string
  readonly before: AnyRow | undefined
  readonly after: AnyRow | undefined
}

/** The tables that are monitored, each from uuid to row. A table that is not monitored is empty. */
export interface Replica<S extends SchemaSource = SchemaSource> {
  table<T extends TableName<S>>(name: T): ReadonlyMap<string, Row<S, T>>
  row<T extends TableName<S>>(name: T, uuid: string): Row<S, T> | undefined
  /** The first row whose columns equal these; looks at every row of the table. */
  find<T extends TableName<S>>(name: T, columns: Partial<Row<S, T>>): Row<S, T> | undefined
}

type WireRows = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>

const none: ReadonlyMap<string, AnyRow> = new Map()

export class ReplicaStore {
  readonly #schema: Schema
  readonly #tables = new Map<string, Map<string, AnyRow>>()

  constructor(schema: Schema) {
    this.#schema = schema
  }

  table(name: string): ReadonlyMap<string, AnyRow> {
    return this.#tables.get(name) ?? none
  }

  row(name: string, uuid: string): AnyRow | undefined {
    return this.#tables.get(name)?.get(uuid)
  }

  find(name: string, columns: Readonly<Record<string, Value>>): AnyRow | undefined {
    const wanted = Object.entries(columns)
    for (const row of this.table(name).values())
      if (wanted.every(([column, value]) => sameValue(row[column], value))) return row
    return undefined
  }

  /** The same rows, seen through the types of a schema constant. */
  typed<S extends SchemaSource>(): Replica<S> {
    return {
      table: <T extends TableName<S>>(name: T) => this.table(name) as ReadonlyMap<string, Row<S, T>>,
      row: <T extends TableName<S>>(name: T, uuid: string) => this.row(name, uuid) as Row<S, T> | undefined,
      find: <T extends TableName<S>>(name: T, columns: Partial<Row<S, T>>) =>
        this.find(name, columns) as Row<S, T> | undefined,
    }
  }

  /** Puts or removes a row as given. */
  set(table: string, uuid: string, after: AnyRow | undefined): Change {
    let rows = this.#tables.get(table)
    if (!rows) this.#tables.set(table, (rows = new Map()))
    const before = rows.get(uuid)
    if (after) rows.set(uuid, after)
    else rows.delete(uuid)
    return { table, uuid, before, after }
  }

  /** Applies <table-updates2>: initial, insert, modify (differences) and delete (ovsdb-server(7) 4.1.14). */
  applyUpdates2(updates: unknown, columns: ReadonlyMap<string, readonly string[]>): Change[] {
    return this.#eachRow(updates, columns, (table, names, uuid, update) => {
      const full = update.initial ?? update.insert
      if (full !== undefined) return fullRow(table, names, uuid, full)
      if (!('modify' in update)) return undefined
      const before = this.row(table.name, uuid)
      if (!before)
        throw new OvsdbProtocolError(`the server changed row ${uuid} of ${table.name}, which it had not announced`)
      const row: Record<string, Value> & { _uuid: string } = { ...before }
      for (const [name, wire] of Object.entries(asObject(update.modify))) {
        const column = table.columns.get(name)
        if (column) row[name] = applyDifference(column, before[name], wire)
      }
      return row
    })
  }

  /** Applies <table-updates> of RFC 7047 section 4.1.6: old and new, new complete. */
  applyUpdates1(updates: unknown, columns: ReadonlyMap<string, readonly string[]>): Change[] {
    return this.#eachRow(updates, columns, (table, names, uuid, update) =>
      update.new === undefined ? undefined : fullRow(table, names, uuid, update.new),
    )
  }

  /** Everything that the new contents lack is gone. Called with the changes that brought the contents. */
  dropOthers(kept: readonly Change[]): Change[] {
    const present = new Set(kept.map(change => `${change.table} ${change.uuid}`))
    const gone: Change[] = []
    for (const [name, rows] of this.#tables)
      for (const uuid of rows.keys()) if (!present.has(`${name} ${uuid}`)) gone.push(this.set(name, uuid, undefined))
    return gone
  }

  #eachRow(
    updates: unknown,
    columns: ReadonlyMap<string, readonly string[]>,
    next: (
      table: Table,
      names: readonly string[],
      uuid: string,
      update: Readonly<Record<string, unknown>>,
    ) => AnyRow | undefined,
  ): Change[] {
    const changes: Change[] = []
    for (const [name, rows] of Object.entries(asObject(updates) as WireRows)) {
      const table = this.#schema.tables.get(name)
      const names = columns.get(name)
      if (!table || !names) throw new OvsdbProtocolError(`the server sent rows of ${name}, which was not asked for`)
      for (const [uuid, update] of Object.entries(asObject(rows)))
        changes.push(this.set(name, uuid, next(table, names, uuid, asObject(update))))
    }
    return changes
  }
}

function fullRow(table: Table, names: readonly string[], uuid: string, wire: unknown): AnyRow {
  const given = decodeRow(table, asObject(wire))
  const row: Record<string, Value> & { _uuid: string } = { _uuid: uuid }
  for (const name of names) {
    const column = table.columns.get(name)
    if (column) row[name] = name in given ? given[name] : defaultOf(column)
  }
  return row
}

function asObject(wire: unknown): Readonly<Record<string, unknown>> {
  if (typeof wire === 'object' && wire !== null && !Array.isArray(wire)) return wire as Record<string, unknown>
  throw new OvsdbProtocolError('the server sent something else where an object belongs')
}
