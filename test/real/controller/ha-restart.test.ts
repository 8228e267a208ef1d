/**
 * Highly available instances of a lost host on their way to run elsewhere: which come first where there is too little room, what they may take and
 * whom they keep to, and that each is followed until it runs, from host to host. How a host comes to count as lost: availability.test.ts.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { poolOf } from '../../../sim/facts.ts'
import type { HaRestart } from '../../../src/api/ha-restart.ts'
import { haRestartRoutes } from '../../../src/api/ha-restart.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { restartElsewhere } from '../../../src/controller/app/ha-recover.ts'
import { channels } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const pool_id = '11111111-2222-4333-8444-555555555557'
/** Of a host, what is kept for itself; then so many instances fit, of a GiB each. */
const roomFor = (count: number) => ({ cpus: 64, memory_mib: 1024 * (1 + count) })

describe('controller/ha-restart', { timeout: 300_000 }, () => {
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
    assert.equal(flavor.status, 201, JSON.stringify(flavor.body))
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

  /** Of one pool, with room for so many instances each. */
  async function addHosts(...rooms: number[]): Promise<ObedientHost[]> {
    for (const [n, room] of rooms.entries()) {
      const facts = { ...poolOf(pool_id), tunnel_address: `192.0.2.${count * 10 + n}` }
      hosts.push(await addHost(cloud, `h${count}-${n + 1}`, roomFor(room), facts))
    }
    return hosts
  }

  async function run(host: ObedientHost, more: Record<string, unknown> = {}): Promise<string> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name: 'vital', host_id: host.id, availability: 'high', ...more },
      headers: { prefer: 'wait=20' },
    })
    const [one] = replyOf(instanceRoutes.create, made).items
    assert.ok(one)
    return one.id
  }

  const instance = (id: string): Promise<Instance> => cloud.call(instanceRoutes.get, { params: { instance: id } })
  const until = <T>(look: () => Promise<T | undefined | false>): Promise<T> => untilEvent(cloud, look)
  const runsElsewhere = (id: string, than: readonly ObedientHost[]) =>
    until(async () => {
      const now = await instance(id)
      return now.state === 'running' && !than.some(host => host.id === now.host_id) && now
    })
  /** The oldest first. */
  async function restarts(id: string): Promise<HaRestart[]> {
    return (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items.reverse()
  }
  const newest = async (id: string): Promise<HaRestart | undefined> => (await restarts(id)).at(-1)

  /** Gone and surely off, as if somebody had vouched for it; all at once. */
  async function lose(...lost: ObedientHost[]): Promise<void> {
    for (const host of lost) await host.disconnect()
    const ids = lost.map(host => host.id)
    await sql`update host_absence set fenced_at = croft_now(), fenced_by = 'person', asked_at = croft_now()
      where host_id = any(${ids}::uuid[])`.execute(cloud.cloud.database.db)
    await look()
  }
  const look = () => cloud.cloud.database.transaction(tx => event.notify(tx, channels.absence, ''))

  /** The first so many hosts that are told to start anything cannot, whichever they are. */
  function failingFirst(failing: number, among: readonly ObedientHost[]): void {
    const tried = new Set<string>()
    for (const host of among) {
      host.failure = `${host.name} cannot`
      host.fails = () => [...tried.add(host.id)].indexOf(host.id) < failing
    }
  }

  /** On its new host, which has said that it guards it and is at it, and no more. */
  async function starting(from: ObedientHost, others: readonly ObedientHost[]) {
    const id = await run(from)
    for (const host of others) host.silent = true
    await lose(from)
    const { host_id } = await until(async () => {
      const now = await instance(id)
      return now.host_id !== from.id && now
    })
    const on = others.find(host => host.id === host_id)
    assert.ok(on)
    await eventually(() => assert.ok(on.wanted.has(id)))
    const { generation } = on.wanted.get(id) ?? { generation: 0 }
    const says = (more: Parameters<ObedientHost['tell']>[0]) => on.tell(more, [id])
    says({ power: 'stopped', applied_generation: generation - 1 })
    return { id, on, says }
  }
  /** The time by which it must be seen to run is over. */
  async function isLate(id: string): Promise<HaRestart> {
    await sql`update ha_restart set verify_by = croft_now() - interval '1 s' where instance_id = ${id}::uuid and ended_at is null`.execute(
      cloud.cloud.database.db,
    )
    await look()
    return await until(async () => {
      const one = await newest(id)
      return one?.failure !== null && one
    })
  }
  const moves = async (id: string) => {
    const { items = [] } = (await cloud.request('GET', `/v1/migrations?instance_id=${id}`)).body
    return items.filter(one => one.kind === 'cold')
  }

  test('too little room: the most important run, of all lost hosts together; the others say why they do not', async () => {
    const [one, two, left] = await addHosts(3, 3, 2)
    assert.ok(one && two && left)
    const priorities = [10, 90, 50, 0, 100, 40]
    const ids: string[] = []
    for (const [n, ha_priority] of priorities.entries()) ids.push(await run(n % 2 ? one : two, { ha_priority }))
    await lose(one, two)
    await until(async () => (await Promise.all(ids.map(newest))).every(found => found?.outcome))
    const now = await Promise.all(ids.map(instance))
    const there = now.filter(({ host_id }) => host_id === left.id)
    assert.deepEqual(there.map(found => found.ha_priority).sort(), [100, 90])
    const [waiting] = now.filter(({ host_id }) => host_id !== left.id)
    assert.match(waiting?.ha_obstacle ?? '', /No other host can take it/)
  })

  test('a restart takes what its cluster keeps for it, also when it is moved on; nothing else does', async () => {
    const [first, full, ...others] = await addHosts(4, 4, 4, 4)
    assert.ok(first && full)
    const ids = [await run(first), await run(first)]
    for (let n = 0; n < 4; n++) await run(full)
    await cloud.request('PATCH', `/v1/hosts/${first.id}`, { body: { schedulable: false } })
    const { db } = cloud.cloud.database
    await db.updateTable('cluster').set({ ha_failures_tolerated: 1 }).execute()
    // Until no more of them finds room: there is some, for all of the full one.
    for (;;) {
      const made = await cloud.request('POST', '/v1/instances', {
        body: { ...body, name: 'more', availability: 'high' },
        headers: { prefer: 'wait=20' },
      })
      if (made.status === 202) continue
      assert.match(String(made.body.detail), /keeps for instances of hosts that may be lost/)
      break
    }
    failingFirst(1, others)
    // Only for this one, so that it is moved on into what is kept.
    for (const host of others) {
      const { fails } = host
      host.fails = wanted => wanted.id === ids[0] && (fails?.(wanted) ?? false)
    }
    await lose(first)
    for (const id of ids) await runsElsewhere(id, [first])
    await until(async () => (await Promise.all(ids.map(newest))).every(found => found?.outcome === 'running'))
    assert.deepEqual(
      (await restarts(ids[0] ?? '')).map(one => one.outcome),
      ['failed', 'running'],
    )
  })

  test('those of an affinity group run together again, though each alone would have gone to another host', async () => {
    const [first, ...others] = await addHosts(9, 9, 9)
    assert.ok(first)
    const alone = [await run(first), await run(first)]
    const made = await cloud.request('POST', '/v1/instance-groups', {
      body: { name: `with-${count}`, policy: 'affinity' },
    })
    const group_id = made.body.id
    const group = [await run(first, { group_id }), await run(first, { group_id }), await run(first, { group_id })]
    await lose(first)
    const hostsOf = async (ids: readonly string[]) =>
      new Set(await Promise.all(ids.map(async id => (await runsElsewhere(id, [first])).host_id)))
    assert.equal((await hostsOf(alone)).size, others.length, 'which are spread')
    assert.equal((await hostsOf(group)).size, 1)
  })

  test('one of an anti-affinity group waits, and says for what, rather than join another of it', async () => {
    const [first, second, third] = await addHosts(9, 9, 9)
    assert.ok(first && second && third)
    const made = await cloud.request('POST', '/v1/instance-groups', {
      body: { name: `apart-${count}`, policy: 'anti-affinity' },
    })
    const group_id = made.body.id
    const [one] = [await run(first, { group_id }), await run(second, { group_id })]
    const in_the_way = await run(third, { group_id })
    await lose(first)
    const waiting = await until(async () => await newest(one))
    assert.equal(waiting.outcome, 'no_room')
    assert.match(waiting.failure ?? '', /has one of its group already: 2 hosts/)
    await cloud.request('DELETE', `/v1/instances/${in_the_way}?purge=true`, { headers: { prefer: 'wait=20' } })
    assert.equal((await runsElsewhere(one, [first])).host_id, third.id)
    assert.deepEqual(
      (await restarts(one)).map(found => found.outcome === 'no_room'),
      [true, false],
      'told once',
    )
  })

  test('tried again and again without room, its explanation is kept once, and again when the reasons are others', async () => {
    const [first, second] = await addHosts(1, 0)
    assert.ok(first && second)
    const id = await run(first)
    const { db } = cloud.cloud.database
    const refusals = () =>
      sql<{ id: string }>`select id from placement where instance_id = ${id}::uuid and host_id is null`.execute(db)
    const again = () => restartElsewhere(cloud.cloud, { id: first.id, name: first.name }, id)
    await lose(first)
    const told = await until(async () => await newest(id))
    assert.equal(told.outcome, 'no_room')
    for (let n = 0; n < 3; n++) assert.equal(await again(), 'no_room')
    const [kept, ...more] = (await refusals()).rows
    assert.match(told.failure ?? '', new RegExp(`croft placement get ${kept?.id}`), 'what is told names what is kept')
    assert.deepEqual(more, [])
    await cloud.request('PATCH', `/v1/hosts/${second.id}`, { body: { schedulable: false } })
    for (let n = 0; n < 3; n++) assert.equal(await again(), 'no_room')
    assert.equal((await refusals()).rows.length, 2)
    const { refused_since } = (await cloud.request('GET', `/v1/instances/${id}/placement`)).body
    assert.match(JSON.stringify(refused_since), /schedulable|takes no instances/)
    assert.equal((await restarts(id)).length, 1, 'told once')
  })

  test('hosts that cannot bring it up: it is moved on from one to the next until it runs, each told', async () => {
    const [first, ...others] = await addHosts(4, 4, 4, 4)
    assert.ok(first)
    const id = await run(first)
    failingFirst(2, others)
    await lose(first)
    const { host_id } = await runsElsewhere(id, [first])
    await until(async () => (await newest(id))?.outcome === 'running')
    const told = await restarts(id)
    assert.deepEqual(
      told.map(one => one.outcome),
      ['failed', 'failed', 'running'],
    )
    assert.equal(new Set(told.map(one => one.to_host_id)).size, 3)
    assert.equal(told[2]?.to_host_id, host_id)
    assert.equal(told[0]?.failure, `${told[0]?.to_host} cannot`)
    assert.match(
      told[1]?.reason ?? '',
      new RegExp(`Moved on to .* ${first.name} was lost, and ${told[0]?.to_host} could`),
    )
    for (const host of others) if (host.id !== host_id) await eventually(() => assert.ok(!host.wanted.has(id)))
  })

  test('no host can bring it up: it says so, each is tried once, and the one that it is on is believed when it can', async () => {
    const [first, ...others] = await addHosts(4, 4, 4)
    assert.ok(first)
    const id = await run(first)
    failingFirst(9, others)
    await lose(first)
    const stays = await until(async () => {
      const one = (await restarts(id))[1]
      return one?.failure != null && one
    })
    assert.equal(stays.outcome, null)
    assert.match(
      stays.failure ?? '',
      new RegExp(
        `${stays.to_host} cannot And elsewhere: No host can take .*ruled out: 2 hosts.*where it is now: 1 host`,
      ),
    )
    assert.equal((await instance(id)).state, 'error')
    const on = others.find(host => host.id === stays.to_host_id)
    assert.ok(on)
    on.failure = null
    on.tell({}, [id])
    await until(async () => (await newest(id))?.outcome === 'running')
    assert.equal((await moves(id)).length, 1)
  })

  test('a host that says nothing of it keeps it, for it may run there; once it says that it cannot, another takes it', async () => {
    const [first, ...others] = await addHosts(4, 4, 4)
    assert.ok(first)
    const { id, on, says } = await starting(first, others)
    const late = await isLate(id)
    assert.equal(late.outcome, null)
    assert.match(late.failure ?? '', /was not seen to run in time/)
    assert.deepEqual([(await instance(id)).host_id, await moves(id)], [on.id, []])
    for (const host of others) host.silent = false
    says({ power: 'stopped', failure: 'its pool is not mounted' })
    const now = await runsElsewhere(id, [first, on])
    await until(async () => (await newest(id))?.outcome === 'running')
    const [one, two] = await restarts(id)
    assert.deepEqual([one?.outcome, one?.failure], ['failed', 'its pool is not mounted'])
    assert.equal(two?.to_host_id, now.host_id)
  })

  test('what its former host said is not taken for the word of the one that it was moved on to', async () => {
    const [first, ...others] = await addHosts(4, 4, 4)
    assert.ok(first)
    const { id, on, says } = await starting(first, others)
    const next = others.find(host => host !== on)
    assert.ok(next)
    Object.assign(on, { sends: 'on-and-on', failure: 'its pool is not mounted' })
    for (const host of others) host.silent = false
    says({})
    await eventually(() => assert.ok(on.sent.has(id)))
    next.silent = true
    on.tellMigration(id, { phase: 'switched' })
    await until(async () => (await instance(id)).host_id === next.id)
    const late = await isLate(id)
    assert.deepEqual([late.to_host_id, late.outcome], [next.id, null])
    assert.match(late.failure ?? '', /was not seen to run in time/)
    next.silent = false
    next.tell({}, [id])
    await until(async () => (await newest(id))?.outcome === 'running')
  })

  test('a guest that is paused on its new host is not back before it runs', async () => {
    const [first, ...others] = await addHosts(4, 4, 4)
    assert.ok(first)
    const { id, on, says } = await starting(first, others)
    says({ power: 'paused' })
    await until(async () => (await instance(id)).state === 'paused')
    const late = await isLate(id)
    assert.deepEqual([late.outcome, late.failure], [null, 'it is there, but paused'])
    assert.equal((await instance(id)).host_id, on.id)
    says({})
    await until(async () => (await newest(id))?.outcome === 'running')
    assert.equal((await newest(id))?.failure, null)
  })

  test('a restart of which something else is wanted meanwhile is given up', async () => {
    const [first, ...others] = await addHosts(4, 4, 4)
    assert.ok(first)
    const { id } = await starting(first, others)
    const stopped = await cloud.request('POST', `/v1/instances/${id}/stop`, { body: {} })
    assert.equal(stopped.status, 202, JSON.stringify(stopped.body))
    await look()
    const ended = await until(async () => {
      const one = await newest(id)
      return one?.outcome != null && one
    })
    assert.deepEqual([ended.outcome, ended.failure], ['given_up', 'something else was wanted of it meanwhile'])
  })

  test('its new host is lost as well: that restart has failed for that, and the next one begins', async () => {
    const [first, ...others] = await addHosts(4, 4, 4)
    assert.ok(first)
    const { id, on } = await starting(first, others)
    for (const host of others) host.silent = false
    await lose(on)
    await runsElsewhere(id, [first, on])
    await until(async () => (await newest(id))?.outcome === 'running')
    const [one, two] = await restarts(id)
    assert.deepEqual([one?.outcome, one?.failure], ['failed', `the host ${on.name} was lost, too`])
    assert.equal(two?.from_host_id, on.id)
  })

  test('lost while it was to be moved on: the host that it was on its way to was not tried, and may take it', async () => {
    const [first, ...others] = await addHosts(4, 4, 4)
    assert.ok(first)
    const { id, on, says } = await starting(first, others)
    const next = others.find(host => host !== on)
    assert.ok(next)
    Object.assign(on, { sends: 'on-and-on', failure: 'its pool is not mounted' })
    for (const host of others) host.silent = false
    says({})
    await eventually(() => assert.ok(on.sent.has(id)))
    const { db } = cloud.cloud.database
    await on.disconnect()
    // Last heard of before the move began.
    await sql`update host_absence set since = since - interval '1 minute' where host_id = ${on.id}::uuid`.execute(db)
    await lose(on)
    assert.equal((await runsElsewhere(id, [first, on])).host_id, next.id)
    await until(async () => (await newest(id))?.outcome === 'running')
    assert.deepEqual(
      (await restarts(id)).map(one => one.outcome),
      ['failed', 'given_up', 'running'],
    )
  })

  test('a move to the next host that fails is no reason to give up: another one is tried', async () => {
    const [first, ...others] = await addHosts(4, 4, 4, 4)
    assert.ok(first)
    const { id, on, says } = await starting(first, others)
    for (const host of others) Object.assign(host, { silent: false, unready: 'there is no room in its directory' })
    says({ power: 'stopped', failure: 'its pool is not mounted' })
    const stays = await until(async () => {
      const one = (await restarts(id))[2]
      return one?.failure != null && one
    })
    assert.match(stays.failure ?? '', /^there is no room in its directory And elsewhere: /)
    assert.equal(new Set((await restarts(id)).map(one => one.to_host_id)).size, 3)
    says({})
    await until(async () => (await newest(id))?.outcome === 'failed')
    const now = await instance(id)
    assert.deepEqual([now.host_id, now.state], [on.id, 'running'])
  })
})
