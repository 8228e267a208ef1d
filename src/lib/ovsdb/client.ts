/**
 * An OVSDB client for one database (RFC 7047, ovsdb-server(7)): transactions, a replica of the monitored tables that
 * survives reconnection, locks. Connects again by itself, with back-off and through all remotes, until closed.
 * Not its job: what rows mean, nor repeating a transaction whose outcome is unknown (the caller compares and decides).
 */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from './connection.ts'
import type { Database, DatabaseEvents, TransactOptions } from './database.ts'
import { OvsdbConnectionError, OvsdbError, OvsdbProtocolError, OvsdbSchemaError } from './errors.ts'
import { Locks } from './locks.ts'
import { Monitor, type MonitorMethod } from './monitor.ts'
import { decodeResults, encodeOperation, type Operation, type OperationResult } from './operations.ts'
import { openRemote, parseRemote, type TlsOptions } from './remote.ts'
import type { Replica } from './replica.ts'
import { missingFrom, parseSchema, type Schema, type SchemaSource } from './schema.ts'
import { ServerStatus } from './server-status.ts'

export interface ClientOptions<S extends SchemaSource> {
  /** Where the database is served, tried in turn: unix:PATH, tcp:HOST:PORT, ssl:HOST:PORT. */
  remotes: readonly string[]
  /** The database's name, or a schema constant that also types rows; the server's schema must have what it names. */
  database: string | S
  /** Tables to hold in the replica: column names, or 'all'. Default: all that the schema constant names. */
  monitor?: Readonly<Record<string, readonly string[] | 'all'>> | 'none'
  tls?: TlsOptions
  /** Of a clustered database, use only the leader (its data is never stale). Standalone databases always qualify. */
  leader_only?: boolean
  /** Default 5,000; 0 turns the probe off. */
  inactivity_probe_ms?: number
  /** How long transact() waits for a connection, and how long one attempt to connect may take. Default 10,000. */
  connect_timeout_ms?: number
  /** Pause between rounds of attempts, doubled each round. Default 100 to 8,000. */
  backoff_min_ms?: number
  backoff_max_ms?: number
  /** One message's size limit. Default 256 MiB: the first answer holds every monitored row. */
  message_bytes_max?: number
  /** The first monitor method to try; servers before Open vSwitch 2.12 know only 'monitor'. */
  monitor_method?: MonitorMethod
}

