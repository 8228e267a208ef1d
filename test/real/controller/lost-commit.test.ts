/** The connection to the database lost at a commit: what was done is answered, what was not is done, and nothing is done twice. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

/** What happens to the next commit of a transaction that changes something: it is sent and its answer lost, or it is not even sent. */
type Trouble = 'answer lost' | 'not sent' | null

describe('controller/lost-commit', { timeout: 120_000 }, () => {
  let own: TestDatabase
  let cloud: TestCloud
  let proxy: Server
  let trouble: Trouble = null
  const sockets = new Set<Socket>()

  /**
   * Cuts the connection of who has just written the audit row of a new flavor: before what is sent next, the commit, or when the
   * commit is answered. A statement that was prepared before is sent by its name, so the text of a commit is not to be seen.
   */
  function between(near: Socket, far: Socket): void {
    let wrote = false
    near.on('data', (data: Buffer) => {
      if (wrote && trouble === 'not sent') {
        trouble = null
        return near.destroy()
      }
      if (data.includes('/v1/flavors')) wrote = true
      far.write(data)
    })
    far.on('data', (data: Buffer) => {
      const committed = wrote && data.includes('COMMIT\0')
      if (committed) wrote = false
      if (!committed || trouble !== 'answer lost') return void near.write(data)
      trouble = null
      near.destroy()
    })
  }

  before(async () => {
    own = await testDatabase(async url => {
      const database = openDatabase({ url, onError: console.error })
      await migrate(database.db)
      await database.close()
    })
    const [, base = '', folder = '', port = ''] = /^(.*)\?host=([^&]+)&port=(\d+)$/.exec(own.url) ?? []
    proxy = createServer(near => {
      const far = connect(`${decodeURIComponent(folder)}/.s.PGSQL.${port}`)
      for (const socket of [near, far]) {
        sockets.add(socket)
        socket.on('error', () => undefined)
      }
      near.once('close', () => far.destroy())
      far.once('close', () => near.destroy())
      between(near, far)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = proxy.address()
    assert.ok(address && typeof address === 'object')
    cloud = await testCloud({ database_url: base.replace('@/', `@127.0.0.1:${address.port}/`) })
  })
  after(async () => {
    await cloud.close()
    proxy.close()
    for (const socket of sockets) socket.destroy()
    await own.drop()
  })

  async function count(name: string): Promise<{ flavors: number; audited: number }> {
    const { db } = cloud.cloud.database
    const flavors = await db.selectFrom('flavor').select('id').where('name', '=', name).execute()
    const ids = flavors.map(row => row.id)
    const audited = await db.selectFrom('audit').select('seq').where('resource_id', 'in', ids).execute()
    return { flavors: flavors.length, audited: audited.length }
  }

  for (const kind of ['answer lost', 'not sent'] as const) {
    test(`${kind}: the request is answered as if nothing had been, and done once`, async () => {
      trouble = kind
      const name = kind.replace(' ', '-')
      const body = { name, vcpus: 1, memory_mib: 64, disk_gib: 1 }
      const made = await cloud.request('POST', '/v1/flavors', { body })
      assert.equal(trouble, null, 'the connection was cut')
      assert.equal(made.status, 201, JSON.stringify(made.body))
      assert.equal((await cloud.request('GET', `/v1/flavors/${String(made.body.id)}`)).body.name, name)
      assert.deepEqual(await count(name), { flavors: 1, audited: 1 })
    })
  }

  const flavor = (name: string) => ({ body: { name, vcpus: 1, memory_mib: 64, disk_gib: 1 } })

  /** On the server itself, as its operator. */
  async function asOperator(...statements: string[]): Promise<number> {
    const client = new Client({ connectionString: own.url })
    await client.connect()
    try {
      let rows = 0
      for (const text of statements) rows = (await client.query(text)).rowCount ?? 0
      return rows
    } finally {
      await client.end()
    }
  }

  test('the server ends the connection within the commit, before it is one: it is done again, and once', async () => {
    // A sequence is not rolled back: only the first commit is ended.
    await asOperator(
      'create sequence ended',
      `create function end_once() returns trigger language plpgsql as $$ begin
         if nextval('ended') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if; return null; end $$`,
      `create constraint trigger end_once after insert on flavor deferrable initially deferred
         for each row when (new.name = 'ended-before') execute function end_once()`,
    )
    const made = await cloud.request('POST', '/v1/flavors', flavor('ended-before'))
    assert.equal(made.status, 201, JSON.stringify(made.body))
    assert.deepEqual(await count('ended-before'), { flavors: 1, audited: 1 })
    const { rows } = await sql<{ n: number }>`select last_value::int as n from ended`.execute(cloud.cloud.database.db)
    assert.equal(rows[0]?.n, 2, 'the first commit was ended, the second was not')
    await asOperator('drop trigger end_once on flavor')
  })

  test('the server ends the connection after it has committed, and answers nobody: it is found to be done', async () => {
    // As a fail-over does it: the commit is on disk, and its standby never says that it has it.
    const name = own.url.match(/@\/([^?]+)/)?.[1] ?? ''
    await asOperator(
      `alter database ${name} set synchronous_commit = on`,
      "alter system set synchronous_standby_names = 'nobody'",
      'select pg_reload_conf()',
      // Sessions that there are take it up as they begin anew.
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    try {
      const asked = cloud.request('POST', '/v1/flavors', flavor('ended-after'))
      let ended = 0
      // No event tells of a backend that waits; what it has committed is seen only once its connection is ended.
      await eventually(async () => {
        ended += await asOperator(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event = 'SyncRep'",
        )
        assert.equal((await count('ended-after')).flavors, 1)
      })
      assert.ok(ended > 0)
      const made = await asked
      assert.equal(made.status, 201, JSON.stringify(made.body))
      assert.equal((await cloud.request('GET', `/v1/flavors/${String(made.body.id)}`)).body.name, 'ended-after')
    } finally {
      await asOperator('alter system reset synchronous_standby_names', 'select pg_reload_conf()')
    }
    assert.deepEqual(await count('ended-after'), { flavors: 1, audited: 1 })
  })

  test('with a key as without', async () => {
    trouble = 'answer lost'
    const name = 'keyed'
    const asked = {
      body: { name, vcpus: 1, memory_mib: 64, disk_gib: 1 },
      headers: { 'idempotency-key': 'one' },
    }
    const made = await cloud.request('POST', '/v1/flavors', asked)
    assert.equal(trouble, null)
    assert.equal(made.status, 201)
    assert.deepEqual((await cloud.request('POST', '/v1/flavors', asked)).body, made.body)
    assert.deepEqual(await count('keyed'), { flavors: 1, audited: 1 })
  })
})
