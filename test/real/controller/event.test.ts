/** Events in the order of commits: a reader never passes one whose transaction ends late. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Caller } from '../../../src/controller/app/caller.ts'
import { mayHear, within } from '../../../src/controller/app/event-rights.ts'
import { nobody } from '../../../src/controller/http/authenticate.ts'
import type { Tx } from '../../../src/controller/store/database.ts'
import { event, parseCursor } from '../../../src/controller/store/event.ts'
import { permissions } from '../../../src/model/permissions.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
/** Open at once. */
const transactions = 12

describe('controller/event', () => {
  before(async () => {
    cloud = await testCloud({ connections: { connections_max: transactions + 4 } })
  })
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

  test('what is read of the past for somebody has all that they may hear', async () => {
    const { db } = cloud.cloud.database
    const [me, other] = [crypto.randomUUID(), crypto.randomUUID()]
    const [mine, given] = [cloud.project_id, crypto.randomUUID()]
    const from = parseCursor(await event.head(db)) ?? start
    const nouns = [
      ...[
        'host',
        'flavor',
        'plugin',
        'image-key',
        'user',
        'domain',
        'project',
        'role',
        'role-grant',
        'quota',
        'key-pair',
      ],
      ...['setting', 'pool', 'audit', 'instance', 'operation', 'network'],
    ]
    const details = [{}, { user_id: me }, { of: given }, { domains: [other] }]
    for (const noun of nouns)
      await event.record(
        db,
        // The audit log is nobody's project's.
        (noun === 'audit' ? [null] : [null, mine, other]).flatMap(project_id =>
          [null, me, other].flatMap(user_id =>
            details.map(detail => ({ noun, kind: 'x', resource_id: given, project_id, user_id, detail })),
          ),
        ),
      )
    const holder = (changes: Partial<Caller>): Caller => ({
      ...nobody({} as never),
      user_id: me,
      ...changes,
    })
    const all = new Set(permissions)
    const callers = {
      nobody: holder({}),
      member: holder({ project_id: mine, on_project: new Set(['event.read', 'flavor.read', 'image.read']) }),
      'in a project without the right': holder({ project_id: mine, on_project: new Set(['image.read']) }),
      'given one': holder({ project_id: mine, on_instances: new Map([[given, new Set(['instance.read'])]]) }),
      'runs a domain': holder({ on_domains: new Map([[other, all]]) }),
      operator: holder({ project_id: mine, on_system: all, on_project: all }),
      'operator without a project': holder({ on_system: all }),
      'sees hosts': holder({ on_system: new Set(['topology.read']) }),
    }
    const read = async (filter: Parameters<typeof event.since>[3]) => {
      let found = await event.since(db, from, 1000, filter)
      while (found.hidden) found = await event.since(db, from, 1000, filter)
      return found.events.filter(one => one.kind === 'x')
    }
    const recorded = await read({})
    assert.equal(recorded.length, (nouns.length * 9 - 6) * details.length)
    for (const [who, caller] of Object.entries(callers)) {
      for (const filter of [
        {},
        { noun: 'role-grant' },
        { noun: 'host' },
        { resource_id: given },
        { all_projects: true },
      ]) {
        const heard = (rows: typeof recorded) => rows.filter(row => mayHear(caller, filter, row)).map(row => row.cursor)
        const past = await read(within(caller, filter))
        assert.deepEqual(heard(past), heard(recorded), `${who}: ${JSON.stringify(filter)}`)
        if (who === 'nobody' && !('resource_id' in filter) && !('all_projects' in filter))
          assert.ok(past.length < recorded.length / 2, `${past.length} of ${recorded.length} are read for nobody`)
      }
    }
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
      if (heard.length === transactions) resolve()
    })
    const ends = []
    for (let n = 0; n < transactions; n++) ends.push(await open(`w${n}`))
    await Promise.all(ends.toReversed().map(end => end()))
    await promise
    stop()
    assert.deepEqual(
      heard,
      Array.from({ length: transactions }, (_, n) => `w${n}`),
    )
  })
})
