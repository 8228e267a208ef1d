/**
 * The way to PostgreSQL: typed queries, transactions that are tried again when the database asks for it, and LISTEN.
 * The simulation gives its own Database over PGlite; nothing above store/ can tell.
 */
import { type DatabaseConnection, Kysely, PostgresDialect, type RawBuilder, sql, Transaction } from 'kysely'
import pg from 'pg'
import { isDatabaseAway, NoFreeConnection } from '../../lib/database-away.ts'
import { Listener, type Notice } from './listener.ts'
import { Liveness } from './liveness.ts'
import { BeginAgain } from './begin-again.ts'
import { isStalePlan, planning, preparingClient } from './prepared.ts'
import type { Schema } from './schema.ts'

export type Db = Kysely<Schema>
export type Tx = Transaction<Schema>

/**
 * Whose work it is. Each kind has connections of its own, so that however much there is of one, and whatever it waits for, the others go on.
 * `own`: the controller's loops, and what hosts say. `request`: what users ask; none of it waits for long for what others have locked.
 * `lease`: by which this controller is there and may grant leases to hosts. Nothing else, so that this waits for nobody.
 */
export type Work = 'own' | 'request' | 'lease'

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
  /** This database, over the connections for such work. Itself it is `own`. */
  of(work: Work): Database
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
  /** Of each kind of work; without it `connections`. */
  connections_max?: number
  /** For a free connection; without it connection_wait_ms_max. */
  connection_wait_ms?: number
  /** Of requests, for each lock; without it lock_wait_ms_max. */
  lock_wait_ms?: number
  /** How often the connection that only listens is asked whether it lives; it may take as long again to answer. */
  listen_check_ms?: number
  onError(error: unknown): void
}

/** At most; those that nobody needs are closed. docs/operators.md has the sum, with two more that do not come from here. */
const connections: Readonly<Record<Work, number>> = { own: 12, request: 16, lease: 2 }

/** For a free connection of the pool: who waits longer is told so (lib/database-away.ts), and does not hang. */
const connection_wait_ms_max = 10_000

/**
 * For each lock: of a request, which holds others' up with what it has locked itself; and of what keeps the lease, whose next attempt begins by
 * renewing it. Far longer than any transaction of ours takes, and than PostgreSQL needs to see that some wait in a circle.
 */
const lock_wait_ms_max = 5000

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

function connectionOptions(url: string, more: Readonly<Record<string, string>> = {}) {
  const options = Object.entries({ ...session_settings, ...more }).map(([name, value]) => `-c ${name}=${value}`)
  return { connectionString: url, options: options.join(' '), keepAlive: true, keepAliveInitialDelayMillis: 5000 }
}

/** Opens `url`. Nothing is connected before the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, onError } = options
  const Client = preparingClient()
  const liveness = new Liveness({ connection: connectionOptions(url), onError })
  const listener = new Listener({
    connection: connectionOptions(url),
    check_ms: options.listen_check_ms ?? 5000,
    onError,
  })
  let closing = false
  const pools: pg.Pool[] = []
  const open = (work: Work): Database => {
    const pool = poolOf(options, work, Client)
    pools.push(pool)
    pool.on('error', ({ message, stack }) => {
      // Not the error itself: pg-pool hangs the whole client on it, and a log has no use for that.
      if (!closing) onError(Object.assign(new Error(message), { stack }))
    })
    pool.on('connect', client => liveness.watch(client))
    const db: Db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: tellingWhy(pool) }) })
    return {
      db,
      transaction: work => runTransaction(db, work),
      listen: (channel, notice) => listener.add(channel, notice),
      of: work => kinds[work],
      close,
    }
  }
  const kinds = { own: open('own'), request: open('request'), lease: open('lease') }
  async function close() {
    closing = true
    await listener.close()
    liveness.close()
    for (const { db } of Object.values(kinds)) await db.destroy()
    for (const pool of pools) if (!pool.ended) await pool.end()
  }
  return kinds.own
}

function poolOf(options: DatabaseOptions, work: Work, Client: typeof pg.Client): pg.Pool {
  const lock_timeout = `${options.lock_wait_ms ?? lock_wait_ms_max}ms`
  return new pg.Pool({
    ...connectionOptions(options.url, work === 'own' ? {} : { lock_timeout }),
    max: options.connections_max ?? connections[work],
    connectionTimeoutMillis: options.connection_wait_ms ?? connection_wait_ms_max,
    types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
    Client,
  })
}

/** Whether a connection was not to be had because all were at work, or because the database is not to be reached, pg-pool does not tell. */
function tellingWhy(pool: pg.Pool) {
  const there = new Set<pg.PoolClient>()
  pool.on('connect', client => {
    there.add(client)
    client.once('end', () => there.delete(client))
  })
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: () =>
      pool.connect().catch((error: unknown) => {
        const isBusy = there.size === pool.options.max && isDatabaseAway(error)
        throw isBusy ? new NoFreeConnection(`none of ${there.size} connections came free`, { cause: error }) : error
      }),
  }
}
