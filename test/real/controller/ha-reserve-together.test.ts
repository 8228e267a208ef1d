/** Many place at once where clusters keep room for lost hosts: none takes of what is kept, and who places elsewhere does not wait. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clusterRoutes } from '../../../src/api/cluster.ts'
import { type Answered, type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas } from '../../support/obedient-host.ts'

const pool_id = '11111111-2222-4333-8444-555555555557'

describe('reserves of several clusters', { timeout: 60_000 }, () => {
  let cloud: TestCloud
  let body: Record<string, unknown>
  const clusters: string[] = []
  const hosts: string[] = []
  let made = 0

  before(async () => {
    cloud = await testCloud()
    await liftQuotas(cloud)
    const { db } = cloud.cloud.database
    const { zone_id } = await db.selectFrom('cluster').select('zone_id').executeTakeFirstOrThrow()
    for (const name of ['a', 'b']) {
      const added = await cloud.request('POST', '/v1/clusters', { body: { name, zone_id } })
      assert.equal(added.status, 201, JSON.stringify(added.body))
      const id = String(added.body.id)
      clusters.push(id)
      for (const n of [1, 2, 3]) {
        const host = await addHost(cloud, `${name}${n}`, { cpus: 64, memory_mib: 6 * 1024 + 2048 }, { pool_id })
        hosts.push(host.id)
        await db.updateTable('host').set({ cluster_id: id }).where('id', '=', host.id).execute()
      }
      await cloud.request('PATCH', `/v1/clusters/${id}`, { body: { ha_failures_tolerated: 1 } })
    }
    const flavor = { name: 'gib', vcpus: 1, memory_mib: 1024, disk_gib: 1 }
    body = {
      flavor_id: (await cloud.request('POST', '/v1/flavors', { body: flavor })).body.id,
      image_id: await addImage(cloud),
      networks: [{ network_id: await addNetwork(cloud) }],
    }
  })
  after(() => cloud.close())

  /** Each with a tag of its own, so that no two share a transaction. */
  const create = (more: Record<string, unknown>) =>
    cloud.request('POST', '/v1/instances', {
      body: { ...body, name: `vm-${++made}`, tags: { n: String(made) }, ...more },
    })
  const reserve = (cluster: string) => cloud.call(clusterRoutes.reserve, { params: { cluster } })

  test('who places in one cluster does not wait for who holds another’s reserve', async () => {
    const { db } = cloud.cloud.database
    let done: Answered | undefined
    await db.transaction().execute(async tx => {
      await tx
        .selectFrom('cluster')
        .select('id')
        .where('id', '=', clusters[1] ?? '')
        .forNoKeyUpdate()
        .execute()
      // Who waits for a lock is answered 503 by itself.
      done = await create({ host_id: hosts[0], availability: 'high' })
    })
    assert.equal(done?.status, 202, JSON.stringify(done?.body))
  })

  test('of many at once those find room that fit beside what is kept, in each cluster', async () => {
    const answered = await Promise.all(Array.from({ length: 40 }, () => create({ availability: 'high' })))
    const refused = answered.filter(one => one.status !== 202)
    for (const { status, body: said } of refused) {
      assert.deepEqual([status, said.code], [409, 'no_capacity'])
      assert.match(String(said.detail), /keeps for instances of hosts that may be lost/)
    }
    const rooms = await Promise.all(clusters.map(reserve))
    for (const { room_memory_mib, lacking_memory_mib } of rooms)
      assert.deepEqual({ room_memory_mib, lacking_memory_mib }, { room_memory_mib: 0, lacking_memory_mib: 0 })
    // Seven GiB a host, three hosts, one of them kept: fourteen in each cluster, one of them there before.
    assert.equal(answered.length - refused.length, 27)
  })
})
