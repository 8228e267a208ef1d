/** A database of one's own whose role may not make the extensions that Croft needs: said before anything is made, with what to do. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

describe('controller/no-extension', () => {
  let own: TestDatabase
  let root: pg.Client
  const role = `bound_${process.pid}`

  before(async () => {
    own = await testDatabase()
    root = new pg.Client({ connectionString: own.url })
    await root.connect()
    await root.query(`create role ${role} login password 'secret'`)
    await root.query(`grant all on schema public to ${role}`)
  })
  after(async () => {
    await root.query(`drop owned by ${role} cascade`)
    await root.query(`drop role ${role}`)
    await root.end()
    await own.drop()
  })

  test('it is named with what to do, nothing is made; once the extensions are there it goes on', async () => {
    const url = own.url.replace(/\/\/[^@]*@/, `//${role}:secret@`)
    const database = openDatabase({ url, onError: console.error })
    const tables = async () => (await root.query("select 1 from pg_tables where tablename = 'instance'")).rows.length
    try {
      for (const extension of ['btree_gist', 'pg_trgm']) {
        await assert.rejects(migrate(database.db), ({ message, cause }: Error) => {
          assert.match(message, /could not be brought to this version; it is as it was/)
          assert.ok(cause instanceof Error)
          assert.match(cause.message, new RegExp(`administrator .* run "create extension ${extension}" in it`))
          assert.match(String(cause.cause), /permission denied to create extension/)
          return true
        })
        assert.equal(await tables(), 0)
        await root.query(`create extension ${extension}`)
      }
      await migrate(database.db)
      assert.equal(await tables(), 1)
    } finally {
      await database.close()
    }
  })
})
