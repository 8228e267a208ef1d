/**
 * The embedded PostgreSQL: prepares a data directory and runs the server as a direct child of this process, or gives
 * the argv for the supervisor to run. Usable alone.
 * Not its job: the schema (controller/store), or keeping the server running (supervisor.ts).
 *
 * Never pg_ctl: after a kill -9 it waits for seconds on a lock that nobody holds.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, chown, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, escapeIdentifier } from 'pg'
import { HostError } from './error.ts'
import { findPostgres, postgres_env } from './postgres/binaries.ts'
import { prepareCluster, readPassword, superuser } from './postgres/cluster.ts'
import { clearLeftBehind } from './postgres/left-behind.ts'
import { ended, isErrno, lastLines } from '../lib/process.ts'

export type PostgresOptions = {
  data_dir: string
  /** Made with mode 0700. The path with the socket's name must stay below 108 bytes (unix(7)). */
  socket_dir: string
  /** Names the socket, and is listened on at 127.0.0.1 if `tcp`. */
  port?: number
  tcp?: boolean
  /** The database that the address points to; created if missing. */
  database?: string
  /** More settings (postgresql.conf names), which win over Croft's. */
  settings?: Record<string, string>
  /** A server that may lose everything in a crash, many times faster: for tests only. */
  unsafe_for_tests?: boolean
}

export type PreparedPostgres = {
  argv: string[]
  env: Record<string, string>
  cwd: string
  /** With user and password, over the socket: for `pg`, kysely, and CROFT_DATABASE_URL. */
  url: string
  /** Connects until the server takes queries, then makes sure that the database exists. */
  ready(signal?: AbortSignal): Promise<void>
}

/** SQLSTATE codes, PostgreSQL manual appendix A. */
const cannot_connect_now = '57P03'
const duplicate_database = '42P04'
const database_unique_violation = '23505'

const address = (socket_dir: string, port: number, password: string, database: string) =>
  `postgresql://${superuser}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(socket_dir)}&port=${port}`

/** Makes ready on disk all that the server needs. Idempotent. Throws HostError. */
export async function preparePostgres(options: PostgresOptions): Promise<PreparedPostgres> {
  const port = options.port ?? 5432
  const database = options.database ?? 'croft'
  const data_dir = path.resolve(options.data_dir)
  const socket_dir = path.resolve(options.socket_dir)
  if (Buffer.byteLength(`${socket_dir}/.s.PGSQL.${port}.lock`) > 107)
    throw new HostError(
      `the folder for PostgreSQL's socket has too long a name: ${socket_dir}`,
      'Choose a shorter one.',
    )
  const binaries = await findPostgres(path.join(path.dirname(data_dir), 'postgres-program'))
  const password = await prepareCluster(binaries, data_dir)
  // The folder above it is everybody's way to their own: mode 0700 is for the last one only.
  await mkdir(path.dirname(socket_dir), { recursive: true, mode: 0o711 })
  await mkdir(socket_dir, { recursive: true, mode: 0o700 })
  await chown(socket_dir, binaries.owner.uid, binaries.owner.gid)
  await chmod(socket_dir, 0o700)
  await clearLeftBehind(data_dir, socket_dir, port)
  const settings = { ...serverSettings(socket_dir, port, options), ...options.settings }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return {
    argv: [...binaries.prefix, binaries.postgres, '-D', data_dir, ...flags],
    env: postgres_env,
    cwd: data_dir,
    url: address(socket_dir, port, password, database),
    ready: signal => untilReady(address(socket_dir, port, password, 'postgres'), database, signal),
  }
}

/** The address of an embedded server whose data directory exists already. Throws HostError if it does not. */
export async function embeddedUrl(
  options: Pick<PostgresOptions, 'data_dir' | 'socket_dir' | 'port' | 'database'>,
): Promise<string> {
  const password = await readPassword(options.data_dir)
  return address(path.resolve(options.socket_dir), options.port ?? 5432, password, options.database ?? 'croft')
}

/** Waits until an embedded server, started by anybody, takes queries and has its database. */
export async function untilPostgresReady(
  options: Pick<PostgresOptions, 'data_dir' | 'socket_dir' | 'port' | 'database'>,
  signal: AbortSignal,
): Promise<void> {
  // The server may just be making its data directory: then there is no password yet.
  for (;;) {
    const url = await embeddedUrl({ ...options, database: 'postgres' }).catch(() => undefined)
    if (url !== undefined) return await untilReady(url, options.database ?? 'croft', signal)
    await delay(50, undefined, { signal })
  }
}

