/** A host that will never be back: it can be taken out, and leaves nothing behind that anybody would have to mend by hand. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hostRoutes } from '../../../src/api/host.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { hostReach } from '../../../src/controller/store/host-reach.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/lost-host', () => {
  let cloud: TestCloud
  let host: ObedientHost

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'doomed')
  })
  after(() => cloud.close())

  test('it goes with its instances once it is unreachable and said to be lost; quota, claims and operations are as after a purge', async () => {
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = {
      name: 'gone',
      count: 3,
      flavor_id: flavors.body.items?.[0]?.id,
      image_id: await addImage(cloud),
      networks,
    }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    const [one, two] = replyOf(instanceRoutes.create, made).items
    await cloud.request('DELETE', `/v1/instances/${one?.id}`, { headers: { prefer: 'wait=20' } })
    const path = `/v1/hosts/${host.id}`
    assert.equal((await cloud.request('DELETE', path)).body.code, 'in_use')
    assert.equal((await cloud.request('DELETE', `${path}?lost=true`)).body.code, 'wrong_state')
    await host.disconnect()
    const absent = async () => (await cloud.call(hostRoutes.get, { params: { host: host.id } })).absence
    assert.equal((await absent())?.lease_over_at, null, 'its agent keeps no leases')
    await cloud.cloud.database.db.updateTable('host').set({ keeps_leases: true }).where('id', '=', host.id).execute()
    const lost = await absent()
    assert.ok(Date.parse(lost?.lease_over_at ?? '') > Date.parse(lost?.since ?? ''), JSON.stringify(lost))
    const stopping = await cloud.request('POST', `/v1/instances/${two?.id}/stop`, { body: {} })
    const { id: operation_id } = stopping.body.operation as { id: string }
    const removed = await cloud.request('DELETE', `${path}?lost=true&gives_up=3`)
    assert.equal(removed.status, 204, JSON.stringify(removed.body))
    assert.equal((await cloud.request('GET', '/v1/instances')).body.items?.length, 0)
    assert.equal((await cloud.request('GET', path)).status, 404)
    const operation = await cloud.request('GET', `/v1/operations/${operation_id}`)
    assert.equal(operation.body.state, 'cancelled')
    assert.match(String(operation.body.reason), /removed as lost by admin/)
    const { db } = cloud.cloud.database
    const used = await db.selectFrom('quota').select(['resource', 'used']).where('used', '>', 0).execute()
    assert.deepEqual(
      used.filter(row => /instances|vcpus|memory|storage/.test(row.resource)),
      [],
    )
    const left = await db.selectFrom('host_claim').selectAll().where('host_id', '=', host.id).executeTakeFirstOrThrow()
    assert.deepEqual([left.vcpus, left.memory_mib, left.disk_gib], [0, 0, 0])
    assert.deepEqual(await db.selectFrom('port').select('id').where('kind', '=', 'instance').execute(), [])
  })

  test('one that answers is not lost, though it is empty; whom it alone was known to reach is asked about anew when it goes', async () => {
    const [witness, other] = [await addHost(cloud, 'witness'), await addHost(cloud, 'other')]
    const { db } = cloud.cloud.database
    const address = 'somewhere'
    await db.deleteFrom('host_reach').where('host_id', '=', other.id).execute()
    await hostReach.note(
      db,
      { host_id: other.id, cluster_id: '', zone_id: '', address },
      { asked: 1, by: [witness.id] },
    )
    const path = `/v1/hosts/${witness.id}`
    const refused = await cloud.request('DELETE', `${path}?lost=true`)
    assert.deepEqual([refused.status, refused.body.code], [409, 'wrong_state'])
    assert.match(String(refused.body.detail), /answers, so it is not lost.*croft host remove witness\.$/)
    assert.equal((await cloud.request('DELETE', path)).status, 204)
    const known = await db
      .selectFrom('host_reach')
      .select(['asked', 'reached_by'])
      .where('host_id', '=', other.id)
      .executeTakeFirst()
    assert.ok(!known?.reached_by.includes(witness.id))
  })
})
