/**
 * PGlite as the database of a simulated cloud: one engine, and a Database for each simulated process, which can lose its
 * connection or die at any statement. A dead process's open transaction is rolled back, and its promises never settle.
 */
import { PGlite } from '@electric-sql/pglite'
import { btree_gist } from '@electric-sql/pglite/contrib/btree_gist'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type { Schema } from '../src/controller/store/schema.ts'
import { type Database, type Db, runTransaction, typeParser } from '../src/controller/store/database.ts'
import type { Notice } from '../src/controller/store/listener.ts'
import type { Clock } from '../src/lib/clock.ts'

const parsers = Object.fromEntries([20, 1700, 1041].map(oid => [oid, (text: string) => typeParser(oid)(text)]))

/** What a fault does to a process as it is about to send, or has just sent, a statement. */
export type Fault = 'none' | 'lose-before' | 'lose-after' | 'kill-before' | 'kill-after'

export interface Process {
  readonly name: string
  alive: boolean
  /** The database cannot be reached from here: every statement fails, nothing is heard. */
  away: boolean
  /** Called when it can be reached again: listeners have missed something. */
  readonly returned: Set<() => void>
  /** Asked at each statement. */
  fault(statement: string): Fault
  /** Called when a fault kills it. */
  killed(): void
}

class ConnectionLost extends Error {
  readonly code = '08006'
}

const never = () => new Promise<never>(() => {})

type WallTime = Pick<Clock, 'now_ms'>

export class Engine {
  readonly pglite: PGlite
  private readonly clock: WallTime
  private clock_ms = -1
  private turn: Promise<void> = Promise.resolve()
  /** Statements and transactions under way: while there are any, time stands still. */
  busy = 0
  /** The last statement begun, to be told when nothing goes on. */
  last = ''

  private constructor(pglite: PGlite, clock: WallTime) {
    this.pglite = pglite
    this.clock = clock
  }

  static async open(clock: WallTime): Promise<Engine> {
    return new Engine(await PGlite.create({ extensions: { btree_gist, pg_trgm }, parsers }), clock)
  }

  /** The same engine by another run's clock: that of the machine which the database is on. */
  under(clock: WallTime): Engine {
    return new Engine(this.pglite, clock)
  }

  /** Waits for the engine's one connection; resolves to what gives it back. */
  async acquire(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = this.turn
    this.turn = promise
    this.busy++
    await before
    return () => {
      this.busy--
      resolve()
    }
  }

  async query(text: string, parameters: readonly unknown[]): Promise<QueryResult<unknown>> {
    this.last = text
    const now_ms = this.clock.now_ms()
    if (now_ms !== this.clock_ms && !/^\s*(commit|rollback)/i.test(text)) {
      this.clock_ms = now_ms
      await this.pglite.query("select set_config('croft.now', $1, false)", [new Date(now_ms).toISOString()])
    }
    const { rows, affectedRows } = await this.pglite.query(text, parameters.map(toParameter))
    return { rows, numAffectedRows: BigInt(affectedRows ?? rows.length) }
  }
}

function toParameter(value: unknown): unknown {
  return Buffer.isBuffer(value) ? new Uint8Array(value) : value
}

class Connection implements DatabaseConnection {
  private readonly engine: Engine
  private readonly process: Process
  readonly release: () => void
  private ended = false
  /** What is asked at once is done one after the other, as PostgreSQL does. */
  private turn: Promise<unknown> = Promise.resolve()

  constructor(engine: Engine, process: Process, release: () => void) {
    this.engine = engine
    this.process = process
    this.release = release
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const asked = this.turn.then(() => this.execute<R>(query))
    this.turn = asked.catch(() => undefined)
    return asked
  }

  private async execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (!this.process.alive) return await this.abandon(never)
    if (this.ended) throw new ConnectionLost('the connection to the database is gone')
    const fault = this.process.away && !query.sql.startsWith('rollback') ? 'lose-before' : this.process.fault(query.sql)
    if (fault === 'kill-before') return await this.kill()
    if (fault === 'lose-before') return await this.lose()
    const result = await this.engine.query(query.sql, query.parameters)
    if (fault === 'kill-after') return await this.kill()
    if (fault === 'lose-after') return await this.lose()
    if (!this.process.alive) return await this.abandon(never)
    return { ...result, rows: result.rows.map(fromRow) } as QueryResult<R>
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('no streaming here')
  }

  /** Rolls back what is open and gives the connection back, once. */
  private async abandon<T>(then: () => Promise<T>): Promise<T> {
    if (!this.ended) {
      this.ended = true
      await this.engine.pglite.query('rollback')
      this.release()
    }
    return await then()
  }

  private kill(): Promise<never> {
    this.process.killed()
    return this.abandon(never)
  }

  private lose(): Promise<never> {
    return this.abandon(() => Promise.reject(new ConnectionLost('the connection to the database was lost')))
  }

  give(): void {
    if (!this.ended) {
      this.ended = true
      this.release()
    }
  }
}

function fromRow(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, value instanceof Uint8Array ? Buffer.from(value) : value]),
  )
}

class SimulatedDriver implements Driver {
  private readonly engine: Engine
  private readonly process: Process

  constructor(engine: Engine, process: Process) {
    this.engine = engine
    this.process = process
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    if (!this.process.alive) return await never()
    const release = await this.engine.acquire()
    if (this.process.alive) return new Connection(this.engine, this.process, release)
    release()
    return await never()
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(raw('begin'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // After a lost connection there is nothing to roll back.
    await connection.executeQuery(raw('rollback')).catch(error => {
      if (!(error instanceof ConnectionLost)) throw error
    })
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof Connection) connection.give()
  }

  async destroy(): Promise<void> {}
}

function raw(text: string): CompiledQuery {
  return { sql: text, parameters: [], query: { kind: 'RawNode', sqlFragments: [text], parameters: [] } } as never
}

/** A Database of this process over the engine. */
export function databaseOf(engine: Engine, process: Process): Database {
  const db: Db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new SimulatedDriver(engine, process),
      createIntrospector: inner => new PostgresIntrospector(inner),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
  const stops = new Set<() => void>()
  const database: Database = {
    db,
    // One connection in all: whoever waits for a second one while holding it stands still for ever.
    of: () => database,
    transaction: work => runTransaction(db, work),
    listen(channel: string, notice: Notice) {
      let on = true
      const tell = (payload: string | null) => void (on && process.alive && !process.away && notice(payload))
      const listening = engine.pglite.listen(channel, tell)
      const again = () => tell(null)
      process.returned.add(again)
      listening.then(
        () => tell(null),
        () => undefined,
      )
      const stop = () => {
        on = false
        process.returned.delete(again)
        listening.then(unlisten => unlisten()).catch(() => undefined)
      }
      stops.add(stop)
      return stop
    },
    async close() {
      for (const stop of stops) stop()
    },
  }
  return database
}