/** All on the command line, so that a newer Croft's settings hold for a data directory made by an older one. */
function serverSettings(socket_dir: string, port: number, options: PostgresOptions): Record<string, string> {
  return {
    listen_addresses: options.tcp ? '127.0.0.1' : '',
    port: String(port),
    unix_socket_directories: socket_dir,
    unix_socket_permissions: '0700',
    max_connections: '200',
    shared_buffers: '128MB',
    wal_level: 'replica',
    max_wal_size: '1GB',
    // Every change of Croft is promised to survive a power cut.
    ...(options.unsafe_for_tests
      ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off', shared_buffers: '32MB' }
      : { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' }),
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    logging_collector: 'off',
    log_destination: 'stderr',
    log_min_duration_statement: '1s',
    idle_in_transaction_session_timeout: '60s',
  }
}

/**
 * There is no event for "takes queries now", so connect, with a short pause, until it works or `signal` says that
 * there is nothing to wait for any more.
 */
async function untilReady(url: string, database: string, signal?: AbortSignal): Promise<void> {
  for (let pause_ms = 5; ; pause_ms = Math.min(pause_ms * 2, 100)) {
    signal?.throwIfAborted()
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
    // A connection that breaks rejects the query that waits for it; the event beside it would end the process.
    client.on('error', () => undefined)
    try {
      await client.connect()
      await ensureDatabase(client, database)
      return
    } catch (error) {
      const worth_waiting =
        isErrno(error, 'ENOENT') ||
        isErrno(error, 'ECONNREFUSED') ||
        isErrno(error, 'ECONNRESET') ||
        isErrno(error, cannot_connect_now)
      if (!worth_waiting) throw error
    } finally {
      await client.end()
    }
    await delay(pause_ms, undefined, { signal })
  }
}

async function ensureDatabase(client: Client, database: string): Promise<void> {
  const found = await client.query('select 1 from pg_database where datname = $1', [database])
  if (found.rowCount) return
  try {
    await client.query(`create database ${escapeIdentifier(database)}`)
  } catch (error) {
    if (!isErrno(error, duplicate_database) && !isErrno(error, database_unique_violation)) throw error
  }
}

export type RunningPostgres = {
  url: string
  process: ChildProcess
  /** Fast shutdown: sessions are ended, everything is written. Resolves when the server is gone. */
  stop(): Promise<void>
}

/**
 * Starts the server as a child and resolves when it takes queries.
 * `die_with_parent`: the kernel ends the server when this process ends, however it ends; what tests want.
 * Throws HostError with the end of the server's log if it does not start.
 */
export async function startPostgres(
  options: PostgresOptions & { log?: (line: string) => void; die_with_parent?: boolean },
): Promise<RunningPostgres> {
  const prepared = await preparePostgres(options)
  const [program = '', ...args] = withParentDeath(prepared.argv, options.die_with_parent ?? false)
  const child = spawn(program, args, {
    cwd: prepared.cwd,
    env: prepared.env,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  const said: string[] = []
  if (child.stderr)
    createInterface({ input: child.stderr }).on('line', line => {
      said.push(line)
      if (said.length > 50) said.shift()
      options.log?.(line)
    })
  const gone = new AbortController()
  child.once('error', error => gone.abort(error))
  child.once('close', code =>
    gone.abort(new HostError(`PostgreSQL ended with code ${code}: ${lastLines(said.join('\n'), 5)}`)),
  )
  try {
    await prepared.ready(gone.signal)
  } catch (error) {
    if (!gone.signal.aborted) await stopChild(child)
    throw gone.signal.aborted ? gone.signal.reason : error
  }
  return { url: prepared.url, process: child, stop: () => stopChild(child) }
}

/** setpriv must come after unshare: the kernel forgets the wish when the credentials change (prctl(2)). */
function withParentDeath(argv: string[], wanted: boolean): string[] {
  if (!wanted) return argv
  const at = argv.indexOf('--') + 1
  return [...argv.slice(0, at), 'setpriv', '--pdeathsig=QUIT', '--', ...argv.slice(at)]
}

/** The harder ways are for a server that cannot write any more; the next start then recovers from its log. */
async function stopChild(child: ChildProcess): Promise<void> {
  const end = ended(child)
  for (const [signal, patience_ms] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    child.kill(signal)
    const timer = new AbortController()
    const done = await Promise.race([
      end.then(() => true),
      delay(patience_ms, false, { signal: timer.signal, ref: false }),
    ])
    timer.abort()
    if (done) return
  }
  throw new HostError(`PostgreSQL (process ${child.pid}) cannot be ended, not even by SIGKILL`)
}
