/**
 * What a transaction on a database in memory must leave true: strong references point at rows, rows of non-root tables
 * are referenced or go, weak references to what went are cleared, indexes are unique, tables hold no more than maxRows.
 * Work is in proportion to the rows changed, not to the database. Not its job: the operations (memory-transaction.ts).
 */
import { OvsdbTransactionError } from './errors.ts'
import type { MemoryTransaction, RowChange } from './memory-transaction.ts'
import type { AnyRow, ReplicaStore } from './replica.ts'
import type { Atom, BaseType, Schema, Table, Value } from './schema.ts'

interface Reference {
  readonly table: string
  readonly column: string
  readonly uuid: string
  readonly strong: boolean
}

const fail = (code: string, details: string): never => {
  throw new OvsdbTransactionError('commit', '', code, details)
}

export class Integrity {
  readonly #schema: Schema
  readonly #store: ReplicaStore
  /** How many strong references point at a row, in the committed database. */
  readonly #strong = new Map<string, number>()
  /** Which rows hold a weak reference to a row: "table uuid". */
  readonly #weak = new Map<string, Set<string>>()
  /** Index key to row, in the committed database. */
  readonly #indexes = new Map<string, string>()

  constructor(schema: Schema, store: ReplicaStore) {
    this.#schema = schema
    this.#store = store
  }

  /** Completes the transaction with what follows from it, or throws; after it the changes must be stored. */
  settle(transaction: MemoryTransaction): void {
    this.#collectGarbage(transaction)
    this.#clearWeak(transaction)
    const changes = transaction.changes()
    this.#checkStrong(transaction, changes)
    this.#checkIndexes(changes)
    this.#checkRows(changes)
    this.#remember(changes)
  }

  #strongDelta(changes: readonly RowChange[]): Map<string, number> {
    const delta = new Map<string, number>()
    const add = (row: AnyRow | undefined, table: string, by: number): void => {
      for (const ref of this.#references(table, row))
        if (ref.strong) delta.set(ref.uuid, (delta.get(ref.uuid) ?? 0) + by)
    }
    for (const { table, before, after } of changes) {
      add(before, table, -1)
      add(after, table, 1)
    }
    return delta
  }

