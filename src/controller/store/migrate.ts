/**
 * Brings the database to this program's schema: numbered SQL files, forward only, all in one transaction under
 * Kysely's lock, so that two controllers starting at once do it once. Controllers of the version before may go on meanwhile: whoever
 * is in their way, or they in its, begins anew.
 */
import { readdir, readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { type Clock, realClock } from '../../lib/clock.ts'
import { type Db, sqlState } from './database.ts'

const folder = new URL('../migrations/', import.meta.url)

let read: Promise<Record<string, string>> | undefined

/** Read once: the files do not change under a running program. */
function readOnce(): Promise<Record<string, string>> {
  return (read ??= readMigrations())
}

async function readMigrations(): Promise<Record<string, string>> {
  const files = (await readdir(folder)).filter(name => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).sort()
  const entries = await Promise.all(
    files.map(
      async (file): Promise<[string, string]> => [
        file.replace('.sql', ''),
        await readFile(new URL(file, folder), 'utf8'),
      ],
    ),
  )
  return Object.fromEntries(entries)
}

/** A prepared statement holds one command, so a script runs command by command. */
async function runScript(db: Db, script: string): Promise<void> {
  for (const statement of splitScript(script)) {
    const extension = /^create extension if not exists (\w+)/.exec(statement)?.[1]
    const run = sql.raw(statement).execute(db)
    await (extension === undefined
      ? run
      : run.catch((error: unknown) => Promise.reject(new NoExtension(extension, error))))
  }
}

/** One that its PostgreSQL lacks, or that this role may not make: for who runs that to mend. */
class NoExtension extends Error {
  constructor(name: string, cause: unknown) {
    super(
      `It needs the extension ${name}, which could not be made. Have an administrator of PostgreSQL run "create extension ${name}" in it, ` +
        'or grant its role "create" on it; where the extension is missing, it comes with the package postgresql-contrib',
      { cause },
    )
  }
}

/** Splits at semicolons that end a line, outside $$ quotes. Our scripts put no other semicolon at a line's end. */
export function splitScript(script: string): string[] {
  const statements: string[] = []
  let current: string[] = []
  let quoted = false
  for (const line of script.split('\n')) {
    const code = line.replace(/--.*$/, '').trimEnd()
    if ((code.match(/\$\$/g) ?? []).length % 2 === 1) quoted = !quoted
    if (code.trim() !== '') current.push(code)
    if (!quoted && code.endsWith(';')) {
      statements.push(current.join('\n').slice(0, -1))
      current = []
    }
  }
  if (current.length > 0)
    throw new Error(`a migration does not end with a semicolon: ${current.join(' ').slice(0, 80)}`)
  return statements
}

/** The database was written by a newer Croft than this one: it is left untouched. */
export class DatabaseTooNew extends Error {}

interface MigrateOptions {
  clock?: Clock
  /** For each lock that a migration takes. While it waits for one, all others wait behind it who want the same table. */
  lock_timeout_ms?: number
  attempts_max?: number
  /** Others were in its way, and it begins anew. */
  onBusy?(error: unknown, attempt: number): void
}

const lock_timeout_ms = 5000
/**
 * Together more than a minute and a half where nothing is to be had: whoever sits in a transaction and does nothing is ended by
 * PostgreSQL after one (database.ts).
 */
const attempts_max = 20
const rest_ms_max = 2000

/** A deadlock of which this was the victim (40P01), and a lock that was not to be had in time (55P03). */
const busyCodes = new Set(['40P01', '55P03'])

/**
 * Migrates up to the newest known version. Returns the names of the migrations that ran. What others lock is waited for, briefly, and then all
 * is begun anew: nothing of an attempt that failed remains.
 * Throws DatabaseTooNew, having changed nothing, when the database knows migrations that this program does not.
 */
export async function migrate(db: Db, options: MigrateOptions = {}): Promise<string[]> {
  const tries = options.attempts_max ?? attempts_max
  const clock = options.clock ?? realClock
  for (let attempt = 1; ; attempt++) {
    const { error, done } = await attemptIt(db, options.lock_timeout_ms ?? lock_timeout_ms)
    if (error === undefined) return done
    const busy = busyCodes.has(sqlState(error) ?? '')
    if (!busy) {
      throw new Error('The database could not be brought to this version; it is as it was.', { cause: error })
    }
    if (attempt >= tries) {
      throw new Error(
        `The database could not be brought to this version; it is as it was. Others kept its tables locked, ${tries} times over: end what runs ` +
          'long in it (a backup, an open psql; pg_stat_activity shows which), then start again.',
        { cause: error },
      )
    }
    options.onBusy?.(error, attempt)
    await clock.sleep(Math.min(100 * 2 ** (attempt - 1), rest_ms_max))
  }
}

async function attemptIt(db: Db, timeout_ms: number): Promise<{ error?: unknown; done: string[] }> {
  const known = await readOnce()
  const before = await executedMigrations(db)
  const strange = before.filter(name => !(name in known))
  if (strange.length > 0) {
    throw new DatabaseTooNew(
      `The database was written by a newer Croft (it has ${strange.join(', ')}, which this program does not know). ` +
        'Nothing was changed. Start the newer program, or restore a backup made before the upgrade.',
    )
  }
  const up = (text: string) => async (tx: Db) => {
    await sql`select set_config('lock_timeout', ${String(timeout_ms)}, true)`.execute(tx)
    await runScript(tx, text)
  }
  const scripts = Object.entries(known).map(([name, text]): [string, Migration] => [name, { up: up(text) }])
  const migrator = new Migrator({ db, provider: { getMigrations: async () => Object.fromEntries(scripts) } })
  const { error, results } = await migrator.migrateToLatest()
  return { error, done: (results ?? []).map(result => result.migrationName) }
}

async function executedMigrations(db: Db): Promise<string[]> {
  const there = await sql<{ found: string | null }>`select to_regclass('kysely_migration')::text as found`.execute(db)
  if (!there.rows[0]?.found) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(row => row.name)
}
