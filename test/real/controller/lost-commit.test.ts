/** The connection to the database lost at a commit: what was done is answered, what was not is done, and nothing is done twice. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { CutDatabase } from '../../support/cut-database.ts'
import { eventually } from '../../support/eventually.ts'

describe('controller/lost-commit', { timeout: 120_000 }, () => {
  let database: CutDatabase
  let cloud: TestCloud

  before(async () => {
    database = await CutDatabase.open()
    cloud = await testCloud({ database_url: database.url })
  })
  after(async () => {
    await cloud.close()
    await database.close()
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
      database.next(kind, '/v1/flavors')
      const name = kind.replace(' ', '-')
      const body = { name, vcpus: 1, memory_mib: 64, disk_gib: 1 }
      const made = await cloud.request('POST', '/v1/flavors', { body })
      assert.equal(database.trouble, null, 'the connection was cut')
      assert.equal(made.status, 201, JSON.stringify(made.body))
      assert.equal((await cloud.request('GET', `/v1/flavors/${String(made.body.id)}`)).body.name, name)
      assert.deepEqual(await count(name), { flavors: 1, audited: 1 })
    })
  }

  const flavor = (name: string) => ({ body: { name, vcpus: 1, memory_mib: 64, disk_gib: 1 } })

  /** On the server itself, as its operator. */
  async function asOperator(...statements: string[]): Promise<number> {
    const client = new Client({ connectionString: database.own.url })
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
    const name = database.own.url.match(/@\/([^?]+)/)?.[1] ?? ''
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
    database.next('answer lost', '/v1/flavors')
    const name = 'keyed'
    const asked = {
      body: { name, vcpus: 1, memory_mib: 64, disk_gib: 1 },
      headers: { 'idempotency-key': 'one' },
    }
    const made = await cloud.request('POST', '/v1/flavors', asked)
    assert.equal(database.trouble, null)
    assert.equal(made.status, 201)
    assert.deepEqual((await cloud.request('POST', '/v1/flavors', asked)).body, made.body)
    assert.deepEqual(await count('keyed'), { flavors: 1, audited: 1 })
  })
})
