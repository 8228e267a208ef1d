/**
 * Commits the steps of a difference in batches: many in one transaction, as OVSDB likes it, and each for itself when a
 * batch is refused, so that one bad row does not hold up the rest.
 * Not its job: deciding what to do (diff.ts), when (reconciler.ts).
 */
import {
  byUuid,
  type Database,
  type Mutation,
  type Operation,
  OvsdbTransactionError,
  type Value,
} from '../../lib/ovsdb/index.ts'
import type { Step } from './diff.ts'
import { nb, type Northbound } from './schema.ts'

export interface ApplyOptions {
  /** Steps in one transaction. Default 500. */
  readonly batch_steps?: number
  /** Every transaction asserts this lock, so that a controller that has lost it writes nothing. */
  readonly lock?: string
}

export interface Applied {
  readonly transactions: number
  readonly operations: number
  /** What was refused, one sentence a step. */
  readonly failures: readonly string[]
}

/** Throws what ends the whole: OvsdbConnectionError, or OvsdbTransactionError 'not owner' when the lock is lost. */
export async function apply(
  database: Database<Northbound>,
  steps: readonly Step[],
  options: ApplyOptions = {},
): Promise<Applied> {
  const { batch_steps = 500, lock } = options
  const names = new Map<string, string>()
  const failures: string[] = []
  let transactions = 0
  let operations = 0
  const commit = async (batch: readonly Step[]): Promise<void> => {
    const compiled = compile(batch, names)
    const results = await database.transact(lock === undefined ? compiled : [...compiled, nb.assert(lock)])
    for (const [index, operation] of compiled.entries()) {
      const uuid = results[index]?.uuid
      if (operation.op === 'insert' && operation.uuid_name !== undefined && uuid !== undefined)
        names.set(operation.uuid_name, uuid)
    }
    transactions++
    operations += compiled.length
  }
  for (let first = 0; first < steps.length; first += batch_steps) {
    const batch = steps.slice(first, first + batch_steps)
    try {
      await commit(batch)
    } catch (error) {
      if (!isRefusal(error)) throw error
      await commitEach(batch, commit, failures)
    }
  }
  return { transactions, operations, failures }
}

const isRefusal = (error: unknown): error is OvsdbTransactionError =>
  error instanceof OvsdbTransactionError && error.code !== 'not owner'

async function commitEach(
  batch: readonly Step[],
  commit: (batch: readonly Step[]) => Promise<void>,
  failures: string[],
): Promise<void> {
  for (const step of batch) {
    try {
      await commit([step])
    } catch (error) {
      if (!isRefusal(error)) throw error
      failures.push(`${describe(step)}: ${error.message}`)
    }
  }
}

function describe({ insert, update, remove, links }: Step): string {
  if (insert)
    return `new row of ${insert.table} (${typeof insert.columns.name === 'string' ? insert.columns.name : insert.name})`
  if (update) return `change of ${update.table} ${update.uuid}`
  if (remove) return `removal of ${remove.table} ${remove.uuid}`
  return `references to ${links?.[0]?.target ?? 'nothing'}`
}

/**
 * The operations of these steps as one transaction. `names` gives the uuids of rows that earlier transactions inserted.
 * Links to and from one row's column become one mutation, or part of the row when it is inserted here.
 */
export function compile(steps: readonly Step[], names: ReadonlyMap<string, string> = new Map()): Operation[] {
  const real = (ref: string): string => names.get(ref) ?? ref
  const inserts = new Map<string, { table: string; columns: Record<string, Value> }>()
  for (const { insert } of steps)
    if (insert) inserts.set(insert.name, { table: insert.table, columns: resolved(insert.columns, real) })

  const changes = new Map<string, { table: string; row: string; column: string; add: string[]; take: string[] }>()
  for (const { links } of steps) {
    for (const { table, row, column, target, add } of links ?? []) {
      const inserted = inserts.get(row)
      if (inserted) {
        inserted.columns[column] = new Set([...((inserted.columns[column] ?? []) as Iterable<string>), real(target)])
        continue
      }
      const key = `${row} ${column}`
      let change = changes.get(key)
      if (!change) changes.set(key, (change = { table, row: real(row), column, add: [], take: [] }))
      ;(add ? change.add : change.take).push(real(target))
    }
  }

  const operations: Operation[] = []
  for (const [name, { table, columns }] of inserts)
    operations.push({ op: 'insert', table, row: columns, uuid_name: name })
  for (const { update } of steps) {
    if (!update) continue
    const row = resolved(update.columns, real)
    operations.push({ op: 'update', table: update.table, where: byUuid(update.uuid), row })
  }
  for (const { table, row, column, add, take } of changes.values()) {
    const mutations: Mutation[] = []
    if (take.length > 0) mutations.push([column, 'delete', take])
    if (add.length > 0) mutations.push([column, 'insert', add])
    operations.push({ op: 'mutate', table, where: byUuid(row), mutations })
  }
  for (const { remove } of steps)
    if (remove) operations.push({ op: 'delete', table: remove.table, where: byUuid(remove.uuid) })
  return operations
}

/** Single references among the columns may name rows of earlier transactions; other text is never such a name. */
function resolved(columns: Readonly<Record<string, Value>>, real: (ref: string) => string): Record<string, Value> {
  const row = { ...columns }
  for (const name of ['dhcpv4_options', 'dhcpv6_options']) {
    const ref = row[name]
    if (typeof ref === 'string') row[name] = real(ref)
  }
  return row
}
