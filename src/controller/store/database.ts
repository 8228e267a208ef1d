/**
 * The way to PostgreSQL: typed queries, transactions that are tried again when the database asks for it, and LISTEN.
 * The simulation gives its own Database over PGlite; nothing above store/ can tell.
 */
import { Socket } from 'node:net'
import { type DatabaseConnection, Kysely, PostgresDialect, type RawBuilder, sql, Transaction } from 'kysely'
import pg from 'pg'
import { Liveness } from './liveness.ts'
import { BeginAgain } from './begin-again.ts'
import { isStalePlan, planning, preparingClient } from './prepared.ts'
import type { Schema } from './schema.ts'

export type Db = Kysely<Schema>
export type Tx = Transaction<Schema>

/** What a listener is told: the payload, or null when notices may have been missed (the connection was lost and is back). */
export type Notice = (payload: string | null) => void

/**
 * Locks on rows are taken in this order, and rows of one kind in that of their ids, so that two transactions do not wait for each
 * other in a circle: what is taken out of a pool (pool.lockOfHost); host; held_instance; instance; volume; instance_group; cluster, for its reserve; quota; host_claim; pool; ports and addresses; operation and its targets. Who
 * makes instances shares the host's row after host_claim, which only the removal of a host excludes: it locks
 * the host's claims before it shuts that row, and one that is linked, so that something is made on it, is removed only when it is empty. Last of
 * all, at the commit, instance_state (by triggers). Should there be a circle all the same, PostgreSQL ends it, and `transaction` tries again.
 */
export interface Database {
  readonly db: Db
  /** Runs `work` in one transaction at read committed; again, up to five times, after a deadlock or serialisation failure, or when it asks for that (BeginAgain). */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Calls `notice` for each NOTIFY on `channel`, and with null once it listens: what was told before that was not heard.
   * Returns how to stop.
   */
  listen(channel: string, notice: Notice): () => void
  close(): Promise<void>
}

export const channels = {
  /** Something was recorded in `event`. */
  event: 'croft_event',
  /** Payload: a host whose wanted set changed. */
  host: 'croft_host',
  /** Payload: a host that may be lost, or none. */
  absence: 'croft_absence',
  /** Logical networks changed. */
  network: 'croft_network',
  /** Work for a background loop (images, purges, sealing). */
  work: 'croft_work',
  /** Payload: JSON of a call for an agent held by any controller. */
  call: 'croft_call',
  /** Payload: JSON of an agent's answer, for the controller that asked. */
  answer: 'croft_answer',
  /** Payload: JSON of resources whose samples someone watches at another controller, and of what was measured of them. */
  metric: 'croft_metric',
  /** Payload: a console's viewer whose row changed or is gone. */
  console: 'croft_console',
  /** An operator asks that plug-ins of the web UI be read again. */
  plugin: 'croft_plugin',
  /** Payload: a registration of a machine that wants to be a host, on which an operator has decided. */
  registration: 'croft_registration',
} as const

const int8 = 20
const numeric = 1700
const maxSafe = Number.MAX_SAFE_INTEGER

function parseInteger(text: string): number {
  const value = Number(text)
  if (Math.abs(value) > maxSafe) throw new Error(`the database holds ${text}, more than a number here can`)
  return value
}

/** How values come from the wire: bigint and numeric as numbers, all else as `pg` does. */
export function typeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === int8) return parseInteger
  if (oid === numeric) return Number
  // inet[] (1041) and text[] (1009) share their text form.
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- pg's list of types is not all that there are
  return pg.types.getTypeParser(oid === 1041 ? 1009 : oid, format ?? 'text')
}

const tryAgainCodes = new Set(['40001', '40P01'])
const attempts_max = 5

export function sqlState(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** The constraint that a failed statement broke, if it did (SQLSTATE class 23). */
export function brokenConstraint(error: unknown): string | undefined {
  if (!sqlState(error)?.startsWith('23')) return undefined
  return error instanceof Error && 'constraint' in error ? String(error.constraint) : undefined
}

/** A value for a jsonb column. */
export function json(value: unknown): RawBuilder<never> {
  return sql`${JSON.stringify(value)}::jsonb`
}

/** The transaction runner that both kinds of Database share. */
export function runTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  return again(() => db.transaction().execute(work))
}