  /** Repeats until nothing more falls: a row that goes may have held the last reference to another. */
  #collectGarbage(transaction: MemoryTransaction): void {
    for (;;) {
      const changes = transaction.changes()
      const delta = this.#strongDelta(changes)
      const held = (uuid: string): boolean => (this.#strong.get(uuid) ?? 0) + (delta.get(uuid) ?? 0) > 0
      const fallen: [table: string, uuid: string][] = []
      for (const { table, uuid, before, after } of changes) {
        if (after && !this.#schema.tables.get(table)?.is_root && !held(uuid)) fallen.push([table, uuid])
        for (const ref of this.#references(table, before))
          if (
            ref.strong &&
            !this.#schema.tables.get(ref.table)?.is_root &&
            !held(ref.uuid) &&
            transaction.get(ref.table, ref.uuid)
          )
            fallen.push([ref.table, ref.uuid])
      }
      if (fallen.length === 0) return
      for (const [table, uuid] of fallen) transaction.put(table, uuid, undefined)
    }
  }

  #clearWeak(transaction: MemoryTransaction): void {
    const holders = new Set<string>()
    for (const { table, uuid, after } of transaction.changes()) {
      if (after) holders.add(`${table} ${uuid}`)
      else for (const holder of this.#weak.get(uuid) ?? []) holders.add(holder)
    }
    for (const holder of holders) {
      const [table = '', uuid = ''] = holder.split(' ')
      let row = transaction.get(table, uuid)
      for (const ref of this.#references(table, row))
        if (row && !ref.strong && !transaction.get(ref.table, ref.uuid))
          row = { ...row, [ref.column]: without(row[ref.column], ref.uuid) }
      if (row && row !== transaction.get(table, uuid)) transaction.put(table, uuid, row)
    }
  }

  #checkStrong(transaction: MemoryTransaction, changes: readonly RowChange[]): void {
    const delta = this.#strongDelta(changes)
    for (const { table, uuid, after } of changes) {
      if (!after && (this.#strong.get(uuid) ?? 0) + (delta.get(uuid) ?? 0) > 0)
        fail('referential integrity violation', `row ${uuid} of ${table} is still referenced`)
      for (const ref of this.#references(table, after))
        if (ref.strong && !transaction.get(ref.table, ref.uuid))
          fail(
            'referential integrity violation',
            `${table} ${uuid} column ${ref.column} refers to ${ref.uuid}, which ${ref.table} lacks`,
          )
    }
  }

  #checkIndexes(changes: readonly RowChange[]): void {
    const freed = new Set<string>()
    for (const { table, before } of changes) for (const key of this.#keys(table, before)) freed.add(key)
    const taken = new Set<string>()
    for (const { table, after } of changes) {
      for (const key of this.#keys(table, after)) {
        if (taken.has(key) || (this.#indexes.has(key) && !freed.has(key)))
          fail('constraint violation', `two rows of ${table} have index value ${key}`)
        taken.add(key)
      }
    }
  }

  #checkRows(changes: readonly RowChange[]): void {
    const growth = new Map<string, number>()
    for (const { table, before, after } of changes)
      growth.set(table, (growth.get(table) ?? 0) + (after ? 1 : 0) - (before ? 1 : 0))
    for (const [name, by] of growth) {
      const max = this.#schema.tables.get(name)?.max_rows ?? Number.POSITIVE_INFINITY
      if (by > 0 && this.#store.table(name).size + by > max)
        fail('constraint violation', `table ${name} holds no more than ${max} rows`)
    }
  }

  #remember(changes: readonly RowChange[]): void {
    for (const [uuid, by] of this.#strongDelta(changes)) {
      const count = (this.#strong.get(uuid) ?? 0) + by
      if (count === 0) this.#strong.delete(uuid)
      else this.#strong.set(uuid, count)
    }
    for (const { table, before } of changes) for (const key of this.#keys(table, before)) this.#indexes.delete(key)
    for (const { table, uuid, before, after } of changes) {
      for (const key of this.#keys(table, after)) this.#indexes.set(key, uuid)
      const holder = `${table} ${uuid}`
      for (const ref of this.#references(table, before)) if (!ref.strong) this.#weak.get(ref.uuid)?.delete(holder)
      for (const ref of this.#references(table, after)) if (!ref.strong) getOrCreate(this.#weak, ref.uuid).add(holder)
      if (!after) this.#weak.delete(uuid)
    }
  }

  *#references(tableName: string, row: AnyRow | undefined): Generator<Reference> {
    if (!row) return
    for (const column of this.#schema.tables.get(tableName)?.columns.values() ?? []) {
      const value = row[column.name]
      if (value instanceof Map) {
        yield* this.#referencesOf(column.name, column.key, value.keys())
        if (column.value) yield* this.#referencesOf(column.name, column.value, value.values())
      } else
        yield* this.#referencesOf(
          column.name,
          column.key,
          value instanceof Set ? value : value === undefined ? [] : [value],
        )
    }
  }

  *#referencesOf(column: string, base: BaseType, atoms: Iterable<unknown>): Generator<Reference> {
    const table = base.ref_table
    // A reference into a table outside the schema constant cannot be followed.
    if (base.type !== 'uuid' || table === undefined || !this.#schema.tables.has(table)) return
    for (const atom of atoms) yield { table, column, uuid: String(atom), strong: base.ref_type === 'strong' }
  }

  #keys(tableName: string, row: AnyRow | undefined): string[] {
    const table: Table | undefined = row && this.#schema.tables.get(tableName)
    return (table?.indexes ?? []).map(index => `${tableName} ${JSON.stringify(index.map(column => row?.[column]))}`)
  }
}

function without(value: Value, uuid: string): Value {
  return value instanceof Set ? new Set([...(value as ReadonlySet<Atom>)].filter(item => item !== uuid)) : undefined
}

function getOrCreate(map: Map<string, Set<string>>, key: string): Set<string> {
  let set = map.get(key)
  if (!set) map.set(key, (set = new Set()))
  return set
}
