/**
 * Builders for the operations of a transaction (RFC 7047 section 5.2), in plain values, and their encoding for the
 * wire by the database's schema. `operationsFor(schema)` gives the same builders typed by a schema constant.
 * Not its job: sending (client.ts), or doing them (memory.ts).
 */
import { OvsdbProtocolError, OvsdbSchemaError, OvsdbTransactionError } from './errors.ts'
import {
  columnOf,
  type Row,
  type RowInput,
  type Schema,
  type SchemaSource,
  type Table,
  type TableName,
  tableOf,
  type Unknown,
  type Value,
} from './schema.ts'
import { decode, encode, type Input } from './values.ts'

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'includes' | 'excludes'
export type Condition = readonly [column: string, is: Comparison, value: Input]
export type Mutator = '+=' | '-=' | '*=' | '/=' | '%=' | 'insert' | 'delete'
/** `delete` from a map takes keys as a set or array, or pairs as a map or object. */
export type Mutation = readonly [column: string, mutator: Mutator, value: Input]
export type Columns = Readonly<Record<string, Input>>

export type Operation =
  | { readonly op: 'insert'; readonly table: string; readonly row: Columns; readonly uuid_name?: string }
  | {
      readonly op: 'select'
      readonly table: string
      readonly where: readonly Condition[]
      readonly columns?: readonly string[]
    }
  | { readonly op: 'update'; readonly table: string; readonly where: readonly Condition[]; readonly row: Columns }
  | {
      readonly op: 'mutate'
      readonly table: string
      readonly where: readonly Condition[]
      readonly mutations: readonly Mutation[]
    }
  | { readonly op: 'delete'; readonly table: string; readonly where: readonly Condition[] }
  | {
      readonly op: 'wait'
      readonly table: string
      readonly where: readonly Condition[]
      readonly columns: readonly string[]
      readonly until: '==' | '!='
      readonly rows: readonly Columns[]
      readonly timeout_ms?: number
    }
  | { readonly op: 'comment'; readonly comment: string }
  | { readonly op: 'assert'; readonly lock: string }
  | { readonly op: 'abort' }
  | { readonly op: 'commit'; readonly durable: boolean }

/** The outcome of one operation: uuid for insert, count for update, mutate and delete, rows for select. */
export interface OperationResult {
  readonly uuid?: string
  readonly count?: number
  readonly rows?: readonly Readonly<Record<string, Value>>[]
}

/** The row with this uuid (or uuid-name of the same transaction). */
export const byUuid = (uuid: string): readonly [readonly ['_uuid', '==', string]] => [['_uuid', '==', uuid]]

type Known<S extends SchemaSource, T extends TableName<S>> = keyof S['tables'][T]['columns'] & string
type WhereOf<S extends SchemaSource, T extends TableName<S>> =
  Unknown<S> extends true
    ? readonly Condition[]
    : readonly (
        | readonly [column: '_uuid', is: Comparison, value: Input]
        | readonly [column: Known<S, T>, is: Comparison, value: Input]
      )[]

/** The builders, with tables and columns checked by the compiler. Mutations and select columns are checked by name. */
export interface Builders<S extends SchemaSource> {
  /** `uuid_name` lets later operations of the same transaction refer to the row: letters, digits and underscores. */
  insert<T extends TableName<S>>(table: T, row: RowInput<S, T>, uuid_name?: string): Operation
  select<T extends TableName<S>>(
    table: T,
    where?: WhereOf<S, T>,
    columns?: readonly (keyof Row<S, T> & string)[],
  ): Operation
  update<T extends TableName<S>>(table: T, where: WhereOf<S, T>, row: RowInput<S, T>): Operation
  mutate<T extends TableName<S>>(
    table: T,
    where: WhereOf<S, T>,
    ...mutations: readonly (readonly [
      column: keyof S['tables'][T]['columns'] & string,
      mutator: Mutator,
      value: Input,
    ])[]
  ): Operation
  delete<T extends TableName<S>>(table: T, where: WhereOf<S, T>): Operation
  /** Waits until (or while, for '!=') the selected rows' columns equal `rows`; fails with 'timed out'. 0 only checks. */
  wait<T extends TableName<S>>(
    table: T,
    where: WhereOf<S, T>,
    until: '==' | '!=',
    rows: readonly RowInput<S, T>[],
    timeout_ms?: number,
  ): Operation
  /** Text for the server's log of transactions. */
  comment(comment: string): Operation
  /** Fails with 'not owner' unless this client holds the lock. */
  assert(lock: string): Operation
}

const builders: Builders<SchemaSource> = {
  insert: (table, row, uuid_name) => ({ op: 'insert', table, row, ...(uuid_name === undefined ? {} : { uuid_name }) }),
  select: (table, where = [], columns) => ({
    op: 'select',
    table,
    where: where,
    ...(columns ? { columns: columns } : {}),
  }),
  update: (table, where, row) => ({ op: 'update', table, where: where, row }),
  mutate: (table, where, ...mutations) => ({ op: 'mutate', table, where: where, mutations }),
  delete: (table, where) => ({ op: 'delete', table, where: where }),
  wait: (table, where, until, rows, timeout_ms) => ({
    op: 'wait',
    table,
    where: where,
    columns: Object.keys(rows[0] ?? {}),
    until,
    rows,
    ...(timeout_ms === undefined ? {} : { timeout_ms }),
  }),
  comment: comment => ({ op: 'comment', comment }),
  assert: lock => ({ op: 'assert', lock }),
}

