/** Events in the order of commits: a reader never passes one whose transaction ends late. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Tx } from '../../../src/controller/store/database.ts'
import { event, parseCursor } from '../../../src/controller/store/event.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
describe('controller/event', () => {
  before(async () => void (cloud = await testCloud()))
  after(() => cloud.close())

  const start = { xid: '0', seq: 0 }

  /** A transaction that has recorded an event and stays open until it is told to end. */
  async function open(kind: string): Promise<() => Promise<void>> {
    const recorded = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const done = cloud.cloud.database.transaction(async (tx: Tx) => {
      await event.record(tx, [{ noun: 'test', kind, resource_id: crypto.randomUUID(), project_id: null }])
      recorded.resolve()
      await end.promise
    })
    await recorded.promise
    return async () => {
      end.resolve()
      await done
    }
  }

  const kindsSince = async (cursor: { xid: string; seq: number }) => {
    const { events, hidden } = await event.since(cloud.cloud.database.db, cursor, 100)
    return {
      kinds: events.filter(one => one.noun === 'test').map(one => one.kind),
      hidden,
      last: events.at(-1)?.cursor,
    }
  }

  test('an event is held back while an older transaction is open, and none is lost', async () => {
    const from = parseCursor(await event.head(cloud.cloud.database.db)) ?? start
    const endFirst = await open('first')
    const endSecond = await open('second')
    await endSecond()
    const early = await kindsSince(from)
    assert.deepEqual(early, { kinds: [], hidden: true, last: undefined })
    await endFirst()
    // The cloud's own background work has transactions, too, that hold events back for a moment.
    let all = await kindsSince(from)
    while (all.hidden) all = await kindsSince(from)
    assert.deepEqual(all.kinds, ['first', 'second'])
    assert.deepEqual((await kindsSince(parseCursor(all.last ?? '') ?? start)).kinds, [])
  })

  test('the latest come first, page by page into the past, without a gap or a double', async () => {
    const ids: unknown[] = []
    for (const name of ['first', 'second', 'third'])
      ids.push((await cloud.request('POST', '/v1/projects', { body: { name } })).body.id)
    const told = () => cloud.request('GET', '/v1/events?all_projects=true&noun=project')
    let forward = await told()
    while (forward.body.items?.at(-1)?.resource_id !== ids.at(-1)) forward = await told()
    const asked = '/v1/events?latest=true&all_projects=true&noun=project&limit=2'
    const page = await cloud.request('GET', asked)
    const older = await cloud.request('GET', `${asked}&cursor=${String(page.body.next)}`)
    assert.deepEqual([...(page.body.items ?? []), ...(older.body.items ?? [])], forward.body.items?.toReversed())
    assert.equal(older.body.next, null)
  })

  test('who runs one domain hears of what they did in it, and of nothing else', async () => {
    const { body: domain } = await cloud.request('POST', '/v1/domains', { body: { name: 'heard' } })
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: 'ann', domain_id: domain.id } })
    const grant = { user_id: user.id, role: 'domain-admin', scope: 'domain', domain_id: domain.id }
    await cloud.request('POST', '/v1/role-grants', { body: grant })
    const { body: project } = await cloud.request('POST', '/v1/projects', {
      body: { name: 'hers', domain_id: domain.id },
    })
    const token = await cloud.tokenOf(String(user.id), String(project.id))
    const { body: made } = await cloud.request('POST', '/v1/users', { token, body: { name: 'ben' } })
    await cloud.request('POST', '/v1/users', { body: { name: 'not-hers' } })
    const heard = await cloud.request('GET', '/v1/events?noun=user', { token })
    assert.deepEqual(
      heard.body.items?.map(one => one.resource_id),
      [made.id],
    )
  })

  test('watchers hear everything once and in order, however transactions end', async () => {
    const heard: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = cloud.cloud.events.watch(events => {
      for (const one of events) if (one.noun === 'test' && /^w\d+$/.test(one.kind)) heard.push(one.kind)
      if (heard.length === 12) resolve()
    })
    const ends = []
    for (let n = 0; n < 12; n++) ends.push(await open(`w${n}`))
    await Promise.all(ends.toReversed().map(end => end()))
    await promise
    stop()
    assert.deepEqual(
      heard,
      Array.from({ length: 12 }, (_, n) => `w${n}`),
    )
  })
})
