/** A database that falls silent without a word: whoever asks is told in time, and all goes on by itself when it is back. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  await migrate(database.db)
  await database.close()
}

describe('controller/dead-database', { timeout: 120_000 }, () => {
  let own: TestDatabase
  let cloud: TestCloud
  let proxy: Server
  let stalled = false
  const pairs = new Set<[Socket, Socket]>()

  before(async () => {
    own = await testDatabase(prepare)
    const [, base = '', folder = '', port = ''] = /^(.*)\?host=([^&]+)&port=(\d+)$/.exec(own.url) ?? []
    proxy = createServer(near => {
      const far = connect(`${decodeURIComponent(folder)}/.s.PGSQL.${port}`)
      for (const socket of [near, far]) socket.on('error', () => undefined)
      const pair: [Socket, Socket] = [near, far]
      pairs.add(pair)
      near.once('close', () => {
        far.destroy()
        pairs.delete(pair)
      })
      far.once('close', () => near.destroy())
      if (!stalled) near.pipe(far).pipe(near)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = proxy.address()
    assert.ok(address && typeof address === 'object')
    cloud = await testCloud({ database_url: base.replace('@/', `@127.0.0.1:${address.port}/`) })
  })
  after(async () => {
    await cloud.close()
    proxy.close()
    for (const pair of pairs) for (const socket of pair) socket.destroy()
    await own.drop()
  })

  test('a request is answered 503 within 15 s, and all goes on by itself when the database is back', async () => {
    assert.equal((await cloud.request('GET', '/v1/flavors')).status, 200)
    stalled = true
    for (const [near, far] of pairs) {
      near.unpipe().pause()
      far.unpipe().pause()
    }
    const began = performance.now()
    const answers = await Promise.all([cloud.request('GET', '/v1/flavors'), cloud.request('GET', '/v1/networks')])
    const took_ms = performance.now() - began
    for (const { status, body } of answers) {
      assert.equal(status, 503, JSON.stringify(body))
      assert.match(String(body.detail), /database does not answer/)
    }
    assert.ok(took_ms < 15_000, `${took_ms} ms`)
    stalled = false
    assert.equal((await cloud.request('GET', '/v1/flavors')).status, 200)
  })

  test('a statement that takes its time is not taken for a dead one', async () => {
    const { db } = cloud.cloud.database
    const { rows } = await sql<{ done: number }>`select 1 as done from pg_sleep(12)`.execute(db)
    assert.deepEqual(rows, [{ done: 1 }])
  })
})
