/**
 * Brings the database to this program's schema: numbered SQL files, forward only, all in one transaction under
 * Kysely's lock, so that two controllers starting at once do it once.
 */
import { readdir, readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Db } from './database.ts'

const folder = new URL('../migrations/', import.meta.url)

let read: Promise<Record<string, Migration>> | undefined

/** Read once: the files do not change under a running program. */
function migrations(): Promise<Record<string, Migration>> {
  return (read ??= readMigrations())
}

async function readMigrations(): Promise<Record<string, Migration>> {
  const files = (await readdir(folder)).filter(name => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).sort()
  const entries = await Promise.all(
    files.map(async (file): Promise<[string, Migration]> => {
      const text = await readFile(new URL(file, folder), 'utf8')
      return [file.replace('.sql', ''), { up: db => runScript(db as Db, text) }]
    }),
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

/**
 * Migrates up to the newest known version. Returns the names of the migrations that ran.
 * Throws DatabaseTooNew, having changed nothing, when the database knows migrations that this program does not.
 */
export async function migrate(db: Db): Promise<string[]> {
  const known = await migrations()
  const done = await executedMigrations(db)
  const strange = done.filter(name => !(name in known))
  if (strange.length > 0) {
    throw new DatabaseTooNew(
      `The database was written by a newer Croft (it has ${strange.join(', ')}, which this program does not know). ` +
        'Nothing was changed. Start the newer program, or restore a backup made before the upgrade.',
    )
  }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => known } })
  const { error, results } = await migrator.migrateToLatest()
  if (error) throw new Error('The database could not be brought to this version; it is as it was.', { cause: error })
  return (results ?? []).map(result => result.migrationName)
}

async function executedMigrations(db: Db): Promise<string[]> {
  const there = await sql<{ found: string | null }>`select to_regclass('kysely_migration')::text as found`.execute(db)
  if (!there.rows[0]?.found) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(row => row.name)
}
