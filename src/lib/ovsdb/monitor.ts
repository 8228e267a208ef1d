/**
 * Asks a server to keep a replica up to date: monitor_cond_since with the last transaction known, so that a
 * reconnection brings only what changed; monitor (RFC 7047 section 4.1.5) where the server knows nothing newer.
 * Not its job: the replica itself (replica.ts), deciding when to connect (client.ts).
 */
import type { Connection } from './connection.ts'
import { OvsdbProtocolError, OvsdbRequestError } from './errors.ts'
import { type Change, ReplicaStore } from './replica.ts'
import { columnOf, type Schema, tableOf } from './schema.ts'
import { sameValue } from './values.ts'

export type MonitorMethod = 'monitor_cond_since' | 'monitor'

const monitorId = 'replica'
const noTransaction = '00000000-0000-0000-0000-000000000000'

export class Monitor {
  readonly replica: ReplicaStore
  readonly #database: string
  readonly #columns: ReadonlyMap<string, readonly string[]>
  readonly #first: MonitorMethod
  #lastTransaction = noTransaction

  constructor(
    schema: Schema,
    wanted: Schema | undefined,
    choice: Readonly<Record<string, readonly string[] | 'all'>> | 'none' | undefined,
    first: MonitorMethod = 'monitor_cond_since',
  ) {
    this.replica = new ReplicaStore(schema)
    this.#database = schema.name
    this.#first = first
    this.#columns = chooseColumns(schema, wanted, choice)
  }

  /** Asks for the contents, or for what is new since the last connection; gives the changes. */
  async start(connection: Connection): Promise<Change[]> {
    if (this.#columns.size === 0) return []
    if (this.#first === 'monitor') return this.#startOld(connection)
    try {
      return await this.#startSince(connection)
    } catch (error) {
      if (error instanceof OvsdbRequestError && error.code === 'unknown method') return this.#startOld(connection)
      throw error
    }
  }

  /** Applies an update, update2 or update3 notification. */
  update(method: string, params: readonly unknown[]): Change[] {
    if (params[0] !== monitorId)
      throw new OvsdbProtocolError(`the server sent an ${method} for a monitor that does not exist`)
    if (method === 'update') return this.replica.applyUpdates1(params[1], this.#columns)
    if (method === 'update2') return this.replica.applyUpdates2(params[1], this.#columns)
    if (method !== 'update3') throw new OvsdbProtocolError(`the server sent an unknown notification, ${method}`)
    const changes = this.replica.applyUpdates2(params[2], this.#columns)
    this.#lastTransaction = String(params[1])
    return changes
  }

  #requests(): Record<string, unknown> {
    const select = { initial: true, insert: true, delete: true, modify: true }
    return Object.fromEntries([...this.#columns].map(([table, columns]) => [table, [{ columns, select }]]))
  }

  async #startSince(connection: Connection): Promise<Change[]> {
    const params = [this.#database, monitorId, this.#requests(), this.#lastTransaction]
    const answer = await connection.request('monitor_cond_since', params)
    if (!Array.isArray(answer)) throw new OvsdbProtocolError('the answer to monitor_cond_since is not a list')
    const [found, lastTransaction, updates] = answer as unknown[]
    const changes = this.replica.applyUpdates2(updates, this.#columns)
    this.#lastTransaction = String(lastTransaction)
    return found === true ? changes : this.#afterListing(changes)
  }

  async #startOld(connection: Connection): Promise<Change[]> {
    const answer = await connection.request('monitor', [this.#database, monitorId, this.#requests()])
    return this.#afterListing(this.replica.applyUpdates1(answer, this.#columns))
  }

  /** The whole contents came: rows not among them are gone, and rows that came back the same did not change. */
  #afterListing(changes: readonly Change[]): Change[] {
    const gone = this.replica.dropOthers(changes)
    return [...changes.filter(({ before, after }) => !sameRow(before, after)), ...gone]
  }
}

function sameRow(before: Change['before'], after: Change['after']): boolean {
  if (!before || !after) return before === after
  return Object.keys(after).every(column => sameValue(before[column], after[column]))
}

function chooseColumns(
  schema: Schema,
  wanted: Schema | undefined,
  choice: Readonly<Record<string, readonly string[] | 'all'>> | 'none' | undefined,
): ReadonlyMap<string, readonly string[]> {
  if (choice === 'none') return new Map()
  if (!choice)
    return new Map([...(wanted?.tables.values() ?? [])].map(table => [table.name, [...table.columns.keys()]]))
  return new Map(
    Object.entries(choice).map(([name, columns]) => {
      const table = tableOf(schema, name)
      if (columns === 'all') return [name, [...table.columns.keys()]]
      for (const column of columns) columnOf(table, column)
      return [name, columns]
    }),
  )
}
