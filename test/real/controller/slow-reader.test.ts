/** Readers of events that are slow, long gone, or not permitted any more. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Event } from '../../../src/api/event.ts'
import { findHolder } from '../../../src/controller/app/holders.ts'
import { followEvents } from '../../../src/controller/app/event.ts'
import { nobody } from '../../../src/controller/http/authenticate.ts'
import { event } from '../../../src/controller/store/event.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

describe('controller/slow-reader', () => {
  let cloud: TestCloud
  /** Streams say each 15 s that they are there, and look whether their reader still may; this soon, once it is set. */
  let tick_ms = 15_000
  const after_ms = (delay_ms: number, callback: () => void) =>
    realClock.after(delay_ms === 15_000 ? tick_ms : delay_ms, callback)
  before(async () => void (cloud = await testCloud({ clock: { ...realClock, after: after_ms } })))
  after(() => cloud.close())

  const record = (count: number, from: number, project_id: string | null = cloud.project_id) =>
    cloud.cloud.database.transaction(tx =>
      event.record(
        tx,
        Array.from({ length: count }, (_, n) => ({
          noun: 'volume',
          kind: `n${from + n}`,
          resource_id: crypto.randomUUID(),
          project_id,
        })),
      ),
    )

  /** Resolves when the hub has handed out an event of this kind. */
  async function told(kind: string, cause: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = cloud.cloud.events.watch(rows => rows.some(row => row.kind === kind) && resolve())
    await cause()
    await promise
    stop()
  }

  test('a reader that lags behind by thousands of events gets every one, once and in order', async () => {
    const { createHash } = await import('node:crypto')
    const holder = await findHolder(cloud.cloud, createHash('sha256').update(cloud.admin).digest())
    assert.ok(holder)
    const caller = { ...holder, request: nobody({} as never).request }
    const gone = new AbortController()
    const cursor = await event.head(cloud.cloud.database.db)
    const batches = await followEvents(cloud.cloud, caller, { noun: 'volume', cursor }, gone.signal)
    const first = batches.next()
    await told('n0', () => record(1, 0))
    const kindsOf = (read: IteratorResult<Event[]>) => (read.done ? [] : read.value.map(one => one.kind))
    const heard = kindsOf(await first)
    // Nothing is read meanwhile.
    for (let n = 0; n < 5; n++) await told(`n${n * 1000 + 1000}`, () => record(1000, n * 1000 + 1))
    while (heard.length < 5001) heard.push(...kindsOf(await batches.next()))
    gone.abort()
    assert.deepEqual(
      heard,
      Array.from({ length: 5001 }, (_, n) => `n${n}`),
    )
  })

  test('a page of events does not read through all that others did', async () => {
    const stranger = await cloud.request('POST', '/v1/projects', { body: { name: 'stranger' } })
    const before = await event.head(cloud.cloud.database.db)
    for (let n = 0; n < 3; n++) await record(1000, n * 1000, String(stranger.body.id))
    await record(1, 7_777_777)
    const found = await cloud.request('GET', `/v1/events?cursor=${before}&noun=volume&limit=10`)
    assert.deepEqual(
      found.body.items?.map(one => one.kind),
      ['n7777777'],
    )
  })

  test('a stream ends when its reader signs out', async () => {
    tick_ms = 20
    const url = await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const token = await cloud.tokenOf(cloud.admin_user_id, cloud.project_id)
    const headers = { authorization: `Bearer ${token}` }
    const stream = await fetch(`${url}/v1/event-stream`, { headers })
    const ended = stream.text()
    assert.equal((await cloud.request('DELETE', '/v1/session', { token })).status, 204)
    assert.match(await ended, /^: Croft events/)
  })
})
