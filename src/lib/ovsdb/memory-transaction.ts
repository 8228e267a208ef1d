/**
 * The operations of one transaction on a database in memory: an overlay of changed rows over the committed ones.
 * Not its job: what only the whole transaction must satisfy (memory-integrity.ts).
 */
import { OvsdbTransactionError } from './errors.ts'
import {
  type Columns,
  type Condition,
  type Mutation,
  nameOf,
  type Operation,
  type OperationResult,
} from './operations.ts'
import type { AnyRow, ReplicaStore } from './replica.ts'
import { type Atom, type Column, columnOf, type Schema, type Table, tableOf, type Value } from './schema.ts'
import { defaultOf, type Input, isUuid, normalise, sameValue } from './values.ts'

export interface RowChange {
  readonly table: string
  readonly uuid: string
  readonly before: AnyRow | undefined
  readonly after: AnyRow | undefined
}

export class MemoryTransaction {
  readonly #schema: Schema
  readonly #store: ReplicaStore
  readonly #newUuid: () => string
  readonly #overlay = new Map<string, Map<string, AnyRow | undefined>>()
  readonly #named = new Map<string, string>()

  constructor(schema: Schema, store: ReplicaStore, newUuid: () => string) {
    this.#schema = schema
    this.#store = store
    this.#newUuid = newUuid
  }