/** Builders typed by a schema constant; the constant is not kept. */
export function operationsFor<S extends SchemaSource>(schema: S): Builders<S>
// The same functions serve every schema: types differ, values do not.
export function operationsFor(): unknown {
  return builders
}

/** Builders for any table and column, checked by the server's schema when they are sent. */
export const operations: Builders<SchemaSource> = builders

// ---- the wire ----------------------------------------------------------------------------------------------------

function encodeRow(table: Table, row: Columns): Record<string, unknown> {
  const wire: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) wire[name] = encode(columnOf(table, name), value)
  return wire
}

const encodeWhere = (table: Table, where: readonly Condition[]): unknown[] =>
  where.map(([name, is, value]) => [name, is, encode(columnOf(table, name), value)])

function encodeMutation(table: Table, [name, mutator, value]: Mutation): unknown[] {
  const column = columnOf(table, name)
  // Keys alone may be deleted from a map: they travel as a set.
  const keysOnly = column.kind === 'map' && mutator === 'delete' && (value instanceof Set || Array.isArray(value))
  // Arithmetic on an optional or a set takes one number for all of its members (RFC 7047 section 5.1, <mutation>).
  const arithmetic = mutator !== 'insert' && mutator !== 'delete'
  const like = keysOnly
    ? ({ ...column, kind: 'set', value: undefined } as const)
    : arithmetic
      ? ({ ...column, kind: 'one' } as const)
      : column
  return [name, mutator, encode(like, value)]
}

export function encodeOperation(schema: Schema, operation: Operation): Record<string, unknown> {
  switch (operation.op) {
    case 'comment':
    case 'assert':
    case 'abort':
    case 'commit':
      return operation
    case 'insert': {
      const row = encodeRow(tableOf(schema, operation.table), operation.row)
      const name = operation.uuid_name
      if (name !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw new OvsdbSchemaError(`"${name}" is not a uuid-name`)
      return { op: 'insert', table: operation.table, row, ...(name === undefined ? {} : { 'uuid-name': name }) }
    }
    case 'select': {
      const { op, table, where, columns } = operation
      return { op, table, where: encodeWhere(tableOf(schema, table), where), ...(columns ? { columns } : {}) }
    }
    case 'update': {
      const table = tableOf(schema, operation.table)
      return {
        op: 'update',
        table: table.name,
        where: encodeWhere(table, operation.where),
        row: encodeRow(table, operation.row),
      }
    }
    case 'mutate': {
      const table = tableOf(schema, operation.table)
      const mutations = operation.mutations.map(mutation => encodeMutation(table, mutation))
      return { op: 'mutate', table: table.name, where: encodeWhere(table, operation.where), mutations }
    }
    case 'delete':
      return {
        op: 'delete',
        table: operation.table,
        where: encodeWhere(tableOf(schema, operation.table), operation.where),
      }
    case 'wait': {
      const { op, columns, until, timeout_ms } = operation
      const table = tableOf(schema, operation.table)
      const rows = operation.rows.map(row => encodeRow(table, row))
      const timeout = timeout_ms === undefined ? {} : { timeout: timeout_ms }
      return { op, table: table.name, where: encodeWhere(table, operation.where), columns, until, rows, ...timeout }
    }
    default:
      return operation satisfies never
  }
}

export function decodeRow(table: Table, wire: Readonly<Record<string, unknown>>): Record<string, Value> {
  const row: Record<string, Value> = {}
  for (const [name, value] of Object.entries(wire)) {
    if (name === '_uuid' || name === '_version' || table.columns.has(name))
      row[name] = decode(columnOf(table, name), value)
  }
  return row
}

/** Reads the answer to a transaction: one result an operation, or throws OvsdbTransactionError for the one that failed. */
export function decodeResults(schema: Schema, sent: readonly Operation[], answer: unknown): OperationResult[] {
  if (!Array.isArray(answer)) throw new OvsdbProtocolError('the answer to a transaction is not a list')
  const results = answer as (Record<string, unknown> | null)[]
  for (const [index, result] of results.entries()) {
    if (typeof result?.error !== 'string') continue
    const operation = sent[index]
    const details = typeof result.details === 'string' ? result.details : ''
    throw new OvsdbTransactionError(
      operation ? index : 'commit',
      operation ? nameOf(operation) : '',
      result.error,
      details,
    )
  }
  if (results.length < sent.length)
    throw new OvsdbProtocolError(`${sent.length} operations got ${results.length} results`)
  return sent.map((operation, index) => decodeResult(schema, operation, results[index] ?? {}))
}

function decodeResult(schema: Schema, operation: Operation, result: Record<string, unknown>): OperationResult {
  const { uuid, count, rows } = result
  if (operation.op === 'insert' && Array.isArray(uuid)) return { uuid: String(uuid[1]) }
  if (operation.op === 'select' && Array.isArray(rows)) {
    const table = tableOf(schema, operation.table)
    return { rows: rows.map(row => decodeRow(table, row as Record<string, unknown>)) }
  }
  return typeof count === 'number' ? { count } : {}
}

export function nameOf(operation: Operation): string {
  return 'table' in operation ? `${operation.op} in ${operation.table}` : operation.op
}
