import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { Event } from '../../../src/api/event.ts'
import { event } from '../../../src/controller/store/event.ts'
import { createClient } from '../../../src/sdk/node-client.ts'
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

  /** The blocks of a stream until one of them fits. */
  async function untilBlock(
    token: string,
    path: string,
    fits: (block: string) => boolean,
    opened?: () => void,
  ): Promise<string[]> {
    const hangUp = new AbortController()
    const response = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: hangUp.signal,
    })
    assert.equal(response.status, 200)
    const seen: string[] = []
    let text = ''
    for await (const chunk of response.body ?? []) {
      if (seen.length === 0 && text === '') opened?.()
      text += new TextDecoder().decode(chunk)
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      seen.push(...blocks)
      if (seen.some(fits)) break
    }
    hangUp.abort()
    return seen
  }

  test('who holds nothing hears of what is given to them and taken, and of nothing else', async () => {
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: 'newcomer' } })
    const token = await cloud.tokenOf(String(user.id))
    const opened = Promise.withResolvers<void>()
    const stream = untilBlock(token, '/v1/event-stream', block => block.includes('"deleted"'), opened.resolve)
    await opened.promise
    await makeFlavor('not-theirs')
    await cloud.request('POST', '/v1/networks', { body: { name: 'not-theirs-either' } })
    const { body: other } = await cloud.request('POST', '/v1/users', { body: { name: 'someone-else' } })
    const grant = { role: 'operator', scope: 'project', project_id: cloud.project_id }
    await cloud.request('POST', '/v1/role-grants', { body: { ...grant, user_id: other.id } })
    const given = await cloud.request('POST', '/v1/role-grants', { body: { ...grant, user_id: user.id } })
    await cloud.request('DELETE', `/v1/role-grants/${String(given.body.id)}`)
    const told = (await stream).flatMap(block => {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      return data ? [JSON.parse(data) as Event] : []
    })
    assert.deepEqual(
      told.map(({ noun, kind, resource_id }) => [noun, kind, resource_id]),
      [
        ['role-grant', 'created', given.body.id],
        ['role-grant', 'deleted', given.body.id],
      ],
    )
    assert.equal((await cloud.request('GET', '/v1/events', { token })).status, 403)
    assert.equal((await cloud.request('GET', '/v1/event-stream?all_projects=true', { token })).status, 403)
  })

  test('who was away for longer than events are kept is told so, and the client has what it watches read again', async () => {
    await makeFlavor('long-ago')
    const cursor = await event.head(cloud.cloud.database.db)
    const gapsFrom = async () => {
      const path = `/v1/event-stream?noun=flavor&cursor=${cursor}`
      const seen = await untilBlock(cloud.admin, path, block => block.includes('"created"'))
      return seen.filter(block => /^event: gap$/m.test(block)).length
    }
    await makeFlavor('meanwhile')
    assert.equal(await gapsFrom(), 0)
    await sql`delete from event where (xid, seq) <= (${cursor.split('.')[0]}::xid8, ${Number(cursor.split('.')[1])})`.execute(
      cloud.cloud.database.db,
    )
    assert.equal(await gapsFrom(), 1)
    const client = createClient({ url, token: cloud.admin })
    const gaps: boolean[] = []
    for await (const one of client.events({ cursor, on_open: gap => void gaps.push(gap) })) {
      assert.ok(one.cursor !== cursor)
      break
    }
    assert.deepEqual(gaps, [false, true])
  })

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
    const live = follow('?noun=volume', events => events.length === 2, opened.resolve)
    await opened.promise
    const of = (resource_id: string) => ({ noun: 'volume', kind: 'changed', resource_id, project_id: cloud.project_id })
    await db.transaction().execute(async first => {
      await event.record(first, [of(late)])
      // A younger transaction commits while this one, which has the smaller number, is still open.
      await db.transaction().execute(second => event.record(second, [of(early)]))
    })
    const seen = await live
    assert.deepEqual(new Set(seen.map(one => one.resource_id)), new Set([late, early]))
    const all = await cloud.request('GET', '/v1/events?noun=volume')
    assert.equal(all.body.items?.length, 2)
  })

  test('events of other projects are not heard, and a bad cursor is refused', async () => {
    const { db } = cloud.cloud.database
    const other = await cloud.request('POST', '/v1/projects', { body: { name: 'other' } })
    assert.equal(other.status, 201, JSON.stringify(other.body))
    const project_id = String(other.body.id)
    const foreign = { noun: 'volume', kind: 'changed', resource_id: crypto.randomUUID(), project_id }
    await db.transaction().execute(tx => event.record(tx, [foreign]))
    const heard = (path: string) => cloud.request('GET', `${path}&resource_id=${foreign.resource_id}`)
    assert.equal((await heard('/v1/events?noun=volume')).body.items?.length, 0)
    assert.equal((await heard('/v1/events?noun=volume&all_projects=true')).body.items?.length, 1)
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
