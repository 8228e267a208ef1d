/** Plans are kept between statements, and a table that changes its shape meanwhile (an upgrade) breaks nothing. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Database, openDatabase } from '../../../src/controller/store/database.ts'
import { preparingClient } from '../../../src/controller/store/prepared.ts'
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

  test('what is kept is not planned anew for each value, though that may look cheaper', async () => {
    await sql`create table many (id int primary key, at int)`.execute(database.db)
    await sql`insert into many select n, n from generate_series(1, 20000) n`.execute(database.db)
    await sql`create index on many (at)`.execute(database.db)
    await sql`analyze many`.execute(database.db)
    for (let n = 0; n < 20; n++) await sql`select id from many where at >= ${19_990 + n}`.execute(database.db)
    const { rows } = await sql<{ generic: number; custom: number }>`select generic_plans::int as generic,
      custom_plans::int as custom from pg_prepared_statements where statement like '%from many where at%'`.execute(
      database.db,
    )
    assert.equal(rows.length, 1)
    assert.equal(rows[0]?.custom, 0)
    assert.ok((rows[0]?.generic ?? 0) > 10)
  })

  test('a search, and a page of a list, is planned as PostgreSQL sees fit, also within a transaction, and nothing else is afterwards', async () => {
    const mode = async () =>
      (await sql<{ mode: string }>`select current_setting('plan_cache_mode') as mode`.execute(database.db)).rows[0]
        ?.mode
    const seen = await database.transaction(async tx => {
      const search = sql<{ mode: string }>`select current_setting('plan_cache_mode') as mode, ${'x'} ilike ${'X'}`
      const page = sql<{ mode: string }>`select current_setting('plan_cache_mode') as mode limit ${1}`
      return [(await search.execute(tx)).rows[0]?.mode, (await page.execute(tx)).rows[0]?.mode]
    })
    assert.deepEqual(seen, ['auto', 'auto'])
    assert.equal(await mode(), 'force_generic_plan')
    await assert.rejects(sql`select 1 / ${0}::int, ${'x'} ilike ${'X'}`.execute(database.db), /division by zero/)
    assert.equal(await mode(), 'force_generic_plan')
    const failing = database.transaction(tx => sql`select 1 / ${0}::int, ${'x'} ilike ${'X'}`.execute(tx))
    await assert.rejects(failing, /division by zero/)
    assert.equal(await mode(), 'force_generic_plan')
  })

  test('a plan that was made while a table was small does not stay', async () => {
    const planAfterGrowth = async (age_ms_max: number): Promise<string> => {
      await sql`drop table if exists growing`.execute(database.db)
      await sql`create table growing (id int primary key)`.execute(database.db)
      await sql`insert into growing values (1)`.execute(database.db)
      await sql`analyze growing`.execute(database.db)
      await using undo = new AsyncDisposableStack()
      const client = new (preparingClient(age_ms_max))(base.url)
      undo.defer(() => client.end())
      await client.connect()
      await client.query(`set plan_cache_mode = force_generic_plan`)
      const find = (id: number) => client.query('select id from growing where id = $1', [id])
      await client.query('begin')
      for (let n = 0; n < 5; n++) await find(n)
      await client.query('insert into growing select generate_series(2, 50000)')
      await find(7)
      const { rows } = await client.query<{ name: string }>(
        `select name from pg_prepared_statements where statement like '%from growing%'`,
      )
      const told = await client.query<Record<string, string>>(`explain execute "${rows[0]?.name}" (7)`)
      await client.query('rollback')
      return JSON.stringify(told.rows)
    }
    assert.match(await planAfterGrowth(3_600_000), /Seq Scan/)
    assert.match(await planAfterGrowth(-1), /Index Only Scan/)
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
