/**
 * OVSDB database schemas (RFC 7047 section 3.2): the shape a server announces, a parsed form that is quick to look
 * up, and types that turn a schema written as a constant into typed rows.
 * Not its job: converting values (values.ts).
 */
import { OvsdbSchemaError } from './errors.ts'

export type AtomicType = 'integer' | 'real' | 'boolean' | 'string' | 'uuid'
/** One value. A uuid is its text; integers beyond 2^53 lose precision, as JSON.parse does. */
export type Atom = string | number | boolean
/** A column decoded: exactly one → the atom, at most one → atom or undefined, more → Set, with values → Map. */
export type Value = Atom | undefined | ReadonlySet<Atom> | ReadonlyMap<Atom, Atom>

/** <base-type> of RFC 7047; only what Croft looks at is named. */
export interface BaseTypeSource {
  readonly type: AtomicType
  readonly refTable?: string
  readonly refType?: 'strong' | 'weak'
  readonly enum?: unknown
  readonly [limit: string]: unknown
}
export interface ColumnTypeSource {
  readonly key: AtomicType | BaseTypeSource
  readonly value?: AtomicType | BaseTypeSource
  readonly min?: number
  readonly max?: number | 'unlimited'
}
export interface ColumnSource {
  readonly type: AtomicType | ColumnTypeSource
  readonly ephemeral?: boolean
  readonly mutable?: boolean
}
export interface TableSource {
  readonly columns: Readonly<Record<string, ColumnSource>>
  readonly isRoot?: boolean
  readonly maxRows?: number
  readonly indexes?: readonly (readonly string[])[]
}
/** <database-schema> of RFC 7047, or the part of one that a program uses, written as a constant. */
export interface SchemaSource {
  readonly name: string
  readonly version?: string
  readonly tables: Readonly<Record<string, TableSource>>
}

// ---- types from a constant schema --------------------------------------------------------------------------------

type AtomOf<T> = T extends { readonly type: infer N }
  ? AtomOf<N>
  : T extends 'integer' | 'real'
    ? number
    : T extends 'boolean'
      ? boolean
      : string
type Complex<T> = T extends { readonly key: infer K; readonly value: infer V }
  ? ReadonlyMap<AtomOf<K>, AtomOf<V>>
  : T extends { readonly key: infer K; readonly max: 'unlimited' }
    ? ReadonlySet<AtomOf<K>>
    : T extends { readonly key: infer K; readonly min: 0 }
      ? AtomOf<K> | undefined
      : T extends { readonly key: infer K }
        ? AtomOf<K>
        : AtomOf<T>
export type ColumnValue<C> = C extends { readonly type: infer T } ? Complex<T> : Value

/** True for a schema that names no tables: one not known when the program was written. */
export type Unknown<S extends SchemaSource> = string extends keyof S['tables'] ? true : false
export type TableName<S extends SchemaSource> = keyof S['tables'] & string
/** A decoded row with its id, as the replica and select give it. */
export type Row<S extends SchemaSource, T extends TableName<S>> = { readonly _uuid: string } & (Unknown<S> extends true
  ? Readonly<Record<string, Value>>
  : { readonly [C in keyof S['tables'][T]['columns']]: ColumnValue<S['tables'][T]['columns'][C]> })

type InputOf<V> =
  V extends ReadonlyMap<infer K, infer W>
    ? ReadonlyMap<K, W> | Readonly<Record<string, W>>
    : V extends ReadonlySet<infer E>
      ? ReadonlySet<E> | readonly E[]
      : V
/** What insert and update take: arrays stand for sets, plain objects for maps; a uuid column also takes a uuid-name. */
export type RowInput<S extends SchemaSource, T extends TableName<S>> =
  Unknown<S> extends true
    ? Readonly<Record<string, Value | readonly Atom[] | Readonly<Record<string, Atom>>>>
    : { readonly [C in keyof S['tables'][T]['columns']]?: InputOf<ColumnValue<S['tables'][T]['columns'][C]>> }

// ---- the parsed form ---------------------------------------------------------------------------------------------

