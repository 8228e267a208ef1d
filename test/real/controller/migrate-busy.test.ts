/**
 * A database that is migrated while controllers of the version before go on writing to it: what they lock is waited for in their own order, and
 * where that does not do, the migration begins anew and they have lost nothing.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import { type Database, openDatabase } from '../../../src/controller/store/database.ts'
import { migrate, splitScript } from '../../../src/controller/store/migrate.ts'
import { eventually } from '../../support/eventually.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const folder = new URL('../../../src/controller/migrations/', import.meta.url)
const files = readdirSync(folder).sort()
/** The last one of the version before. */
const before = files.findIndex(file => file.startsWith('0023-')) + 1
const newer = files.slice(before).map(file => file.replace('.sql', ''))

/** Brings it to the version before. */
async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  const older = files.slice(0, before).map((file): [string, Migration] => {
    const statements = splitScript(readFileSync(new URL(file, folder), 'utf8'))
    const up: Migration['up'] = async tx => {
      for (const statement of statements) await sql.raw(statement).execute(tx)
    }
    return [file.replace('.sql', ''), { up }]
  })
  const provider = { getMigrations: async () => Object.fromEntries(older) }
  const { error } = await new Migrator({ db: database.db, provider }).migrateToLatest()
  await database.close()
  if (error) throw new Error('the version before cannot be made', { cause: error })
}

describe('controller/migrate-busy', () => {
  let own: TestDatabase
  let database: Database
  /** A transaction of a controller of the version before. */
  let other: pg.Client

  beforeEach(async () => {
    own = await testDatabase(prepare)
    database = openDatabase({ url: own.url, onError: console.error })
    other = new pg.Client({ connectionString: own.url })
    await other.connect()
    await other.query('begin')
  })
  afterEach(async () => {
    await other.end()
    await database.close()
    await own.drop()
  })

  const changeHost = () => other.query("update host set name = 'other'")
  const tellOfIt = () =>
    other.query("insert into event (noun, kind, resource_id) values ('host', 'changed', gen_random_uuid())")

  /** Until the migration waits for what `other` has. There is no event of that. */
  async function inItsWay(): Promise<void> {
    await eventually(async () => {
      const { rows } = await sql`select from pg_stat_activity
        where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`.execute(database.db)
      assert.equal(rows.length, 1)
    })
  }

  test('who has changed a host tells of it while the migration waits for the host', async () => {
    await changeHost()
    const migrated = migrate(database.db, { onBusy: assert.fail })
    await inItsWay()
    await tellOfIt()
    await other.query('commit')
    assert.deepEqual(await migrated, newer)
  })

  test('a lock that is held for longer than it waits: it lets go of all, and begins anew', async () => {
    await tellOfIt()
    const busy: unknown[] = []
    const migrated = migrate(database.db, {
      lock_timeout_ms: 50,
      onBusy: error => {
        busy.push((error as { code?: string }).code)
        // Reads what the migration had locked before it came to `event`.
        void other.query('select from host').then(() => other.query('commit'))
      },
    })
    assert.deepEqual(await migrated, newer)
    assert.equal(busy[0], '55P03')
  })

  // Which of the two PostgreSQL ends is chance: the one that looks first, a second after it began to wait, once the circle is there.
  test('a circle that there is all the same: whoever is ended begins anew, and nobody loses anything', async () => {
    const told = Promise.withResolvers<void>()
    const inCircle = Promise.withResolvers<void>()
    let attempts = 0
    const others = database.transaction(async tx => {
      attempts++
      await sql`insert into event (noun, kind, resource_id) values ('host', 'changed', gen_random_uuid())`.execute(tx)
      told.resolve()
      await inCircle.promise
      await sql`update host set name = 'other'`.execute(tx)
    })
    await told.promise
    const busy: unknown[] = []
    const migrated = migrate(database.db, { onBusy: error => busy.push((error as { code?: string }).code) })
    await inItsWay()
    inCircle.resolve()
    assert.deepEqual(await migrated, newer)
    await others
    assert.equal(attempts - 1 + busy.length, 1)
    assert.ok(busy.every(code => code === '40P01'))
    const { rows } = await sql`select from event where noun = 'host'`.execute(database.db)
    assert.equal(rows.length, 1)
  })

  test('one that never ends: it says so, with what to do, and has changed nothing', async () => {
    await changeHost()
    let attempts = 0
    const options = { lock_timeout_ms: 50, attempts_max: 2, onBusy: () => attempts++ }
    await assert.rejects(migrate(database.db, options), ({ message, cause }: Error) => {
      assert.match(message, /it is as it was\. Others kept its tables locked, 2 times over: end what runs long in it/)
      assert.equal((cause as { code?: string }).code, '55P03')
      return true
    })
    assert.equal(attempts, 1)
    await other.query('rollback')
    assert.deepEqual(await migrate(database.db), newer)
  })
})
