/** The embedded PostgreSQL for real: first start, restart, kill -9, locks left behind, refusals. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { HostError } from '../../../src/host/error.ts'
import { hydrateSymlinks } from '../../../src/host/postgres/binaries.ts'
import { startPostgres } from '../../../src/host/postgres.ts'
import { ended } from '../../../src/lib/process.ts'
import { testDatabase, testServer } from '../../support/postgres.ts'

let folder = ''
const options = () => ({
  data_dir: path.join(folder, 'data'),
  socket_dir: path.join(folder, 'run'),
  die_with_parent: true,
})

describe('postgres/postgres', () => {
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'croft-pgtest-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }

  const setting = async (url: string, name: string) => (await query(url, `show ${name}`))[0]?.[name]

  void test('first start makes a durable, checksummed, password-protected server on a private socket', async () => {
    const server = await startPostgres(options())
    try {
      assert.equal(await setting(server.url, 'fsync'), 'on')
      assert.equal(await setting(server.url, 'synchronous_commit'), 'on')
      assert.equal(await setting(server.url, 'data_checksums'), 'on')
      assert.equal(await setting(server.url, 'listen_addresses'), '')
      assert.equal(await setting(server.url, 'TimeZone'), 'UTC')
      assert.deepEqual(
        await query(server.url, `select datlocprovider as p, datlocale as l from pg_database where datname = 'croft'`),
        [{ p: 'b', l: 'C.UTF-8' }],
      )
      assert.equal((await stat(path.join(folder, 'run'))).mode & 0o777, 0o700)
      assert.equal((await stat(path.join(folder, 'data', 'croft.password'))).mode & 0o777, 0o600)
      await assert.rejects(query(server.url.replace(/:[^:@]*@/, ':wrong@'), 'select 1'), { code: '28P01' })
      await query(server.url, 'create table kept (n int)')
      await query(server.url, 'insert into kept values (42)')
    } finally {
      await server.stop()
    }
    assert.deepEqual((await readdir(folder)).sort(), ['data', 'run'], 'nothing left beside the data directory')
  })

  void test("kill -9, with its number now somebody else's: the next start comes up with the data", async () => {
    const server = await startPostgres(options())
    const gone = ended(server.process)
    server.process.kill('SIGKILL')
    await gone
    // As after a boot or in a fresh pid namespace: the lock names a process that runs, but is not PostgreSQL.
    const lock = path.join(folder, 'data', 'postmaster.pid')
    const lines = (await readFile(lock, 'utf8')).split('\n')
    await writeFile(lock, [String(process.pid), ...lines.slice(1)].join('\n'))
    const again = await startPostgres(options())
    try {
      assert.deepEqual(await query(again.url, 'select n from kept'), [{ n: 42 }])
    } finally {
      await again.stop()
    }
  })

  void test('kill -9 with a query under way that never looks up: the next start ends what is left, and comes up', async () => {
    const server = await startPostgres(options())
    const client = new Client({ connectionString: server.url })
    client.on('error', () => undefined)
    await client.connect()
    const pid = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0
    const endless = assert.rejects(
      client.query('select count(*) from (select generate_series(1, 9223372036854775807)) endless'),
    )
    const active = `select 1 from pg_stat_activity where pid = ${pid} and state = 'active'`
    while ((await query(server.url, active)).length === 0);
    const gone = ended(server.process)
    server.process.kill('SIGKILL')
    await gone
    const again = await startPostgres(options())
    try {
      assert.deepEqual(await query(again.url, 'select n from kept'), [{ n: 42 }])
      await endless
    } finally {
      await again.stop()
    }
  })

  void test('a second server on the same data is refused, and the first goes on', async () => {
    const server = await startPostgres(options())
    try {
      await assert.rejects(
        startPostgres(options()),
        (error: Error) => error instanceof HostError && /runs already/.test(error.message),
      )
      await assert.rejects(
        startPostgres({ ...options(), socket_dir: path.join(folder, 'run2') }),
        (error: Error) => error instanceof HostError && /runs already/.test(error.message),
      )
      assert.deepEqual(await query(server.url, 'select n from kept'), [{ n: 42 }])
    } finally {
      await server.stop()
    }
  })

  void test('an initdb that was cut short leaves nothing in the way', async () => {
    const data_dir = path.join(folder, 'cut', 'data')
    await mkdir(`${data_dir}.new-1`, { recursive: true })
    await writeFile(`${data_dir}.new-1/PG_VERSION`, '18\n')
    const server = await startPostgres({ ...options(), data_dir, socket_dir: path.join(folder, 'run3') })
    await server.stop()
    assert.deepEqual(await readdir(path.join(folder, 'cut')), ['data'])
  })

  void test('data of another major version, or of somebody else, is refused with what to do, and not touched', async () => {
    const old = path.join(folder, 'old')
    await mkdir(old)
    await writeFile(path.join(old, 'PG_VERSION'), '15\n')
    await assert.rejects(startPostgres({ ...options(), data_dir: old }), /written by PostgreSQL 15/)
    assert.deepEqual(await readdir(old), ['PG_VERSION'])
    const other = path.join(folder, 'other')
    await mkdir(other)
    await writeFile(path.join(other, 'thesis.txt'), 'do not lose')
    await assert.rejects(startPostgres({ ...options(), data_dir: other }), /not empty/)
    assert.deepEqual(await readdir(other), ['thesis.txt'])
  })

  void test('a server that cannot start says why, in its own words', async () => {
    await assert.rejects(
      startPostgres({ ...options(), settings: { shared_buffers: 'plenty' } }),
      /invalid value for parameter "shared_buffers": "plenty"/,
    )
  })

  void test("the libraries' links are made where the install script did not run, also twice at once", async () => {
    const native = path.join(folder, 'package', 'native')
    await mkdir(path.join(native, 'lib'), { recursive: true })
    await writeFile(path.join(native, 'lib', 'libx.so.6.1'), 'x')
    await writeFile(
      path.join(native, 'pg-symlinks.json'),
      JSON.stringify([{ source: 'native/lib/libx.so.6.1', target: 'native/lib/libx.so.6' }]),
    )
    await Promise.all([hydrateSymlinks(native), hydrateSymlinks(native)])
    assert.equal(await readFile(path.join(native, 'lib', 'libx.so.6'), 'utf8'), 'x')
  })

  void test('test databases are copies of one prepared template, apart from each other', async () => {
    let prepared = 0
    const prepare = async (url: string) => {
      prepared++
      await query(url, 'create table t (n int)')
    }
    await using a = await testDatabase(prepare)
    const [b, c] = await Promise.all([testDatabase(prepare), testDatabase(prepare)])
    await query(a.url, 'insert into t values (1)')
    assert.deepEqual(await query(b.url, 'select * from t'), [])
    assert.equal(prepared, 1)
    await Promise.all([b.drop(), c.drop()])
    const left = await query(
      await testServer(),
      `select datname from pg_database where datname like 'test_%' and datname <> '${a.name}'`,
    )
    assert.deepEqual(left, [])
  })
})
