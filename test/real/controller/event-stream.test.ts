import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Event } from '../../../src/api/event.ts'
import { event } from '../../../src/controller/store/event.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
let url: string

describe('controller/event-stream', () => {
  before(async () => {
    cloud = await testCloud()
    url = await cloud.server.listen({ host: '127.0.0.1', port: 0 })
  })
  after(() => cloud.close())

  /** Reads server-sent events until `enough` says so; then hangs up. */
  async function follow(
    query: string,
    enough: (events: Event[]) => boolean,
    opened?: () => void,
    headers: Record<string, string> = {},
  ): Promise<Event[]> {
    const hangUp = new AbortController()
    const response = await fetch(`${url}/v1/event-stream${query}`, {
      headers: { authorization: `Bearer ${cloud.admin}`, ...headers },
      signal: hangUp.signal,
    })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    const events: Event[] = []
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      if (text === '') opened?.()
      text += decoder.decode(chunk, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop() || ' '
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1]
        if (data) events.push(JSON.parse(data) as Event)
      }
      if (enough(events)) break
    }
    hangUp.abort()
    return events
  }

  async function makeFlavor(name: string): Promise<string> {
    const made = await cloud.request('POST', '/v1/flavors', { body: { name, vcpus: 1, memory_mib: 64, disk_gib: 1 } })
    assert.equal(made.status, 201)
    return String(made.body.id)
  }

  test('a change reaches who watches, and a broken stream goes on where it was', async () => {
    const opened = Promise.withResolvers<void>()
    const live = follow('?noun=flavor', events => events.length === 2, opened.resolve)
    await opened.promise
    const ids = [await makeFlavor('seen-1'), await makeFlavor('seen-2')]
    const events = await live
    assert.deepEqual(
      events.map(one => [one.noun, one.kind, one.resource_id]),
      ids.map(id => ['flavor', 'created', id]),
    )
    const missed = [await makeFlavor('missed-1'), await makeFlavor('missed-2'), await makeFlavor('missed-3')]
    const resumed = await follow('?noun=flavor', all => all.length === 3, undefined, {
      'last-event-id': events.at(-1)?.cursor ?? '',
    })
    assert.deepEqual(
      resumed.map(one => one.resource_id),
      missed,
    )
  })

  test('a stream that breaks before its first event has a cursor already, and nothing is lost', async () => {
    const hangUp = new AbortController()
    const headers = { authorization: `Bearer ${cloud.admin}` }
    const response = await fetch(`${url}/v1/event-stream?noun=flavor`, { headers, signal: hangUp.signal })
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += new TextDecoder().decode(chunk)
      if (/^id: .*\n\n/m.test(text)) break
    }
    hangUp.abort()
    const id = await makeFlavor('between')
    const cursor = /^id: (\d+\.\d+)$/m.exec(text)?.[1] ?? ''
    const events = await follow('?noun=flavor', all => all.length === 1, undefined, { 'last-event-id': cursor })
    assert.deepEqual(
      events.map(one => one.resource_id),
      [id],
    )
  })

  test('a cursor never passes a transaction that commits late', async () => {
    const { db } = cloud.cloud.database
    const late = crypto.randomUUID()
    const early = crypto.randomUUID()
    const opened = Promise.withResolvers<void>()
    const live = follow('?noun=test', events => events.length === 2, opened.resolve)
    await opened.promise
    const of = (resource_id: string) => ({ noun: 'test', kind: 'changed', resource_id, project_id: cloud.project_id })
    await db.transaction().execute(async first => {
      await event.record(first, [of(late)])
      // A younger transaction commits while this one, which has the smaller number, is still open.
      await db.transaction().execute(second => event.record(second, [of(early)]))
    })
    const seen = await live
    assert.deepEqual(new Set(seen.map(one => one.resource_id)), new Set([late, early]))
    const all = await cloud.request('GET', '/v1/events?noun=test')
    assert.equal(all.body.items?.length, 2)
  })

  test('events of other projects are not heard, and a bad cursor is refused', async () => {
    const { db } = cloud.cloud.database
    const other = await cloud.request('POST', '/v1/projects', { body: { name: 'other' } })
    assert.equal(other.status, 201, JSON.stringify(other.body))
    const project_id = String(other.body.id)
    const foreign = { noun: 'test', kind: 'changed', resource_id: crypto.randomUUID(), project_id }
    await db.transaction().execute(tx => event.record(tx, [foreign]))
    const heard = (path: string) => cloud.request('GET', `${path}&resource_id=${foreign.resource_id}`)
    assert.equal((await heard('/v1/events?noun=test')).body.items?.length, 0)
    assert.equal((await heard('/v1/events?noun=test&all_projects=true')).body.items?.length, 1)
    for (const path of ['/v1/events?cursor=nonsense', '/v1/event-stream?cursor=nonsense']) {
      const refused = await cloud.request('GET', path)
      assert.equal(refused.status, 422)
      assert.match(String(refused.body.detail), /cursor/)
    }
  })

  test('pages of events follow each other without gap or double', async () => {
    for (let n = 0; n < 25; n++) await makeFlavor(`page-${n}`)
    const seen: unknown[] = []
    let cursor = ''
    do {
      const page = await cloud.request('GET', `/v1/events?noun=flavor&limit=7${cursor}`)
      seen.push(...(page.body.items ?? []).map(one => one.cursor))
      cursor = typeof page.body.next === 'string' ? `&cursor=${page.body.next}` : ''
    } while (cursor !== '')
    assert.equal(new Set(seen).size, seen.length)
    assert.ok(seen.length >= 30)
  })
})