/** Runs `work` on one snapshot, in a transaction that PostgreSQL itself keeps from writing, and from locking any row. */
export function onlyLook<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  return again(() => db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work))
}

async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (error instanceof BeginAgain && attempt < BeginAgain.times_max) continue
      if (attempt >= attempts_max || !(tryAgainCodes.has(sqlState(error) ?? '') || isStalePlan(error))) throw error
    }
  }
}

type Parts<D, T extends readonly unknown[]> = { readonly [K in keyof T]: (db: D) => Promise<T[K]> }

/**
 * Does these on one connection (a transaction's own) without any waiting for the answer to another: statements that do not need each
 * other's results are sent in one write, and PostgreSQL runs them in the order of the parts (those that a part asks after its first come
 * between). Each answer that is waited for costs two wake-ups, far more than most statements. All have ended when it does; throws what the
 * first that failed threw. A part that begins with something else than a statement is out of order.
 */
export function atOnce<D extends Db, const T extends readonly unknown[]>(db: D, ...parts: Parts<D, T>): Promise<T> {
  const executor = db.getExecutor()
  return executor.provideConnection(async connection => {
    const here = { provideConnection: <R>(use: (given: DatabaseConnection) => Promise<R>) => use(connection) }
    const props = { ...unused, executor: executor.withConnectionProvider(here) }
    const side = (db.isTransaction ? new Transaction<Schema>(props) : new Kysely<Schema>(props)) as D
    const ended = await Promise.allSettled(parts.map(part => part(side)))
    const failures = ended.flatMap(one => (one.status === 'rejected' ? [one.reason as unknown] : []))
    // After a failure PostgreSQL refuses all that follows.
    const first = failures.find(error => sqlState(error) !== in_failed_transaction) ?? failures[0]
    if (failures.length > 0) throw first
    const values: readonly unknown[] = ended.map(one => (one.status === 'fulfilled' ? one.value : undefined))
    return values as T
  })
}

const in_failed_transaction = '25P02'

/** Kysely wants them to be there; who has a connection needs none. */
const unused = (() => {
  const dialect = new PostgresDialect({ pool: () => Promise.reject(new Error('there is a connection already')) })
  return { config: { dialect }, dialect, driver: dialect.createDriver() }
})()

export interface DatabaseOptions {
  url: string
  connections_max?: number
  /** How often the connection that only listens is asked whether it lives; it may take as long again to answer. */
  listen_check_ms?: number
  onError(error: unknown): void
}

/** For a free connection of the pool: who waits longer is told that the database is not to be had, and does not hang. */
const connection_wait_ms_max = 10_000

/**
 * For the server, of each connection. One whose controller is gone without a word (power, network) must not hold its
 * locks, nor hide everybody's events, for the hours that TCP takes by default to notice.
 */
const session_settings = {
  idle_in_transaction_session_timeout: '60s',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  // Rows are found by index, nearly always in memory. The default, made for spinning disks, would read small tables from end to
  // end, and keep doing so by a plan kept from when they were small.
  random_page_cost: '1.1',
  // Compiling a statement takes longer than running any of ours.
  jit: 'off',
  ...planning,
}

function connectionOptions(url: string) {
  const options = Object.entries(session_settings).map(([name, value]) => `-c ${name}=${value}`)
  return { connectionString: url, options: options.join(' '), keepAlive: true, keepAliveInitialDelayMillis: 5000 }
}