  /** Gives inserted rows their ids beforehand: a name may be used before its insert. */
  nameRows(operations: readonly Operation[]): void {
    for (const [index, operation] of operations.entries()) {
      if (operation.op !== 'insert' || operation.uuid_name === undefined) continue
      if (this.#named.has(operation.uuid_name))
        throw new OvsdbTransactionError(index, nameOf(operation), 'duplicate uuid-name', operation.uuid_name)
      this.#named.set(operation.uuid_name, this.#newUuid())
    }
  }

  run(operation: Operation, index: number): OperationResult {
    const fail = (code: string, details: string): never => {
      throw new OvsdbTransactionError(index, nameOf(operation), code, details)
    }
    switch (operation.op) {
      case 'comment':
      case 'assert':
      case 'commit':
        return {}
      case 'abort':
        return fail('aborted', 'the transaction asked for it')
      case 'insert': {
        const table = tableOf(this.#schema, operation.table)
        const uuid =
          (operation.uuid_name === undefined ? undefined : this.#named.get(operation.uuid_name)) ?? this.#newUuid()
        const row: Record<string, Value> & { _uuid: string } = { _uuid: uuid }
        for (const column of table.columns.values()) row[column.name] = defaultOf(column)
        this.put(table.name, uuid, { ...row, ...this.#columns(table, operation.row) })
        return { uuid }
      }
      case 'select': {
        const rows = this.#where(operation.table, operation.where)
        const { columns } = operation
        return {
          rows: columns ? rows.map(row => Object.fromEntries(columns.map(column => [column, row[column]]))) : rows,
        }
      }
      case 'update': {
        const rows = this.#where(operation.table, operation.where)
        const change = this.#columns(tableOf(this.#schema, operation.table), operation.row)
        for (const row of rows) this.put(operation.table, row._uuid, { ...row, ...change })
        return { count: rows.length }
      }
      case 'mutate': {
        const rows = this.#where(operation.table, operation.where)
        for (const row of rows)
          this.put(operation.table, row._uuid, this.#mutated(operation.table, row, operation.mutations))
        return { count: rows.length }
      }
      case 'delete': {
        const rows = this.#where(operation.table, operation.where)
        for (const row of rows) this.put(operation.table, row._uuid, undefined)
        return { count: rows.length }
      }
      case 'wait': {
        const table = tableOf(this.#schema, operation.table)
        const wanted = operation.rows.map(row => this.#columns(table, row))
        const found = this.#where(operation.table, operation.where)
        const equal =
          wanted.length === found.length &&
          found.every(row =>
            wanted.some(each => operation.columns.every(column => sameValue(row[column], each[column]))),
          )
        return equal === (operation.until === '==') ? {} : fail('timed out', 'the rows are not as waited for')
      }
      default:
        return operation satisfies never
    }
  }

  get(table: string, uuid: string): AnyRow | undefined {
    const rows = this.#overlay.get(table)
    return rows?.has(uuid) ? rows.get(uuid) : this.#store.row(table, uuid)
  }

  put(table: string, uuid: string, row: AnyRow | undefined): void {
    let rows = this.#overlay.get(table)
    if (!rows) this.#overlay.set(table, (rows = new Map()))
    rows.set(uuid, row)
  }

  /** What differs from the committed rows. */
  changes(): RowChange[] {
    const changes: RowChange[] = []
    for (const [table, rows] of this.#overlay) {
      for (const [uuid, after] of rows) {
        const before = this.#store.row(table, uuid)
        if (before !== after && !(before && after && sameColumns(before, after)))
          changes.push({ table, uuid, before, after })
      }
    }
    return changes
  }

  *rows(table: string): Generator<AnyRow> {
    const overlay = this.#overlay.get(table)
    for (const [uuid, row] of this.#store.table(table)) if (!overlay?.has(uuid)) yield row
    for (const row of overlay?.values() ?? []) if (row) yield row
  }

  #columns(table: Table, input: Columns): Record<string, Value> {
    return Object.fromEntries(
      Object.entries(input).map(([name, value]) => [name, this.#value(columnOf(table, name), value)]),
    )
  }

  /** In its one shape, with uuid-names replaced. */
  #value(column: Column, input: Input): Value {
    const value = normalise(column, input)
    if (column.key.type !== 'uuid' && column.value?.type !== 'uuid') return value
    const real = (atom: Atom): Atom =>
      typeof atom === 'string' && !isUuid(atom) ? (this.#named.get(atom) ?? atom) : atom
    if (value instanceof Set) return new Set([...(value as ReadonlySet<Atom>)].map(real))
    if (value instanceof Map)
      return new Map([...(value as ReadonlyMap<Atom, Atom>)].map(([k, v]) => [real(k), real(v)]))
    return value === undefined ? undefined : real(value as Atom)
  }

  #where(tableName: string, where: readonly Condition[]): AnyRow[] {
    const table = tableOf(this.#schema, tableName)
    const tests = where.map(([name, is, input]) => ({ name, is, value: this.#value(columnOf(table, name), input) }))
    const byId = tests.find(test => test.name === '_uuid' && test.is === '==')
    const one = typeof byId?.value === 'string' ? this.get(tableName, byId.value) : undefined
    const candidates = byId ? (one ? [one] : []) : [...this.rows(tableName)]
    return candidates.filter(row => tests.every(test => matches(row[test.name], test.is, test.value)))
  }

  #mutated(tableName: string, row: AnyRow, mutations: readonly Mutation[]): AnyRow {
    const table = tableOf(this.#schema, tableName)
    const after: Record<string, Value> & { _uuid: string } = { ...row }
    for (const [name, mutator, input] of mutations) {
      const column = columnOf(table, name)
      const keysOnly = column.kind === 'map' && mutator === 'delete' && (input instanceof Set || Array.isArray(input))
      const value = this.#value(keysOnly ? { ...column, kind: 'set', value: undefined } : column, input)
      after[name] = mutate(after[name], mutator, value)
    }
    return after
  }
}

function sameColumns(before: AnyRow, after: AnyRow): boolean {
  return Object.keys(after).every(name => sameValue(before[name], after[name]))
}

const members = (value: Value): ReadonlySet<Atom> =>
  value instanceof Set ? (value as ReadonlySet<Atom>) : new Set(value === undefined ? [] : [value as Atom])

function includes(have: Value, wanted: Value): boolean {
  if (have instanceof Map && wanted instanceof Map)
    return [...(wanted as ReadonlyMap<Atom, Atom>)].every(([k, v]) => have.get(k) === v)
  const there = members(have)
  return [...members(wanted)].every(item => there.has(item))
}

function excludes(have: Value, wanted: Value): boolean {
  if (have instanceof Map && wanted instanceof Map)
    return [...(wanted as ReadonlyMap<Atom, Atom>)].every(([k, v]) => have.get(k) !== v)
  const there = members(have)
  return [...members(wanted)].every(item => !there.has(item))
}

function matches(have: Value, is: Condition[1], wanted: Value): boolean {
  switch (is) {
    case '==':
      return sameValue(have, wanted)
    case '!=':
      return !sameValue(have, wanted)
    case 'includes':
      return includes(have, wanted)
    case 'excludes':
      return excludes(have, wanted)
    case '<':
      return Number(have) < Number(wanted)
    case '<=':
      return Number(have) <= Number(wanted)
    case '>':
      return Number(have) > Number(wanted)
    case '>=':
      return Number(have) >= Number(wanted)
    default:
      return is satisfies never
  }
}

function mutate(have: Value, mutator: Mutation[1], value: Value): Value {
  if (have instanceof Map) {
    const map = new Map(have as ReadonlyMap<Atom, Atom>)
    // Insert leaves keys that are there alone (RFC 7047 section 5.1); delete by pairs wants the same value.
    if (mutator === 'insert') {
      for (const [k, v] of value as ReadonlyMap<Atom, Atom>) if (!map.has(k)) map.set(k, v)
    } else if (value instanceof Map) {
      for (const [k, v] of value as ReadonlyMap<Atom, Atom>) if (map.get(k) === v) map.delete(k)
    } else for (const k of members(value)) map.delete(k)
    return map
  }
  if (mutator === 'insert') {
    const all = new Set([...members(have), ...members(value)])
    return have instanceof Set ? all : all.values().next().value
  }
  if (mutator === 'delete') {
    const gone = members(value)
    const rest = new Set([...members(have)].filter(item => !gone.has(item)))
    return have instanceof Set ? rest : rest.values().next().value
  }
  const [a, b] = [Number(have), Number(value)]
  switch (mutator) {
    case '+=':
      return a + b
    case '-=':
      return a - b
    case '*=':
      return a * b
    case '/=':
      return Math.trunc(a / b)
    case '%=':
      return a % b
    default:
      return mutator satisfies never
  }
}
