/** A cluster is what instances move within: who is placed anew stays in its own while that has room, though another has more. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { poolOf } from '../../../sim/facts.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { channels } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const pool_id = '11111111-2222-4333-8444-555555555559'

describe('controller/own-cluster', () => {
  let cloud: TestCloud
  let near: readonly [ObedientHost, ObedientHost]
  let far: ObedientHost
  let body: Record<string, unknown>

  before(async () => {
    cloud = await testCloud()
    const facts = (n: number) => ({ ...poolOf(pool_id), tunnel_address: `192.0.2.${n}` })
    const small = { cpus: 4, memory_mib: 4096 }
    near = [await addHost(cloud, 'near-1', small, facts(1)), await addHost(cloud, 'near-2', small, facts(2))]
    far = await addHost(cloud, 'far', { cpus: 64, memory_mib: 640_000 }, facts(3))
    const [zone] = (await cloud.request('GET', '/v1/zones')).body.items ?? []
    const other = await cloud.request('POST', '/v1/clusters', { body: { name: 'other', zone_id: zone?.id } })
    await cloud.cloud.database.db
      .updateTable('host')
      .set({ cluster_id: String(other.body.id) })
      .where('id', '=', far.id)
      .execute()
    await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value: 0 } })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks, availability: 'high' }
  })
  after(() => cloud.close())

  async function create(more: Record<string, unknown>): Promise<Instance> {
    const asked = { body: { ...body, ...more }, headers: { prefer: 'wait=10' } }
    const [one] = replyOf(instanceRoutes.create, await cloud.request('POST', '/v1/instances', asked)).items
    assert.ok(one)
    return one
  }
  const goesTo = (id: string, host: string) =>
    untilEvent(cloud, async () => {
      const one = await cloud.call(instanceRoutes.get, { params: { instance: id } })
      assert.notEqual(one.host, 'far')
      return one.host === host && one.state === 'running' && one.migration === null
    })

  test('a new one goes where there is most room, whichever cluster that is in', async () => {
    for (const { id } of near) await create({ name: 'load', host_id: id })
    assert.equal((await create({ name: 'new' })).host, 'far')
  })

  test('moved to no host by name, and from a host that is emptied', async () => {
    const { id } = await create({ name: 'moved', host_id: near[0].id })
    const moved = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: {} })
    assert.equal(moved.status, 202, JSON.stringify(moved.body))
    await goesTo(id, 'near-2')
    const drained = await create({ name: 'drained', host_id: near[0].id })
    await cloud.request('POST', `/v1/hosts/${near[0].id}/maintenance`, { body: {} })
    await goesTo(drained.id, 'near-2')
    await cloud.request('DELETE', `/v1/hosts/${near[0].id}/maintenance`)
  })

  test('restarted when its host is lost; and in another cluster when its own has no host left', async () => {
    const { id } = await create({ name: 'vital', host_id: near[0].id })
    const lose = async (host: ObedientHost) => {
      await host.disconnect()
      await sql`update host_absence set fenced_at = croft_now(), fenced_by = 'person', asked_at = croft_now()
        where host_id = ${host.id}::uuid`.execute(cloud.cloud.database.db)
      await cloud.cloud.database.transaction(tx => event.notify(tx, channels.absence, ''))
    }
    await lose(near[0])
    await goesTo(id, 'near-2')
    await lose(near[1])
    await untilEvent(cloud, async () => {
      const one = await cloud.call(instanceRoutes.get, { params: { instance: id } })
      return one.host === 'far' && one.state === 'running'
    })
  })
})
