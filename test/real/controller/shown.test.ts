/** Lists keep what they showed; whatever changes of an instance is seen by the next reading, in lists and alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { Instance } from '../../../src/api/instance.ts'
import { instance } from '../../../src/controller/store/instance.ts'
import { networkCloud } from '../../support/network-api.ts'
import { testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

/** An instance on a routed network with an outside, and ways to look at it. */
async function shownCloud() {
  const cloud = await networkCloud()
  const host = await addHost(cloud, 'h1')
  const image_id = await addImage(cloud)
  const { network: outside } = await cloud.external('outside', '192.0.2.0/24')
  const { network, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const router = await cloud.post('routers', { name: 'r', external_network_id: outside.id })
  await cloud.post(`routers/${router.id}/interfaces`, { subnet_id: subnet.id })
  const { items: flavors } = await cloud.ask('GET', 'flavors?name=tiny', 200)
  const body = { name: 'one', flavor_id: flavors[0].id, image_id, networks: [{ network_id: network.id }] }
  const made = await cloud.ask('POST', 'instances', 202, body, { headers: { prefer: 'wait=30' } })
  const { id } = made.items[0] as { id: string }
  const listed = async () => (await cloud.ask('GET', 'instances', 200)).items[0] as Record<string, unknown>
  /** In a transaction nothing that was shown before is used. */
  const afresh = async () => (await cloud.cloud.database.transaction(tx => instance.byIds(tx, [id])))[0]
  return { cloud, host, id, network, outside, made: made.items[0], listed, afresh }
}

test('what a list showed is shown again only while it is so', async () => {
  const there = await shownCloud()
  const { cloud, host, id, network, outside, made, listed, afresh } = there
  await using _ = cloud
  const [{ port_id }] = made.addresses as [{ port_id: string }]
  const admin = cloud.as(cloud.admin)
  const wait = { headers: { prefer: 'wait=30' } }
  let floating: Record<string, string> = {}
  const { items: zones } = await cloud.ask('GET', 'zones', 200, undefined, admin)
  const changes: Record<string, () => Promise<unknown>> = {
    tags: () => cloud.ask('PATCH', `instances/${id}`, 200, { tags: { seen: 'yes' } }),
    'the network’s name': () => cloud.ask('PATCH', `networks/${network.id}`, 200, { name: 'green' }),
    'a floating address': async () => {
      floating = await cloud.post('floating-ips', { network_id: outside.id, port_id })
    },
    'no floating address': () => cloud.ask('PATCH', `floating-ips/${floating.id}`, 200, { port_id: null }),
    'power off': () => cloud.ask('POST', `instances/${id}/stop`, 202, {}, wait),
    'power on': () => cloud.ask('POST', `instances/${id}/start`, 202, {}, wait),
    'the zone’s name': () => cloud.ask('PATCH', `zones/${zones[0].id}`, 200, { name: 'elsewhere' }, admin),
    'a host that is gone': () => host.disconnect(),
    'a host that is surely off': () =>
      sql`update host_absence set fenced_at = croft_now(), fenced_by = 'person' where host_id = ${host.id}::uuid`.execute(
        cloud.cloud.database.db,
      ),
    'a host that is back': () => host.connect(),
  }
  let before = await listed()
  for (const [what, change] of Object.entries(changes)) {
    await change()
    const [now, whole] = [await listed(), await afresh()]
    assert.deepEqual(now, JSON.parse(JSON.stringify(whole)), `after ${what}`)
    assert.notDeepEqual(now, before, `${what} is to be seen`)
    // What its host gave it is told of one that is asked for alone.
    assert.deepEqual(await cloud.ask('GET', `instances/${id}`, 200), { ...now, on_host: null }, `alone, after ${what}`)
    before = now
  }
})

test('a transaction that was taken back is shown nowhere', async () => {
  const there = await shownCloud()
  await using _ = there.cloud
  const before = await there.listed()
  const { database } = there.cloud.cloud
  const taken_back = database.transaction(async tx => {
    await instance.describe(tx, there.id, { name: 'never' })
    assert.equal((await instance.byIds(tx, [there.id]))[0]?.name, 'never')
    throw new Error('taken back')
  })
  await assert.rejects(taken_back, /taken back/)
  assert.deepEqual(await there.listed(), before)
})

test('with no other host that takes it, a highly available instance says so before its own is lost', async t => {
  const cloud = await testCloud()
  t.after(() => cloud.close())
  const pool_id = '11111111-2222-4333-8444-555555555557'
  const [h1, h2] = [await addHost(cloud, 'h1', {}, { pool_id }), await addHost(cloud, 'h2', {}, { pool_id })]
  const { id: flavor_id } = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items?.[0] as { id: string }
  const networks = [{ network_id: await addNetwork(cloud) }]
  const wish = { name: 'one', flavor_id, image_id: await addImage(cloud), networks, host_id: h1.id }
  const body = { ...wish, availability: 'high' }
  assert.equal((await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })).status, 202)
  const obstacle = async () =>
    ((await cloud.request('GET', '/v1/instances')).body.items?.[0] as Instance | undefined)?.ha_obstacle
  await eventually(async () => assert.equal(await obstacle(), null))

  const { body: far } = await cloud.request('POST', '/v1/zones', { body: { name: 'far' } })
  const { body: there } = await cloud.request('POST', '/v1/clusters', { body: { name: 'there', zone_id: far.id } })
  const { items: clusters } = (await cloud.request('GET', '/v1/clusters?name=default')).body
  const { db } = cloud.cloud.database
  const update = (body: Record<string, unknown>) => cloud.request('PATCH', `/v1/hosts/${h2.id}`, { body })
  const goTo = (cluster_id: unknown) =>
    db
      .updateTable('host')
      .set({ cluster_id: String(cluster_id) })
      .where('id', '=', h2.id)
      .execute()
  const maintenance = `/v1/hosts/${h2.id}/maintenance`
  const ways: Record<string, [() => Promise<unknown>, () => Promise<unknown>]> = {
    'takes nothing new': [() => update({ schedulable: false }), () => update({ schedulable: true })],
    'is in another zone': [() => goTo(there.id), () => goTo(clusters?.[0]?.id)],
    'is in maintenance': [
      () => cloud.request('POST', maintenance, { body: {} }),
      () => cloud.request('DELETE', maintenance),
    ],
    'does not answer': [() => h2.disconnect(), () => h2.connect()],
  }
  for (const [what, [away, back]] of Object.entries(ways)) {
    await away()
    assert.match((await obstacle()) ?? '', /^No other host could take it/, what)
    await back()
    assert.equal(await obstacle(), null, `no longer so: it ${what}`)
  }
})
