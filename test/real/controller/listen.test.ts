/** Hearing of changes: nothing told is lost between asking and listening, nor on a connection that died without a word. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

describe('controller/listen', () => {
  let own: TestDatabase
  before(async () => void (own = await testDatabase()))
  after(() => own.drop())

  /** The notices of a channel, one after the other. */
  function noticesOf(database: ReturnType<typeof openDatabase>, channel: string) {
    const heard: (string | null)[] = []
    let wake = Promise.withResolvers<void>()
    database.listen(channel, payload => {
      heard.push(payload)
      wake.resolve()
    })
    return async () => {
      while (heard.length === 0) {
        await wake.promise
        wake = Promise.withResolvers<void>()
      }
      return heard.shift()
    }
  }

  test('every listener is told once it listens, also on a connection that is there already', async () => {
    const database = openDatabase({ url: own.url, onError: console.error })
    const first = noticesOf(database, 'one')
    assert.equal(await first(), null)
    const second = noticesOf(database, 'two')
    assert.equal(await second(), null)
    await sql`select pg_notify('two', 'hello')`.execute(database.db)
    assert.equal(await second(), 'hello')
    await database.close()
  })

  test('a connection that is dead without a word is noticed, and listeners look anew', async () => {
    const [, base = '', folder = '', port = ''] = /^(.*)\?host=([^&]+)&port=(\d+)$/.exec(own.url) ?? []
    const sockets: Socket[] = []
    const proxy = createServer(near => {
      const far = connect(`${decodeURIComponent(folder)}/.s.PGSQL.${port}`)
      for (const socket of [near, far]) socket.on('error', () => undefined)
      sockets.push(near, far)
      near.pipe(far).pipe(near)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = proxy.address()
    assert.ok(address && typeof address === 'object')
    const url = base.replace('@/', `@127.0.0.1:${address.port}/`)
    const told: unknown[] = []
    const database = openDatabase({ url, listen_check_ms: 100, onError: error => told.push(error) })
    const next = noticesOf(database, 'quiet')
    assert.equal(await next(), null)
    for (const socket of sockets) socket.unpipe().pause()
    assert.equal(await next(), null)
    assert.ok(told.length > 0)
    await database.close()
    proxy.close()
    for (const socket of sockets) socket.destroy()
  })
})