/** Opens a pool on `url`. Nothing is connected before the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const types = { getTypeParser: typeParser as typeof pg.types.getTypeParser }
  const pool = new pg.Pool({
    ...connectionOptions(options.url),
    max: options.connections_max ?? 20,
    connectionTimeoutMillis: connection_wait_ms_max,
    types,
    Client: preparingClient(),
  })
  let closing = false
  pool.on('error', ({ message, stack }) => {
    // Not the error itself: pg-pool hangs the whole client on it, and a log has no use for that.
    if (!closing) options.onError(Object.assign(new Error(message), { stack }))
  })
  const liveness = new Liveness({ connection: connectionOptions(options.url), onError: options.onError })
  pool.on('connect', client => liveness.watch(client))
  const db: Db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  const listener = new Listener(options.url, options.listen_check_ms ?? 5000, options.onError)
  return {
    db,
    transaction: work => runTransaction(db, work),
    listen: (channel, notice) => listener.add(channel, notice),
    async close() {
      closing = true
      await listener.close()
      liveness.close()
      await db.destroy()
      if (!pool.ended) await pool.end()
    },
  }
}

const reconnect_ms = 250

/** One connection that listens for all channels, and comes back by itself. */
class Listener {
  private readonly notices = new Map<string, Set<Notice>>()
  private client: pg.Client | undefined
  private closed = false
  private connecting: Promise<void> | undefined
  private listening: Promise<void> = Promise.resolve()
  private readonly url: string
  private readonly check_ms: number
  private readonly onError: (error: unknown) => void

  constructor(url: string, check_ms: number, onError: (error: unknown) => void) {
    this.url = url
    this.check_ms = check_ms
    this.onError = onError
  }

  add(channel: string, notice: Notice): () => void {
    const known = this.notices.get(channel)
    const set = known ?? new Set<Notice>()
    this.notices.set(channel, set.add(notice))
    if (!this.client) this.connecting ??= this.connect()
    else if (!known) this.listenTo(this.client, channel)
    return () => set.delete(notice)
  }

  /** One after the other: a client takes one query at a time. */
  private listenTo(client: pg.Client, channel: string): void {
    const listen = () => client.query(`listen ${pg.escapeIdentifier(channel)}`)
    // What was told between the asker's last look and this moment was not heard.
    this.listening = this.listening.then(listen).then(() => this.tell(channel, null), this.onError)
  }

  /** Who only listens does not notice that nobody speaks any more: a firewall forgot the connection, the server lost power. */
  private check(client: pg.Client, socket: Socket): void {
    const again = setTimeout(() => {
      if (this.client !== client) return
      const late = setTimeout(() => {
        this.onError(new Error('the connection that listens to the database is dead; making a new one'))
        // At once: a dead one never answers a goodbye.
        socket.destroy()
      }, this.check_ms)
      const alive = () => client.query('select')
      this.listening = this.listening
        .then(alive)
        .then(() => this.check(client, socket), this.onError)
        .finally(() => clearTimeout(late))
    }, this.check_ms)
    again.unref()
  }

  async close(): Promise<void> {
    this.closed = true
    await this.connecting
    await this.listening
    await this.client?.end()
  }

  private async connect(): Promise<void> {
    while (!this.closed) {
      const socket = new Socket()
      const client = new pg.Client({
        ...connectionOptions(this.url),
        connectionTimeoutMillis: connection_wait_ms_max,
        query_timeout: connection_wait_ms_max,
        stream: () => socket,
      })
      try {
        client.on('error', this.onError)
        client.on('notification', ({ channel, payload }) => this.tell(channel, payload ?? ''))
        await client.connect()
        for (const channel of this.notices.keys()) await client.query(`listen ${pg.escapeIdentifier(channel)}`)
        client.once('end', () => this.lost())
        this.client = client
        this.connecting = undefined
        this.check(client, socket)
        for (const channel of this.notices.keys()) this.tell(channel, null)
        return
      } catch (error) {
        this.onError(error)
        // A dead one never answers a goodbye.
        socket.destroy()
        await client.end().catch(this.onError)
        await new Promise(resolve => setTimeout(resolve, reconnect_ms))
      }
    }
  }

  private lost(): void {
    this.client = undefined
    if (!this.closed) this.connecting = this.connect()
  }

  private tell(channel: string, payload: string | null): void {
    for (const notice of this.notices.get(channel) ?? []) notice(payload)
  }
}
