/** What a cluster keeps free for lost hosts is kept whatever is asked: made, started, made highly available, recovered or grown. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { clusterRoutes } from '../../../src/api/cluster.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { cleanUp } from '../../../src/controller/reconcilers/cleanup.ts'
import { type Answered, type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas } from '../../support/obedient-host.ts'

const pool_id = '11111111-2222-4333-8444-555555555556'

describe('controller/ha-reserve', () => {
  let cloud: TestCloud
  let body: Record<string, unknown>
  let cluster = ''
  let made = 0

  before(async () => {
    cloud = await testCloud()
    for (const name of ['r1', 'r2']) await addHost(cloud, name, { cpus: 64, memory_mib: 4096 + 2048 }, { pool_id })
    await liftQuotas(cloud)
    const properties = { 'cpu.max': '4', 'memory.max_mib': '2048' }
    const flavor = await cloud.request('POST', '/v1/flavors', {
      body: { name: 'gib', vcpus: 1, memory_mib: 1024, disk_gib: 1, properties },
    })
    assert.equal(flavor.status, 201, JSON.stringify(flavor.body))
    body = {
      flavor_id: flavor.body.id,
      image_id: await addImage(cloud),
      networks: [{ network_id: await addNetwork(cloud) }],
    }
    cluster = String((await cloud.request('GET', '/v1/clusters')).body.items?.[0]?.id)
  })
  after(() => cloud.close())

  const create = (more: Record<string, unknown>) =>
    cloud.request('POST', '/v1/instances', {
      body: { ...body, name: `vm-${++made}`, ...more },
      headers: { prefer: 'wait=10' },
    })
  async function one(more: Record<string, unknown>): Promise<Instance> {
    const answered = await create(more)
    assert.equal(answered.status, 202, JSON.stringify(answered.body))
    return (answered.body.items as Instance[])[0] as Instance
  }
  const tolerate = async (count: number) => {
    const set = await cloud.request('PATCH', `/v1/clusters/${cluster}`, { body: { ha_failures_tolerated: count } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
  }
  const reserve = () => cloud.call(clusterRoutes.reserve, { params: { cluster } })
  const purge = async (id: string) => {
    await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
    await eventually(async () => assert.equal((await cloud.request('GET', `/v1/instances/${id}`)).status, 404))
  }
  function isKept({ status, body: { code, detail } }: Answered): void {
    assert.deepEqual([status, code], [409, 'no_capacity'], String(detail))
    assert.match(
      String(detail),
      /is kept for instances of hosts that may be lost|has room that its cluster keeps for instances of hosts that may be lost/,
    )
  }

  test('where it would be touched, nothing is started, made highly available, recovered or grown', async () => {
    const off = await one({ availability: 'high', start: false })
    const plain = await one({})
    const deleted = await one({})
    await cloud.request('DELETE', `/v1/instances/${deleted.id}`, { headers: { prefer: 'wait=10' } })
    const growing = await one({ availability: 'high' })
    await tolerate(1)
    // Until no more of them finds room.
    const filling: string[] = []
    for (;;) {
      const answered = await create({ availability: 'high' })
      if (answered.status !== 202) {
        isKept(answered)
        break
      }
      filling.push((answered.body.items as Instance[])[0]?.id ?? '')
    }
    const room = await reserve()
    assert.ok(room.room_memory_mib >= 0 && room.room_memory_mib < 1024, JSON.stringify(room))

    isKept(await cloud.request('POST', `/v1/instances/${off.id}/start`, { body: {} }))
    isKept(await cloud.request('PATCH', `/v1/instances/${plain.id}`, { body: { availability: 'high' } }))
    isKept(await cloud.request('POST', `/v1/instances/${growing.id}/resize`, { body: { memory_mib: 2048 } }))
    isKept(await cloud.request('POST', `/v1/instances/${deleted.id}/recover`, { body: {} }))
    assert.deepEqual(await reserve(), room, 'nothing has changed')

    // What is not highly available and has its room already may be stopped and started as before.
    await cloud.request('POST', `/v1/instances/${plain.id}/stop`, { body: {}, headers: { prefer: 'wait=10' } })
    const again = await cloud.request('POST', `/v1/instances/${plain.id}/start`, { body: {} })
    assert.equal(again.status, 202, JSON.stringify(again.body))

    for (const id of filling.slice(0, 2)) await purge(id)
    const started = await cloud.request('POST', `/v1/instances/${off.id}/start`, { body: {} })
    assert.equal(started.status, 202, JSON.stringify(started.body))
    assert.ok((await reserve()).room_memory_mib >= 0)
    await tolerate(0)
  })

  test('more losses tolerated than there are hosts: why nothing fits is said, and no room is less than none', async () => {
    await one({ availability: 'high' })
    assert.equal((await reserve()).obstacle, null)
    const set = await cloud.request('PATCH', `/v1/clusters/${cluster}`, { body: { ha_failures_tolerated: 50 } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    const why = /the loss of 50 hosts, and it has 2: none would be left.*Have it tolerate 1 at most/
    assert.match(String(set.body.warning), why)
    const { room_vcpus, room_memory_mib, lacking_vcpus, lacking_memory_mib, obstacle } = await reserve()
    assert.deepEqual([room_vcpus, room_memory_mib], [0, 0])
    assert.ok(lacking_vcpus > 0 && lacking_memory_mib > 0)
    assert.match(obstacle ?? '', why)
    isKept(await create({}))
    const back = await cloud.request('PATCH', `/v1/clusters/${cluster}`, { body: { ha_failures_tolerated: 0 } })
    assert.deepEqual([back.status, back.body.warning], [200, null])
  })

  test('while it grows it runs, and a reboot asked for meanwhile is shown as one', async () => {
    const it = await one({})
    const state = async () => (await cloud.call(instanceRoutes.get, { params: { instance: it.id } })).state
    assert.equal(await state(), 'running')
    const { db } = cloud.cloud.database
    const host = await db
      .selectFrom('host')
      .select('name')
      .where('id', '=', it.host_id ?? '')
      .executeTakeFirstOrThrow()
    assert.ok(host)
    // Nobody hears of what its host has done of it since.
    await sql`update host set last_report = last_report + 1000000 where id = ${it.host_id}::uuid`.execute(db)
    for (const vcpus of [2, 3]) {
      const grown = await cloud.request('POST', `/v1/instances/${it.id}/resize`, { body: { vcpus } })
      assert.equal(grown.status, 202, JSON.stringify(grown.body))
      assert.equal((grown.body.instance as Instance).state, 'running')
      assert.equal(await state(), 'running')
    }
    const rebooted = await cloud.request('POST', `/v1/instances/${it.id}/reboot`, { body: {} })
    assert.equal((rebooted.body.instance as Instance).state, 'rebooting')
  })

  test('restarts are kept as long as events', async () => {
    const it = await one({})
    const { db } = cloud.cloud.database
    await sql`insert into ha_restart (id, instance_id, project_id, from_host_id, from_host, fenced_by, lost_at, reason, outcome, begun_at, ended_at)
      select gen_random_uuid(), ${it.id}::uuid, project_id, host_id, 'r1', 'lease', now(), 'lost', 'running', now(), now() - n * interval '200 days'
      from instance, generate_series(0, 1) n where id = ${it.id}::uuid`.execute(db)
    await cleanUp(cloud.cloud)
    const left = await cloud.request('GET', `/v1/ha-restarts?instance_id=${it.id}`)
    assert.equal(left.body.items?.length, 1)
  })
})
