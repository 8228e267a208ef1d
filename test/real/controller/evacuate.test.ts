/**
 * Instances of a lost host that are not highly available: they run elsewhere because somebody asks for it, once the host is surely off; a host that
 * is taken out as lost gives up only what is on its own disks. Fencing by a person's word. What goes by itself: availability.test.ts.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { poolOf } from '../../../sim/facts.ts'
import { haRestartRoutes } from '../../../src/api/ha-restart.ts'
import { type Host, hostRoutes } from '../../../src/api/host.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import type { FencingMethod } from '../../../src/model/host-state.ts'
import { type Answered, type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const pool_id = '11111111-2222-4333-8444-555555555559'
/** Of a host, what is kept for itself; then so many instances fit, of a GiB each. */
const roomFor = (count: number) => ({ cpus: 64, memory_mib: 1024 * (1 + count) })

describe('controller/evacuate', { timeout: 300_000 }, () => {
  let cloud: TestCloud
  let body: Record<string, unknown>
  let hosts: ObedientHost[]
  let count = 0

  before(async () => {
    cloud = await testCloud()
    await liftQuotas(cloud)
    const set = await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value: 0 } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    const flavor = await cloud.request('POST', '/v1/flavors', {
      body: { name: 'gib', vcpus: 1, memory_mib: 1024, disk_gib: 1 },
    })
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavor.body.id, image_id: await addImage(cloud), networks }
  })
  after(() => cloud.close())
  beforeEach(() => {
    count += 1
    hosts = []
  })
  afterEach(async () => {
    const { db } = cloud.cloud.database
    for (const host of hosts) await host.disconnect()
    for (const table of ['ha_restart', 'migration', 'host_absence', 'zone_storm'] as const)
      await db.deleteFrom(table).execute()
    const ids = hosts.map(host => host.id)
    await db.deleteFrom('volume').where('host_id', 'in', ids).execute()
    await db.deleteFrom('instance').where('host_id', 'in', ids).execute()
    await db.updateTable('host').set({ removed_at: new Date() }).where('id', 'in', ids).execute()
    await db.updateTable('cluster').set({ ha_failures_tolerated: 0 }).execute()
  })

  /** Of one pool, with room for so many instances each; they ask before they start what others may have by now. */
  async function addHosts(...rooms: number[]): Promise<[ObedientHost, ObedientHost, ...ObedientHost[]]> {
    for (const room of rooms) {
      const n = hosts.length
      const facts = { ...poolOf(pool_id), tunnel_address: `192.0.2.${count * 10 + n}` }
      const host = await addHost(cloud, `h${count}-${n + 1}`, roomFor(room), facts)
      host.onCall = ({ method }) => (method === 'probe' ? { result: { reached: 'none' } } : { error: 'no' })
      host.asks_first = true
      await host.disconnect()
      await host.connect()
      hosts.push(host)
    }
    const [first, second, ...more] = hosts
    assert.ok(first && second)
    return [first, second, ...more]
  }

  async function run(host: ObedientHost, more: Record<string, unknown> = {}): Promise<string> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name: 'plain', host_id: host.id, ...more },
      headers: { prefer: 'wait=20' },
    })
    const [one] = replyOf(instanceRoutes.create, made).items
    assert.ok(one)
    return one.id
  }

  const instance = (id: string): Promise<Instance> => cloud.call(instanceRoutes.get, { params: { instance: id } })
  const shown = (host: ObedientHost): Promise<Host> => cloud.call(hostRoutes.get, { params: { host: host.id } })
  const until = <T>(look: () => Promise<T | undefined | false>): Promise<T> => untilEvent(cloud, look)
  const migrate = (id: string, asked: object = {}, headers: Record<string, string> = {}): Promise<Answered> =>
    cloud.request('POST', `/v1/instances/${id}/migrate`, { body: asked, headers })
  async function moveOf(id: string): Promise<Record<string, unknown>> {
    const { items: [move] = [] } = (await cloud.request('GET', `/v1/migrations?instance_id=${id}`)).body
    assert.ok(move)
    return move
  }
  const removeLost = (host: ObedientHost, more = ''): Promise<Answered> =>
    cloud.request('DELETE', `/v1/hosts/${host.id}?lost=true${more}`)
  const fence = (host: ObedientHost, more: object = {}): Promise<Answered> =>
    cloud.request('POST', `/v1/hosts/${host.id}/fence`, { body: { name: host.name, confirm_off: true, ...more } })

  /** Gone, and fenced so; null: not. */
  async function lose(host: ObedientHost, fenced_by: FencingMethod | null): Promise<void> {
    await host.disconnect()
    await sql`update host_absence set fenced_by = ${fenced_by}, fenced_at = case when ${fenced_by}::text is not null then croft_now() end
      where host_id = ${host.id}::uuid`.execute(cloud.cloud.database.db)
  }

  async function runsOn(id: string, host: ObedientHost): Promise<void> {
    await until(async () => {
      const now = await instance(id)
      return now.state === 'running' && now.host_id === host.id
    })
  }

  test('of a host whose power was seen off an instance is moved by being started elsewhere: one operation, followed, and the host that is back leaves it', async () => {
    const [first, second] = await addHosts(2, 2)
    const id = await run(first)
    await lose(first, 'redfish')
    const moved = await migrate(id)
    assert.equal(moved.status, 202, JSON.stringify(moved.body))
    const { kind, cause } = moved.body.migration as Record<string, unknown>
    assert.deepEqual([kind, cause], ['evacuation', 'user'])
    const { id: operation } = moved.body.operation as { id: string }
    await runsOn(id, second)
    await until(async () => (await cloud.request('GET', `/v1/operations/${operation}`)).body.state === 'succeeded')
    const restart = await until(async () => {
      const [one] = (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items
      return one?.outcome === 'running' && one
    })
    assert.match(
      restart.reason,
      /^Evacuated to h.* by admin: the host .* its power was cut by Redfish and seen to be off/,
    )
    assert.equal((await cloud.request('GET', `/v1/instances/${id}/placement`)).status, 200)
    first.wanted.clear()
    await first.connect()
    await until(async () => first.wanted.get(id)?.migration?.step === 'leave')
  })

  test('not before that is sure: what to do is said, and nothing is moved', async t => {
    const logged = t.mock.method(cloud.cloud.log, 'error')
    const [first] = await addHosts(2, 2)
    const id = await run(first)
    for (const [fenced_by, why] of [
      [null, /nobody knows that it is off.*croft host fence \S+ --confirm-off/],
      ['lease', /only known that its lease is over.*--confirm-off/],
    ] as const) {
      await lose(first, fenced_by)
      const refused = await migrate(id)
      assert.deepEqual([refused.status, refused.body.code], [503, 'host_unreachable'])
      assert.match(String(refused.body.detail), why)
      assert.equal((await instance(id)).host_id, first.id)
    }
    assert.equal(logged.mock.callCount(), 0, 'a refusal is no fault')
    await lose(first, null)
    const whole = await cloud.request('POST', `/v1/hosts/${first.id}/evacuate`)
    assert.deepEqual([whole.status, whole.body.code], [409, 'wrong_state'])
  })

  test('what is off on a lost host is not started, and it is said why, and what to do', async () => {
    const [first] = await addHosts(2, 2)
    const id = await run(first, { start: false })
    await lose(first, null)
    const refused = await cloud.request('POST', `/v1/instances/${id}/start`)
    assert.deepEqual([refused.status, refused.body.code], [409, 'wrong_state'])
    assert.match(
      String(refused.body.detail),
      new RegExp(
        `is unknown: its host ${first.name} does not answer; .* Ask again when that host is back\\. .*croft host evacuate ${first.name}`,
      ),
    )
  })

  test('nor from a host that would start what is on it by itself when its power is back', async () => {
    const [first] = await addHosts(2, 2)
    const id = await run(first)
    first.asks_first = false
    await first.disconnect()
    await first.connect()
    await lose(first, 'person')
    const refused = await migrate(id)
    assert.equal(refused.status, 503, JSON.stringify(refused.body))
    assert.match(String(refused.body.detail), /would start what is on it by itself/)
  })

  test('a whole host: all that can, whatever is wanted of it, and of each that cannot why', async () => {
    const [first, second] = await addHosts(4, 2)
    const [runs, off, gone] = [await run(first), await run(first, { name: 'off' }), await run(first, { name: 'gone' })]
    const last = await run(first, { name: 'last', ha_priority: 1 })
    await cloud.request('POST', `/v1/instances/${off}/stop`, { body: {}, headers: { prefer: 'wait=20' } })
    first.silent = true
    await cloud.request('DELETE', `/v1/instances/${gone}`)
    await lose(first, 'person')
    const whole = await cloud.request('POST', `/v1/hosts/${first.id}/evacuate`)
    const { evacuated, left } = replyOf(hostRoutes.evacuate, whole)
    assert.deepEqual(new Set(evacuated.map(one => one.instance_id)), new Set([runs, off, gone]))
    assert.deepEqual(new Set(evacuated.map(one => one.host)), new Set([second.name]))
    assert.deepEqual(
      left.map(one => one.instance_id),
      [last],
    )
    assert.match(left[0]?.reason ?? '', /memory|room/i)
    await runsOn(runs, second)
    await until(async () => (await instance(off)).state === 'stopped')
    // It can be recovered for as long as before, where it is now.
    await until(async () => {
      const now = await instance(gone)
      return now.state === 'deleted' && now.host_id === second.id
    })
    assert.equal((await instance(last)).host_id, first.id)
  })

  test('what is kept for highly available ones is not for it, also when its new host cannot bring it up', async () => {
    // What is free on the third is kept for what runs on the second, but for one.
    const [first, second] = await addHosts(1, 2, 2)
    const id = await run(first)
    await run(second, { availability: 'high' })
    const { db } = cloud.cloud.database
    await db.updateTable('cluster').set({ ha_failures_tolerated: 1 }).execute()
    await lose(first, 'person')
    second.failure = 'it cannot'
    second.fails = wanted => wanted.id === id
    assert.equal((await migrate(id, { host_id: second.id })).status, 202)
    const told = await until(async () => {
      const { items } = await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })
      return (items.length > 1 || items[0]?.failure != null) && items
    })
    assert.equal(told.length, 1, JSON.stringify(told))
    assert.match(told[0]?.failure ?? '', /^it cannot And elsewhere: .*keeps for instances of hosts that may be lost/)
    assert.equal((await instance(id)).host_id, second.id)
  })

  test('a request that is refused for what it asks leaves a move as it is that was under way', async () => {
    const [first, second] = await addHosts(2, 2, 2)
    const id = await run(first)
    second.silent = true
    assert.equal((await migrate(id, { host_id: second.id })).status, 202)
    await lose(first, 'person')
    const { version } = await instance(id)
    const unknown = { host_id: crypto.randomUUID() }
    for (const [asked, headers, status] of [
      [{}, { 'if-match': `"${version + 1}"` }, 412],
      [unknown, {}, 404],
      [{ kind: 'live' }, {}, 503],
    ] as const) {
      const refused = await migrate(id, asked, headers)
      assert.equal(refused.status, status, JSON.stringify(refused.body))
      assert.equal((await moveOf(id)).phase, 'preparing', JSON.stringify(asked))
    }
  })

  test('where it may have gone over to meanwhile is cleared first, and then it goes', async () => {
    const [first, second, third] = await addHosts(2, 2, 2)
    const id = await run(first)
    first.sends = 'on-and-on'
    assert.equal((await migrate(id, { host_id: second.id })).status, 202)
    await until(async () => first.sent.has(id) && (await moveOf(id)).phase === 'sending')
    second.silent = true
    await lose(first, 'person')
    const refused = await migrate(id)
    assert.deepEqual([refused.status, refused.body.code], [409, 'wrong_state'])
    assert.match(String(refused.body.detail), /may run there\. Ask again when that one has nothing of it/)
    assert.equal((await moveOf(id)).phase, 'discarding')
    second.silent = false
    second.tell({}, [id])
    await until(async () => (await moveOf(id)).phase === 'ended')
    assert.equal((await migrate(id, { host_id: third?.id })).status, 202)
  })

  test('made highly available when its host is off already: it is started elsewhere', async () => {
    const [first, second] = await addHosts(2, 2)
    const id = await run(first)
    await lose(first, 'person')
    const made = await cloud.request('PATCH', `/v1/instances/${id}`, { body: { availability: 'high' } })
    assert.equal(made.status, 200, JSON.stringify(made.body))
    assert.equal(replyOf(instanceRoutes.update, made).ha_obstacle, null)
    await runsOn(id, second)
  })

  test('lost for good: what others have the disks of goes there first, and nothing is given up', async () => {
    const [first, second] = await addHosts(3, 3)
    const [id, off] = [await run(first), await run(first, { name: 'off' })]
    await cloud.request('POST', `/v1/instances/${off}/stop`, { body: {}, headers: { prefer: 'wait=20' } })
    await lose(first, null)
    const unsure = await removeLost(first)
    assert.deepEqual([unsure.status, unsure.body.code], [409, 'wrong_state'])
    assert.match(String(unsure.body.detail), /nobody knows that it is off.*--confirm-off/)
    await lose(first, 'person')
    const removed = await removeLost(first)
    assert.equal(removed.status, 204, JSON.stringify(removed.body))
    await runsOn(id, second)
    await until(async () => {
      const now = await instance(off)
      return now.state === 'stopped' && now.host_id === second.id
    })
    const { db } = cloud.cloud.database
    await until(async () => {
      const claim = await db.selectFrom('host_claim').selectAll().where('host_id', '=', first.id).executeTakeFirst()
      return claim?.vcpus === 0 && claim.memory_mib === 0
    })
  })

  test('and without room for them it stays, with what has no place, and why', async () => {
    const [first, second] = await addHosts(3, 1)
    const ids = [await run(first, { name: 'one' }), await run(first, { name: 'two' })]
    await lose(first, 'person')
    const refused = await removeLost(first)
    assert.deepEqual([refused.status, refused.body.code], [409, 'in_use'])
    assert.match(
      String(refused.body.detail),
      /1 instance on it has its disks in a pool.* (one|two): .*1 other has gone.*Make room/,
    )
    const where = await Promise.all(ids.map(async id => (await instance(id)).host_id))
    assert.deepEqual(where.sort(), [first.id, second.id].sort())
    assert.equal((await shown(first)).state, 'unreachable')
  })

  test('fenced by its lease alone: what has to be done with the host is said once, and of each instance what is its own', async () => {
    const [first] = await addHosts(3, 3)
    for (const name of ['one', 'two']) await run(first, { name })
    await lose(first, 'lease')
    const asked = await cloud.request('POST', `/v1/hosts/${first.id}/evacuate`)
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    const { left, host_reason } = replyOf(hostRoutes.evacuate, asked)
    assert.match(host_reason ?? '', /only known that its lease is over.*--confirm-off\); then ask again\.$/)
    assert.deepEqual(
      left.map(one => one.reason),
      ['It may well be running there.', 'It may well be running there.'],
    )
    const refused = await removeLost(first)
    const detail = String(refused.body.detail)
    assert.match(detail, /one: It may well be running there\. two: It may well be running there\. Of the host/)
    assert.equal(detail.split('only known that its lease is over').length, 2, 'once')
    assert.doesNotMatch(detail, /Make room/)
  })

  test('what is on its own disks is given up only by who says how much that is, and hears what it is', async () => {
    const own = await addHost(cloud, `own-${count}`, roomFor(3))
    hosts.push(own)
    await run(own, { name: 'mine' })
    const gone = await run(own, { name: 'bin' })
    await cloud.request('DELETE', `/v1/instances/${gone}`, { headers: { prefer: 'wait=20' } })
    await own.disconnect()
    for (const more of ['', '&gives_up=1', '&gives_up=3']) {
      const refused = await removeLost(own, more)
      assert.deepEqual([refused.status, refused.body.code], [409, 'in_use'], more)
      assert.match(
        String(refused.body.detail),
        /2 things would be given up for good.*mine.*bin \(deleted\).*--lost --gives-up 2/,
      )
      assert.equal(refused.body.gives_up, 2)
    }
    const removed = await removeLost(own, '&gives_up=2')
    assert.equal(removed.status, 204, JSON.stringify(removed.body))
    assert.equal((await cloud.request('GET', `/v1/instances/${gone}`)).status, 404)
  })

  test('somebody’s word, or a power seen off, counts for more than a lease that is over', async () => {
    const [first, second] = await addHosts(2, 2)
    const id = await run(first)
    await lose(first, 'lease')
    const said = await fence(first)
    assert.equal(said.status, 202, JSON.stringify(said.body))
    assert.equal((await shown(first)).absence?.fenced_by, 'person')
    assert.equal((await migrate(id)).status, 202)
    await runsOn(id, second)
  })

  test('nobody’s word counts against others who reach the machine, unless they say that they know', async () => {
    const [first, second] = await addHosts(2, 2)
    await eventually(async () => {
      const rows = await cloud.cloud.database.db
        .selectFrom('host_reach')
        .selectAll()
        .where('host_id', '=', first.id)
        .execute()
      assert.equal(rows.length, 1)
    })
    await sql`update host_reach set reached_by = array[${second.id}::uuid] where host_id = ${first.id}::uuid`.execute(
      cloud.cloud.database.db,
    )
    second.onCall = ({ method }) => (method === 'probe' ? { result: { reached: 'machine' } } : { error: 'no' })
    await first.disconnect()
    const refused = await fence(first)
    assert.deepEqual([refused.status, refused.body.code], [409, 'wrong_state'], JSON.stringify(refused.body))
    assert.match(
      String(refused.body.detail),
      /^h\S+ can reach the machine of .*runs twice.*locks below.*--despite-opinions/,
    )
    assert.equal((await shown(first)).absence?.fenced_by, null)
    const said = await fence(first, { despite_opinions: true })
    assert.equal(said.status, 202, JSON.stringify(said.body))
    assert.equal((await shown(first)).absence?.fenced_by, 'person')
  })
})
