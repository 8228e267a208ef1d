/**
 * A PostgreSQL server for the tests of this process, and a fresh database from it for each test that asks.
 * The server starts with the first request (about a second), dies with the process, and leaves nothing behind.
 * It does not fsync: never copy its options.
 */
import { randomUUID } from 'node:crypto'
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from 'pg'
import { startPostgres } from '../../src/host/postgres.ts'
import { identify } from '../../src/lib/process.ts'

/** Makes the template: gets the address of an empty database. Usually runs the migrations. */
export type Prepare = (url: string) => Promise<void>

export type TestDatabase = AsyncDisposable & {
  url: string
  name: string
  /** Ends every session and removes the database. Also done when the process ends. */
  drop(): Promise<void>
}

let server: Promise<string> | undefined
const templates = new Map<Prepare | undefined, Promise<string>>()

const memory = '/dev/shm'
const memory_free_min_bytes = 4 * 1024 ** 3

/**
 * Where the server's folder is: in memory if that has room, as in many containers it has not. A copy of a database is a thousand files,
 * which take a disk's file system ten times the CPU.
 */
function place(): string {
  try {
    const { bavail, bsize } = statfsSync(memory)
    accessSync(memory, constants.W_OK)
    if (bavail * bsize >= memory_free_min_bytes) return memory
  } catch {
    // There is none here, or it is not ours.
  }
  return tmpdir()
}

/** What a test process that was killed could not remove. Its server died with it. */
function removeLeftovers(from: string): void {
  for (const name of readdirSync(from)) {
    const pid = /^croft-pg-(\d+)-/.exec(name)?.[1]
    if (pid !== undefined && !identify(Number(pid))) rmSync(path.join(from, name), { recursive: true, force: true })
  }
}

async function startServer(): Promise<string> {
  const from = place()
  removeLeftovers(from)
  const folder = mkdtempSync(path.join(from, `croft-pg-${process.pid}-`))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  const running = await startPostgres({
    data_dir: path.join(folder, 'data'),
    socket_dir: folder,
    unsafe_for_tests: true,
    die_with_parent: true,
  })
  // The server must not keep a test run alive that has nothing else to do.
  running.process.unref()
  const { stderr } = running.process
  if (stderr && 'unref' in stderr && typeof stderr.unref === 'function') stderr.unref()
  process.once('exit', () => running.process.kill('SIGQUIT'))
  return running.url
}

/** The address of this process's server, as superuser, at its database `croft`. */
export function testServer(): Promise<string> {
  server ??= startServer()
  return server
}

/** The same server, another database. */
function databaseUrl(server_url: string, name: string): string {
  return server_url.replace('@/croft?', `@/${name}?`)
}

async function command(sql: string): Promise<void> {
  const client = new Client({ connectionString: await testServer() })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

let databases_made = 0
// CREATE DATABASE … TEMPLATE locks its template against others: one at a time, in the order asked for.
let queue: Promise<unknown> = Promise.resolve()

async function makeTemplate(prepare: Prepare | undefined): Promise<string> {
  const name = `template_${templates.size}_${randomUUID().slice(0, 8)}`
  await command(`create database ${name}`)
  if (prepare) await prepare(databaseUrl(await testServer(), name))
  return name
}

/**
 * A database of its own for a test: a copy (some 20 ms) of a template that `prepare` made once per process.
 * Pass the same function each time; without one the database is empty.
 */
export async function testDatabase(prepare?: Prepare): Promise<TestDatabase> {
  let template = templates.get(prepare)
  if (!template) {
    template = makeTemplate(prepare)
    templates.set(prepare, template)
  }
  const from = await template
  const name = `test_${++databases_made}`
  const copied = queue.then(() => command(`create database ${name} template ${from} strategy file_copy`))
  queue = copied.catch(() => undefined)
  await copied
  const drop = () => command(`drop database if exists ${name} with (force)`)
  return { name, url: databaseUrl(await testServer(), name), drop, [Symbol.asyncDispose]: drop }
}
