/** What must not be stuck or lost by somebody else's mistake: purges behind one that fails, clusters, guests, identities. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { migrationRoutes } from '../../../src/api/migration.ts'
import { drain } from '../../../src/controller/reconcilers/maintenance.ts'
import { purge } from '../../../src/controller/reconcilers/purge.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { type MovingCloud, movingCloud } from '../../support/moving.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/stuck', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let body: Record<string, unknown>

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { memory_mib: 64_000 })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const network_id = await addNetwork(cloud)
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks: [{ network_id }] }
  })
  after(() => cloud.close())

  async function create(name: string): Promise<Instance> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name },
      headers: { prefer: 'wait=10' },
    })
    return replyOf(instanceRoutes.create, made).items[0] as Instance
  }

  test('an instance that cannot be purged holds up no other', async () => {
    const { db } = cloud.cloud.database
    const [bad, good] = [await create('bad'), await create('good')]
    await sql`create function refuse_bad() returns trigger language plpgsql as
      $$ begin if old.name = 'bad' then raise exception 'not this one'; end if; return old; end $$`.execute(db)
    await sql`create trigger refuse before delete on instance for each row execute function refuse_bad()`.execute(db)
    for (const { id } of [bad, good])
      await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
    await purge(cloud.cloud).catch(() => undefined)
    assert.equal((await cloud.request('GET', `/v1/instances/${good.id}`)).status, 404)
    await sql`drop trigger refuse on instance`.execute(db)
    await purge(cloud.cloud)
    assert.equal((await cloud.request('GET', `/v1/instances/${bad.id}`)).status, 404)
  })

  test('a reboot cannot be cancelled into a guest that is off', async () => {
    const { id } = await create('rebooting')
    host.silent = true
    const rebooted = await cloud.request('POST', `/v1/instances/${id}/reboot`, { body: {} })
    const operation = rebooted.body.operation as { id: string }
    const cancelled = await cloud.request('POST', `/v1/operations/${operation.id}/cancel`)
    assert.equal(cancelled.body.code, 'wrong_state')
    assert.equal((await cloud.request('GET', `/v1/instances/${id}`)).body.wanted_power, 'running')
    host.silent = false
    host.tell()
  })

  test('recovering heeds If-Match', async () => {
    const { id } = await create('guarded')
    await cloud.request('DELETE', `/v1/instances/${id}`, { headers: { prefer: 'wait=10' } })
    const headers = { 'if-match': '"1"' }
    assert.equal((await cloud.request('POST', `/v1/instances/${id}/recover`, { body: {}, headers })).status, 412)
  })

  test('a cluster whose hosts were all removed can be deleted', async () => {
    const zone = await cloud.request('GET', '/v1/zones')
    const made = await cloud.request('POST', '/v1/clusters', {
      body: { name: 'short', zone_id: zone.body.items?.[0]?.id },
    })
    const gone = await addHost(cloud, 'gone')
    await cloud.cloud.database.db
      .updateTable('host')
      .set({ cluster_id: String(made.body.id) })
      .where('id', '=', gone.id)
      .execute()
    assert.equal((await cloud.request('DELETE', `/v1/clusters/${String(made.body.id)}`)).body.code, 'in_use')
    await gone.disconnect()
    assert.equal((await cloud.request('DELETE', `/v1/hosts/${gone.id}`)).status, 204)
    const deleted = await cloud.request('DELETE', `/v1/clusters/${String(made.body.id)}`)
    assert.equal(deleted.status, 204, JSON.stringify(deleted.body))
  })
})

describe('controller/stuck: hosts that were removed', () => {
  let moving: MovingCloud
  let cloud: TestCloud

  before(async () => {
    moving = await movingCloud()
    cloud = moving.cloud
  })
  after(() => cloud.close())

  const ask = async (method: string, path: string, body?: object) => {
    const answered = await cloud.request(method, path, body && { body })
    assert.ok(answered.status < 300, JSON.stringify(answered.body))
    return answered.body
  }

  test('their cluster can be deleted, and what moved away from them is still told; none is in maintenance any more', async () => {
    const [gone, lost, there] = moving.hosts as [ObedientHost, ObedientHost, ObedientHost]
    const { id } = await moving.create({ host_id: gone.id })
    await ask('POST', `/v1/hosts/${gone.id}/maintenance`, {})
    await eventually(async () => {
      await drain(cloud.cloud)
      assert.equal((await ask('GET', `/v1/hosts/${gone.id}/maintenance`)).state, 'drained')
    })
    const [zone] = (await ask('GET', '/v1/zones')).items ?? []
    const made = await ask('POST', '/v1/clusters', { name: 'rack1', zone_id: zone?.id })
    const cluster = `/v1/clusters/${String(made.id)}`
    await ask('PATCH', `/v1/hosts/${gone.id}`, { cluster_id: made.id })
    await ask('DELETE', `/v1/hosts/${gone.id}`)
    assert.deepEqual((await ask('GET', '/v1/maintenances')).items, [])
    await ask('DELETE', cluster)
    const [moved] = (await cloud.call(migrationRoutes.list, { query: { instance_id: id } })).items
    assert.match(moved?.source_host ?? '', /^h1 \(removed /)

    const on_lost = await moving.create({ host_id: there.id })
    await ask('POST', `/v1/instances/${on_lost.id}/migrate`, { host_id: lost.id })
    await eventually(async () => assert.equal((await ask('GET', `/v1/instances/${on_lost.id}`)).host, 'h2'))
    await eventually(async () =>
      assert.deepEqual((await ask('GET', `/v1/migrations?instance_id=${on_lost.id}&open=true`)).items, []),
    )
    await lost.disconnect()
    const { operation } = await ask('POST', `/v1/hosts/${lost.id}/maintenance`, {})
    const refused = await cloud.request('DELETE', `/v1/hosts/${lost.id}?lost=true`)
    await ask('DELETE', `/v1/hosts/${lost.id}?lost=true&gives_up=${Number(refused.body.gives_up)}`)
    const ended = await ask('GET', `/v1/operations/${(operation as { id: string }).id}`)
    assert.deepEqual([ended.state, ended.reason], ['cancelled', 'the host h2 was removed as lost by admin'])
    assert.deepEqual((await ask('GET', '/v1/maintenances')).items, [])
    const [first] = (await ask('GET', '/v1/clusters?name=default')).items ?? []
    const held = await cloud.request('DELETE', `/v1/clusters/${String(first?.id)}`)
    assert.equal(held.body.code, 'in_use', JSON.stringify(held.body))
    assert.match(String(held.body.detail), /still has hosts/)
  })
})
