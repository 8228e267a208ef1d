/** Events where not all who write to the database can be seen: none is passed over, and the log says what to grant. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import pino from 'pino'
import { EventHub } from '../../../src/controller/app/event-hub.ts'
import { type Database, openDatabase } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

describe('controller/horizon', () => {
  let own: TestDatabase
  let root: pg.Client
  let database: Database
  const urlOf = (role: string) => own.url.replace(/\/\/[^@]*@/, `//${role}:secret@`)
  const role = `plain_${process.pid}`
  const other = `other_${process.pid}`

  before(async () => {
    own = await testDatabase()
    root = new pg.Client({ connectionString: own.url })
    await root.connect()
    for (const name of [role, other]) await root.query(`create role ${name} login password 'secret'`)
    await root.query(`grant all on database ${own.name} to ${role}, ${other}`)
    await root.query(`grant all on schema public to ${role}`)
    await root.query('create extension btree_gist')
    database = openDatabase({ url: urlOf(role), onError: console.error })
    await migrate(database.db)
    await root.query(`grant insert, select on event to ${other}`)
    // The administrator's own session is one that cannot be seen, too.
    await root.end()
  })
  after(async () => {
    await database.close()
    root = new pg.Client({ connectionString: own.url })
    await root.connect()
    await root.query(`drop owned by ${role}, ${other} cascade`)
    for (const name of [role, other]) await root.query(`drop role ${name}`)
    await root.end()
    await own.drop()
  })

  const add = (client: pg.Client, kind: string) =>
    client.query("insert into event (noun, resource_id, kind) values ('test', gen_random_uuid(), $1)", [kind])
  const read = async () => (await event.since(database.db, { xid: '0', seq: 0 }, 100)).events.map(one => one.kind)

  test('one whose transaction is open and hidden holds back what was written after it', async () => {
    const writer = new pg.Client({ connectionString: urlOf(other) })
    await writer.connect()
    await writer.query('begin')
    await add(writer, 'late')
    const mine = new pg.Client({ connectionString: urlOf(role) })
    await mine.connect()
    await add(mine, 'early')
    assert.deepEqual(await read(), [])
    assert.deepEqual(await event.unseenRoles(database.db), [other])
    await writer.query('commit')
    assert.deepEqual(await read(), ['late', 'early'])
    await mine.end()
    await writer.end()
  })

  test('the log says what to grant, and is silent once it was granted', async () => {
    const writer = new pg.Client({ connectionString: urlOf(other) })
    await writer.connect()
    const said: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void said.push(line) })
    const hear = async () => {
      const hub = new EventHub({ database, clock: realClock, log })
      await hub.start()
      await hub.close()
    }
    await hear()
    assert.match(said.join(), /GRANT pg_read_all_stats/)
    assert.match(said.join(), new RegExp(other))
    const administrator = new pg.Client({ connectionString: own.url })
    await administrator.connect()
    await administrator.query(`grant pg_read_all_stats to ${role}`)
    said.length = 0
    await hear()
    assert.deepEqual(said, [])
    assert.deepEqual(await event.unseenRoles(database.db), [])
    await writer.end()
    await administrator.end()
  })
})
