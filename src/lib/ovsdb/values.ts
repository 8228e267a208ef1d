/**
 * Column values between the wire's notation (RFC 7047 section 5.1) and plain JavaScript: atoms, Set, Map, undefined.
 * Not its job: rows and tables (replica.ts, operations.ts).
 */
import { OvsdbProtocolError, OvsdbSchemaError } from './errors.ts'
import type { Atom, BaseType, Column, Value } from './schema.ts'

/** What callers may pass for a column: also arrays for sets and plain objects for maps. */
export type Input = Value | readonly Atom[] | Readonly<Record<string, Atom>>

const uuidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const nameText = /^[A-Za-z_][A-Za-z0-9_]*$/

export const isUuid = (text: string): boolean => uuidText.test(text)

function decodeAtom(base: BaseType, wire: unknown): Atom {
  if (base.type === 'uuid') {
    if (Array.isArray(wire) && wire.length === 2 && typeof wire[1] === 'string') return wire[1]
  } else if (
    base.type === 'string'
      ? typeof wire === 'string'
      : base.type === 'boolean'
        ? typeof wire === 'boolean'
        : typeof wire === 'number'
  )
    return wire as Atom
  throw new OvsdbProtocolError(`the server sent ${JSON.stringify(wire)?.slice(0, 80)} where a ${base.type} belongs`)
}

function wireList(wire: unknown, tag: 'set' | 'map'): unknown[] | undefined {
  return Array.isArray(wire) && wire[0] === tag && Array.isArray(wire[1]) ? (wire[1] as unknown[]) : undefined
}

/** Decodes a <value>. A set of one may come without its brackets. */
export function decode(column: Column, wire: unknown): Value {
  if (column.kind === 'one') return decodeAtom(column.key, wire)
  if (column.kind === 'map') {
    const pairs = wireList(wire, 'map')
    const valueType = column.value
    if (!pairs || !valueType) throw new OvsdbProtocolError(`column ${column.name}: the server sent no map`)
    const map = new Map<Atom, Atom>()
    for (const pair of pairs) {
      if (!Array.isArray(pair)) throw new OvsdbProtocolError(`column ${column.name}: a map holds something not a pair`)
      map.set(decodeAtom(column.key, pair[0]), decodeAtom(valueType, pair[1]))
    }
    return map
  }
  const list = wireList(wire, 'set') ?? [wire]
  if (column.kind === 'optional') return list.length === 0 ? undefined : decodeAtom(column.key, list[0])
  return new Set(list.map(item => decodeAtom(column.key, item)))
}

/**
 * Applies a difference of update2/update3 (ovsdb-server(7) 4.1.14): columns that hold one value at most are replaced,
 * sets are toggled, maps lose pairs given with their present value and gain or change others. Gives a new value.
 */
export function applyDifference(column: Column, before: Value, wire: unknown): Value {
  const change = decode(column, wire)
  if (!column.many) return change
  if (change instanceof Map) {
    const map = new Map(before as ReadonlyMap<Atom, Atom>)
    for (const [key, value] of change as ReadonlyMap<Atom, Atom>) {
      if (map.get(key) === value) map.delete(key)
      else map.set(key, value)
    }
    return map
  }
  const set = new Set(before as ReadonlySet<Atom>)
  for (const item of change as ReadonlySet<Atom>) toggle(set, item)
  return set
}

function toggle(set: Set<Atom>, item: Atom): void {
  if (!set.delete(item)) set.add(item)
}

/** The value in its one JavaScript shape; says what is wrong with one that does not fit its column. */
export function normalise(column: Column, input: Input): Value {
  const wrong = (expected: string): never => {
    throw new OvsdbSchemaError(`column ${column.name} takes ${expected}, not ${describe(input)}`)
  }
  const atom = (base: BaseType, item: unknown): Atom => {
    const expected =
      base.type === 'integer' || base.type === 'real' ? 'number' : base.type === 'boolean' ? 'boolean' : 'string'
    if (typeof item !== expected) return wrong(`${column.kind} of ${base.type}`)
    if (base.type === 'integer' && !Number.isSafeInteger(item)) return wrong('an integer within ±2^53')
    return item as Atom
  }
  switch (column.kind) {
    case 'one':
      return atom(column.key, input)
    case 'optional':
      return input === undefined ? undefined : atom(column.key, input)
    case 'set': {
      if (input instanceof Set || Array.isArray(input))
        return new Set([...(input as Iterable<unknown>)].map(i => atom(column.key, i)))
      return typeof input === 'object'
        ? wrong('a set')
        : input === undefined
          ? new Set()
          : new Set([atom(column.key, input)])
    }
    case 'map': {
      const { value } = column
      if (!value || typeof input !== 'object' || input instanceof Set || Array.isArray(input)) return wrong('a map')
      const pairs = input instanceof Map ? [...(input as ReadonlyMap<Atom, Atom>)] : Object.entries(input)
      return new Map(pairs.map(([k, v]) => [atom(column.key, k), atom(value, v)]))
    }
    default:
      return column.kind satisfies never
  }
}

function describe(input: unknown): string {
  if (input instanceof Set) return 'a Set'
  if (input instanceof Map) return 'a Map'
  return `${Array.isArray(input) ? 'an array' : typeof input} ${JSON.stringify(input)?.slice(0, 60)}`
}

/** A uuid column takes a uuid, or the uuid-name of a row that the same transaction inserts. */
function encodeAtom(base: BaseType, atom: Atom): unknown {
  if (base.type !== 'uuid') return atom
  const text = String(atom)
  if (isUuid(text)) return ['uuid', text]
  if (nameText.test(text)) return ['named-uuid', text]
  throw new OvsdbSchemaError(`"${text}" is neither a uuid nor a uuid-name`)
}

export function encode(column: Column, input: Input): unknown {
  const value = normalise(column, input)
  if (value === undefined) return ['set', []]
  if (value instanceof Set) return ['set', [...(value as ReadonlySet<Atom>)].map(item => encodeAtom(column.key, item))]
  if (value instanceof Map) {
    const valueType = column.value ?? column.key
    return [
      'map',
      [...(value as ReadonlyMap<Atom, Atom>)].map(([k, v]) => [encodeAtom(column.key, k), encodeAtom(valueType, v)]),
    ]
  }
  return encodeAtom(column.key, value as Atom)
}

/** The value that insert gives a column left out (RFC 7047 section 5.2.1). */
export function defaultOf(column: Column): Value {
  if (column.kind === 'optional') return undefined
  if (column.kind === 'set') return new Set()
  if (column.kind === 'map') return new Map()
  switch (column.key.type) {
    case 'integer':
    case 'real':
      return 0
    case 'boolean':
      return false
    case 'string':
      return ''
    case 'uuid':
      return '00000000-0000-0000-0000-000000000000'
    default:
      return column.key.type satisfies never
  }
}

export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true
  if (a instanceof Map) {
    if (!(b instanceof Map) || a.size !== b.size) return false
    for (const [key, value] of a as ReadonlyMap<Atom, Atom>) if (b.get(key) !== value || !b.has(key)) return false
    return true
  }
  if (a instanceof Set) {
    if (!(b instanceof Set) || a.size !== b.size) return false
    for (const item of a as ReadonlySet<Atom>) if (!b.has(item)) return false
    return true
  }
  return false
}