/** Connects and fills the replica. Rejects when no remote answers within connect_timeout_ms or the schema does not fit. */
export async function connectOvsdb<S extends SchemaSource = SchemaSource>(
  options: ClientOptions<S>,
): Promise<OvsdbClient<S>> {
  const client = new OvsdbClient(options)
  try {
    await client.ready()
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

export class OvsdbClient<S extends SchemaSource = SchemaSource>
  extends EventEmitter<DatabaseEvents>
  implements Database<S>
{
  readonly name: string
  readonly #options: ClientOptions<S>
  readonly #wanted: Schema | undefined
  readonly #stop = new AbortController()
  readonly #locks: Locks
  #schema: Schema | undefined
  #monitor: Monitor | undefined
  #replica: Replica<S> | undefined
  #status: ServerStatus | undefined
  #connection: Connection | undefined
  #whole = false
  #fatal: Error | undefined
  #lastFailure: Error | undefined
  #waiting = Promise.withResolvers<void>()

  /** Starts to connect; `ready()` tells when it has. Prefer connectOvsdb(). */
  constructor(options: ClientOptions<S>) {
    super()
    // Each waiting caller may listen: many listeners are no leak.
    this.setMaxListeners(0)
    for (const remote of options.remotes) parseRemote(remote)
    if (options.remotes.length === 0) throw new OvsdbError('an OVSDB client needs at least one remote')
    this.#options = options
    this.name = typeof options.database === 'string' ? options.database : options.database.name
    this.#wanted = typeof options.database === 'string' ? undefined : parseSchema(options.database)
    this.#locks = new Locks((name, held) => this.emit('lock', name, held))
    this.#waiting.promise.catch(() => undefined)
    void this.#run()
  }

  get connected(): boolean {
    return this.#whole
  }

  get replica(): Replica<S> {
    if (!this.#replica) throw new OvsdbConnectionError(`${this.name}: not connected yet`, 'not_sent')
    return this.#replica
  }

  /** The server's schema. Throws before the first connection. */
  get schema(): Schema {
    if (!this.#schema) throw new OvsdbConnectionError(`${this.name}: not connected yet`, 'not_sent')
    return this.#schema
  }

  /** Resolves when connected with a whole replica; rejects after connect_timeout_ms. */
  async ready(): Promise<void> {
    if (this.#whole) return
    if (this.#fatal) throw this.#fatal
    const timeout_ms = this.#options.connect_timeout_ms ?? 10_000
    const { promise, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      const why = this.#lastFailure ? `: ${this.#lastFailure.message}` : ''
      reject(
        new OvsdbConnectionError(`${this.name}: no connection within ${timeout_ms} ms${why}`, 'not_sent', {
          cause: this.#lastFailure,
        }),
      )
    }, timeout_ms)
    await Promise.race([this.#waiting.promise, promise]).finally(() => clearTimeout(timer))
  }

  async transact(operations: readonly Operation[], options: TransactOptions = {}): Promise<readonly OperationResult[]> {
    if (!this.#whole) await this.ready()
    const { schema } = this
    const wire = operations.map(operation => encodeOperation(schema, operation))
    const answer = await this.#connectionNow().request('transact', [this.name, ...wire], options.signal)
    return decodeResults(schema, operations, answer)
  }

  lock(name: string): void {
    this.#locks.want(name, 'lock')
  }

  steal(name: string): void {
    this.#locks.want(name, 'steal')
  }

  unlock(name: string): void {
    this.#locks.release(name)
  }

  holds(name: string): boolean {
    return this.#locks.holds(name)
  }

  close(): void {
    if (this.#stop.signal.aborted) return
    this.#end(new OvsdbConnectionError(`${this.name}: the client was closed`, 'not_sent'))
  }

  #end(reason: Error): void {
    this.#fatal = reason
    this.#waiting.reject(reason)
    this.#stop.abort()
    this.#connection?.close(reason)
  }

  #connectionNow(): Connection {
    if (this.#connection && this.#whole) return this.#connection
    throw (
      this.#fatal ?? new OvsdbConnectionError(`${this.name}: not connected`, 'not_sent', { cause: this.#lastFailure })
    )
  }

  /** Tries the remotes in turn until closed; pauses only after a whole round without success. */
  async #run(): Promise<void> {
    const { backoff_min_ms = 100, backoff_max_ms = 8000, remotes } = this.#options
    const { signal } = this.#stop
    let pause_ms = backoff_min_ms
    while (!signal.aborted) {
      for (const remote of remotes) {
        if (signal.aborted) return
        if (await this.#session(remote)) pause_ms = backoff_min_ms
      }
      if (signal.aborted) return
      // A little randomness keeps a thousand clients of a restarted server apart.
      await sleep(pause_ms * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      pause_ms = Math.min(pause_ms * 2, backoff_max_ms)
    }
  }

  /** One connection from opening to its end; true if it had become usable. Never throws. */
  async #session(remote: string): Promise<boolean> {
    const closed = Promise.withResolvers<Error>()
    let usable = false
    try {
      const connection = await this.#open(remote, reason => closed.resolve(reason))
      await Promise.race([this.#prepare(connection), closed.promise.then(reason => Promise.reject(reason))])
      usable = true
      this.#whole = true
      this.#waiting.resolve()
      this.#locks.connected(connection)
      this.emit('connected', remote)
      this.#lastFailure = await closed.promise
    } catch (error) {
      this.#lastFailure = error instanceof Error ? error : new OvsdbError(String(error))
      this.#connection?.close(this.#lastFailure)
      // A schema that does not fit will not fit at the next attempt either.
      if (!usable && error instanceof OvsdbSchemaError && this.#monitor === undefined) this.#end(error)
    }
    this.#connection = undefined
    if (usable) this.#lost(this.#lastFailure)
    return usable
  }

  #lost(reason: Error): void {
    this.#whole = false
    if (!this.#stop.signal.aborted) {
      this.#waiting = Promise.withResolvers<void>()
      this.#waiting.promise.catch(() => undefined)
    }
    this.#locks.disconnected()
    this.emit('disconnected', reason)
  }

  async #open(remote: string, onClose: (reason: Error) => void): Promise<Connection> {
    const {
      connect_timeout_ms = 10_000,
      message_bytes_max = 256 * 1024 * 1024,
      inactivity_probe_ms = 5000,
    } = this.#options
    const stream = await openRemote(remote, {
      tls: this.#options.tls,
      timeout_ms: connect_timeout_ms,
      signal: this.#stop.signal,
    })
    const connection = new Connection(stream, {
      limits: { max_bytes: message_bytes_max, max_depth: 64 },
      inactivity_probe_ms,
      onNotification: (method, params) => this.#onNotification(method, params),
      onClose,
    })
    this.#connection = connection
    if (this.#stop.signal.aborted) connection.close(new OvsdbConnectionError('the client was closed', 'not_sent'))
    return connection
  }

  async #prepare(connection: Connection): Promise<void> {
    this.#status = await ServerStatus.check(connection, this.name, this.#options.leader_only ?? false)
    if (!this.#schema || !this.#monitor) {
      const schema = parseSchema((await connection.request('get_schema', [this.name])) as SchemaSource)
      const missing = this.#wanted ? missingFrom(schema, this.#wanted) : []
      if (missing.length > 0)
        throw new OvsdbSchemaError(
          `the server's ${this.name} (schema ${schema.version}) does not fit: ${missing.join(', ')}`,
        )
      this.#schema = schema
      this.#monitor = new Monitor(schema, this.#wanted, this.#options.monitor, this.#options.monitor_method)
      this.#replica = this.#monitor.replica.typed<S>()
    }
    const changes = await this.#monitor.start(connection)
    if (changes.length > 0) this.emit('change', changes)
  }

  #onNotification(method: string, params: readonly unknown[]): void {
    if (method === 'locked' || method === 'stolen') {
      this.#locks.notified(method, String(params[0]))
      return
    }
    if (!method.startsWith('update')) return
    if (ServerStatus.concerns(params)) {
      const reason = this.#status?.update(params)
      if (reason) this.#connection?.close(reason)
      return
    }
    if (!this.#monitor) throw new OvsdbProtocolError('the server sent updates that were not asked for')
    const changes = this.#monitor.update(method, params)
    if (changes.length > 0) this.emit('change', changes)
  }
}
