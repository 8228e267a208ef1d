/** Plans are kept between statements, and a table that changes its shape meanwhile (an upgrade) breaks nothing. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Database, openDatabase } from '../../../src/controller/store/database.ts'
import { testCloud } from '../../support/cloud.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'

describe('prepared statements', () => {
  let base: TestDatabase
  let database: Database
  before(async () => {
    base = await testDatabase()
    database = openDatabase({ url: base.url, connections_max: 1, onError: () => undefined })
  })
  after(async () => {
    await database.close()
    await base.drop()
  })

  const read = (n: number) => sql<Record<string, unknown>>`select * from shape where id > ${n}`.execute(database.db)

  test('a statement that comes often is planned once', async () => {
    await sql`create table shape (id int)`.execute(database.db)
    for (let n = 0; n < 5; n++) await read(n)
    const kept = await sql<{ n: number }>`select count(*)::int as n from pg_prepared_statements
      where statement like 'select * from shape%'`.execute(database.db)
    assert.equal(kept.rows[0]?.n, 1)
  })

  test('a search is planned each time: how it is best done depends on what is looked for', async () => {
    const search = (part: string) => sql`select id from shape where id::text ilike ${`%${part}%`}`.execute(database.db)
    for (let n = 0; n < 9; n++) await search(String(n))
    const kept = await sql<{ n: number }>`select count(*)::int as n from pg_prepared_statements
      where statement like '%shape%ilike%'`.execute(database.db)
    assert.equal(kept.rows[0]?.n, 0)
  })

  test('a column added meanwhile is seen by the next statement', async () => {
    await sql`insert into shape values (7)`.execute(database.db)
    await read(0)
    await sql`alter table shape add column name text default 'new'`.execute(database.db)
    assert.deepEqual((await read(0)).rows, [{ id: 7, name: 'new' }])
  })

  test('a transaction that meets a changed table is done again, whole', async () => {
    for (let n = 0; n < 4; n++) await read(n)
    await sql`alter table shape add column more int default 3`.execute(database.db)
    const rows = await database.transaction(async tx => {
      await sql`insert into shape (id) values (8)`.execute(tx)
      return (await sql`select * from shape where id > ${0}`.execute(tx)).rows
    })
    assert.deepEqual(rows, [
      { id: 7, name: 'new', more: 3 },
      { id: 8, name: 'new', more: 3 },
    ])
  })
})

test('what is made often is made also by a plan that knows no parameters', async () => {
  const cloud = await testCloud()
  try {
    // PostgreSQL takes a plan without parameters' values from the sixth time on (manual, PREPARE).
    for (let n = 0; n < 12; n++) {
      const { status } = await cloud.request('POST', '/v1/projects', {
        body: { name: `often-${n}`, domain_id: cloud.domain_id },
      })
      assert.equal(status, 201)
    }
  } finally {
    await cloud.close()
  }
})
