/** Who finds room again and again, and loses it to others each time: told so, without a decision that nobody could understand. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, mock, test } from 'node:test'
import { sql } from 'kysely'
import { haRestartRoutes } from '../../../src/api/ha-restart.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { channels, type Tx } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { host as hostStore } from '../../../src/controller/store/host.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const pool_id = '11111111-2222-4333-8444-555555555559'

describe('controller/room-taken', { timeout: 60_000 }, () => {
  let cloud: TestCloud
  let hosts: ObedientHost[]
  let wish: Record<string, unknown>

  before(async () => {
    cloud = await testCloud()
    await liftQuotas(cloud)
    await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value: 0 } })
    hosts = []
    for (const name of ['h1', 'h2', 'h3']) hosts.push(await addHost(cloud, name, { cpus: 64 }, { pool_id }))
    const { items } = (await cloud.request('GET', '/v1/flavors?name=tiny')).body
    const networks = [{ network_id: await addNetwork(cloud) }]
    wish = { flavor_id: items?.[0]?.id, image_id: await addImage(cloud), networks }
  })
  after(() => cloud.close())
  afterEach(() => mock.restoreAll())

  async function create(more: Record<string, unknown>): Promise<Instance> {
    const headers = { prefer: 'wait=20' }
    const made = await cloud.request('POST', '/v1/instances', { body: { ...wish, name: 'web', ...more }, headers })
    return replyOf(instanceRoutes.create, made).items[0] as Instance
  }

  async function lose(host: ObedientHost) {
    await host.disconnect()
    const { database } = cloud.cloud
    await sql`update host_absence set fenced_at = croft_now(), fenced_by = 'person', asked_at = croft_now()
      where host_id = ${host.id}::uuid`.execute(database.db)
    await database.transaction(tx => event.notify(tx, channels.absence, ''))
  }

  /** As whoever is told of it sees it: less is left there each time. */
  async function taken(tx: Tx): Promise<boolean> {
    await tx.updateTable('host_claim').set({ memory_mib: sql`memory_mib + 1` }).execute()
    return false
  }

  test('where nothing was taken, others do, and if none does that is told, and not that others were quicker', async () => {
    const claim = hostStore.claim.bind(hostStore)
    const [h1, h2] = hosts
    const not_on = new Set([h1?.id, h2?.id])
    mock.method(hostStore, 'claim', (...asked: Parameters<typeof claim>) =>
      asked[1].some(one => not_on.has(one.host_id)) ? Promise.resolve(false) : claim(...asked),
    )
    assert.equal((await create({ name: 'third' })).host_id, hosts[2]?.id)
    not_on.add(hosts[2]?.id)
    const none = await cloud.request('POST', '/v1/instances', { body: { ...wish, name: 'late' } })
    assert.deepEqual([none.status, none.body.code], [409, 'no_capacity'])
    assert.match(String(none.body.detail), /3 hosts, as h\d seems to have room, and did not give it/)
  })

  test('a request is told that others were quicker, and nothing is kept of hosts that would have done', async () => {
    const one = await create({ name: 'loser' })
    const { db } = cloud.cloud.database
    const kept = async () => (await db.selectFrom('placement').select('id').execute()).length
    const before_it = await kept()
    const lost = mock.method(hostStore, 'claim', taken)
    const made = await cloud.request('POST', '/v1/instances', { body: { ...wish, name: 'late' } })
    for (const answer of [made, await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: {} })]) {
      assert.deepEqual([answer.status, answer.body.code], [503, 'unavailable'], JSON.stringify(answer.body))
      assert.match(String(answer.body.detail), /^Room was found, and others took it first, 5 times .* Try again/)
    }
    assert.equal(await kept(), before_it)
    // Where others leave nothing, that is what it is told.
    lost.mock.mockImplementation(async () => {
      await db.updateTable('host').set({ schedulable: false }).execute()
      return false
    })
    const none = await cloud.request('POST', '/v1/instances', { body: { ...wish, name: 'late' } })
    assert.deepEqual([none.status, none.body.code], [409, 'no_capacity'])
    assert.match(String(none.body.detail), /takes no new instances: 3 hosts/)
    lost.mock.restore()
    await db.updateTable('host').set({ schedulable: true }).execute()
    assert.equal((await create({ name: 'late' })).state, 'running')
  })

  test('a restart after a loss has its turn again soon, and says of no host that it could not take it', async () => {
    const [h1] = hosts
    assert.ok(h1)
    const { id } = await create({ name: 'vital', host_id: h1.id, availability: 'high' })
    const claim = hostStore.claim.bind(hostStore)
    let lost = 0
    mock.method(hostStore, 'claim', (...asked: Parameters<typeof claim>) =>
      ++lost > 5 ? claim(...asked) : taken(asked[0]),
    )
    await lose(h1)
    await untilEvent(cloud, async () => {
      const now = await cloud.call(instanceRoutes.get, { params: { instance: id } })
      return now.state === 'running' && now.host_id !== h1.id
    })
    assert.equal(lost, 6)
    const { items } = await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })
    assert.equal(items.length, 1)
    assert.notEqual(items[0]?.outcome, 'no_room')
  })

  test('what cannot be started where it was restarted, and loses its room to others, keeps the reason and has its turn again soon', async () => {
    const lost = await addHost(cloud, 'h4', { cpus: 64 }, { pool_id })
    hosts.push(lost)
    const { id } = await create({ name: 'moving', host_id: lost.id, availability: 'high' })
    for (const host of hosts) host.failure = host === lost ? null : `${host.name} cannot`
    const claim = hostStore.claim.bind(hostStore)
    let asked = 0
    mock.method(hostStore, 'claim', (...of: Parameters<typeof claim>) => {
      asked++
      return asked === 1 || asked > 6 ? claim(...of) : taken(of[0])
    })
    await lose(lost)
    const restarts = async () => (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items
    await untilEvent(cloud, async () => (await restarts()).some(one => one.failure !== null))
    const [first] = await restarts()
    assert.equal(first?.failure, `${first?.to_host} cannot`)
    for (const host of hosts) if (host.id !== first?.to_host_id) host.failure = null
    await untilEvent(cloud, async () => (await restarts()).length === 2)
    assert.ok(asked > 6)
  })
})