export interface BaseType {
  readonly type: AtomicType
  readonly ref_table: string | undefined
  readonly ref_type: 'strong' | 'weak'
}
export interface Column {
  readonly name: string
  readonly kind: 'one' | 'optional' | 'set' | 'map'
  readonly key: BaseType
  readonly value: BaseType | undefined
  /** Holds more than one value at a time: its changes come as differences. */
  readonly many: boolean
  readonly ephemeral: boolean
}
export interface Table {
  readonly name: string
  readonly columns: ReadonlyMap<string, Column>
  /** Rows of other tables vanish when no strong reference points at them. */
  readonly is_root: boolean
  readonly max_rows: number
  readonly indexes: readonly (readonly string[])[]
}
export interface Schema {
  readonly name: string
  readonly version: string
  readonly tables: ReadonlyMap<string, Table>
}

function parseBase(source: AtomicType | BaseTypeSource): BaseType {
  if (typeof source === 'string') return { type: source, ref_table: undefined, ref_type: 'strong' }
  return { type: source.type, ref_table: source.refTable, ref_type: source.refType ?? 'strong' }
}

function parseColumn(name: string, source: ColumnSource): Column {
  const ephemeral = source.ephemeral ?? false
  if (typeof source.type === 'string')
    return { name, kind: 'one', key: parseBase(source.type), value: undefined, many: false, ephemeral }
  const { key, value, min = 1, max = 1 } = source.type
  const kind = value !== undefined ? 'map' : max === 1 ? (min === 0 ? 'optional' : 'one') : 'set'
  return {
    name,
    kind,
    key: parseBase(key),
    value: value === undefined ? undefined : parseBase(value),
    many: max !== 1,
    ephemeral,
  }
}

/** Parses a <database-schema>. Schemas without any isRoot (older than 1.1.0) count every table as root, as servers do. */
export function parseSchema(source: SchemaSource): Schema {
  const anyRoot = Object.values(source.tables).some(table => table.isRoot)
  const tables = new Map<string, Table>()
  for (const [name, table] of Object.entries(source.tables)) {
    const columns = new Map(Object.entries(table.columns).map(([column, c]) => [column, parseColumn(column, c)]))
    tables.set(name, {
      name,
      columns,
      is_root: anyRoot ? (table.isRoot ?? false) : true,
      max_rows: table.maxRows ?? Number.POSITIVE_INFINITY,
      indexes: table.indexes ?? [],
    })
  }
  return { name: source.name, version: source.version ?? '', tables }
}

export function tableOf(schema: Schema, name: string): Table {
  const table = schema.tables.get(name)
  if (table) return table
  throw new OvsdbSchemaError(
    `database ${schema.name} (schema ${schema.version || 'without version'}) has no table ${name}`,
  )
}

const uuidColumn: Column = {
  name: '_uuid',
  kind: 'one',
  key: { type: 'uuid', ref_table: undefined, ref_type: 'strong' },
  value: undefined,
  many: false,
  ephemeral: false,
}

/** The column, including the implicit _uuid and _version. */
export function columnOf(table: Table, name: string): Column {
  const column = name === '_uuid' || name === '_version' ? uuidColumn : table.columns.get(name)
  if (column) return column
  throw new OvsdbSchemaError(`table ${table.name} has no column ${name}`)
}

/** What `wanted` uses and `server` lacks or types differently, as sentences; empty when it fits. */
export function missingFrom(server: Schema, wanted: Schema): string[] {
  const problems: string[] = []
  for (const table of wanted.tables.values()) {
    const there = server.tables.get(table.name)
    if (!there) {
      problems.push(`no table ${table.name}`)
      continue
    }
    for (const column of table.columns.values()) {
      const other = there.columns.get(column.name)
      if (!other) problems.push(`no column ${table.name}.${column.name}`)
      else if (describe(other) !== describe(column))
        problems.push(`column ${table.name}.${column.name} is ${describe(other)}, not ${describe(column)}`)
    }
  }
  return problems
}

function describe(column: Column): string {
  return `${column.kind} of ${column.key.type}${column.value ? ` to ${column.value.type}` : ''}`
}
