/**
 * Whether a server should be used for a database, by the row about it in the server's `_Server` database
 * (ovsdb-server(5), _Server): a member of a cluster that has lost contact, or is not its leader, has old data.
 * Not its job: choosing another server (client.ts).
 */
import type { Connection } from './connection.ts'
import { OvsdbConnectionError, OvsdbRequestError, OvsdbSchemaError } from './errors.ts'
import { type AnyRow, ReplicaStore } from './replica.ts'
import { parseSchema } from './schema.ts'

const monitorId = 'server'
const schema = parseSchema({
  name: '_Server',
  tables: {
    Database: {
      isRoot: true,
      columns: {
        name: { type: 'string' },
        model: { type: 'string' },
        connected: { type: 'boolean' },
        leader: { type: 'boolean' },
      },
    },
  },
})
const columns = new Map([['Database', ['name', 'model', 'connected', 'leader']]])

export class ServerStatus {
  readonly #replica = new ReplicaStore(schema)
  readonly #database: string
  readonly #leaderOnly: boolean

  private constructor(database: string, leaderOnly: boolean) {
    this.#database = database
    this.#leaderOnly = leaderOnly
  }

  /** Throws OvsdbConnectionError when this server should not be used now, OvsdbSchemaError when it has no such database. */
  static async check(connection: Connection, database: string, leaderOnly: boolean): Promise<ServerStatus> {
    const status = new ServerStatus(database, leaderOnly)
    const names = (await connection.request('list_dbs', [])) as string[]
    // Servers before Open vSwitch 2.9 have no _Server and no clusters.
    if (names.includes('_Server')) {
      const request = { Database: [{ columns: columns.get('Database') }] }
      status.#replica.applyUpdates2(await startMonitor(connection, request), columns)
    } else if (names.includes(database)) return status
    const objection = status.#objection()
    if (objection) throw objection
    if (names.includes(database)) return status
    const has = names.filter(name => name !== '_Server').join(', ')
    throw new OvsdbSchemaError(`the server has no database ${database}, only ${has || 'none'}`)
  }

  /** Whether a notification's parameters belong to this monitor. */
  static concerns(params: readonly unknown[]): boolean {
    return params[0] === monitorId
  }

  /** Takes an update; gives the reason to leave this server, if there is one now. */
  update(params: readonly unknown[]): Error | undefined {
    this.#replica.applyUpdates2(params.at(-1), columns)
    return this.#objection()
  }

  #objection(): Error | undefined {
    const row: AnyRow | undefined = this.#replica.find('Database', { name: this.#database })
    if (!row || row.model === 'standalone') return undefined
    if (row.connected !== true)
      return new OvsdbConnectionError(`the server has lost contact to its cluster of ${this.#database}`, 'unknown')
    if (this.#leaderOnly && row.leader !== true)
      return new OvsdbConnectionError(`the server is not the leader of ${this.#database}`, 'unknown')
    return undefined
  }
}

async function startMonitor(connection: Connection, request: unknown): Promise<unknown> {
  try {
    return await connection.request('monitor_cond', ['_Server', monitorId, request])
  } catch (error) {
    // A server that has _Server but hides it (a relay with access control) is taken as it is.
    if (error instanceof OvsdbRequestError) return {}
    throw error
  }
}
