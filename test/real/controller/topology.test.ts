/** Zones, clusters and settings. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
let reader: string
describe('controller/topology', () => {
  before(async () => {
    cloud = await testCloud()
    const { body } = await cloud.request('POST', '/v1/users', { body: { name: 'reader' } })
    await cloud.request('POST', '/v1/role-grants', {
      body: { user_id: body.id, role: 'member', scope: 'project', project_id: cloud.project_id },
    })
    reader = await cloud.tokenOf(String(body.id), cloud.project_id)
  })
  after(() => cloud.close())

  test('zones and clusters: made, renamed, deleted from the inside out', async () => {
    const zone = await cloud.request('POST', '/v1/zones', { body: { name: 'north' } })
    assert.equal(zone.status, 201)
    const zone_id = String(zone.body.id)
    assert.equal((await cloud.request('POST', '/v1/zones', { body: { name: 'north' } })).body.code, 'name_taken')
    const made = await cloud.request('POST', '/v1/clusters', { body: { name: 'big', zone_id, cpu_overcommit: 2.5 } })
    assert.equal(made.status, 201)
    assert.deepEqual([made.body.cpu_overcommit, made.body.memory_overcommit], [2.5, 1])
    const held = await cloud.request('DELETE', `/v1/zones/${zone_id}`)
    assert.equal(held.body.code, 'in_use')
    const cluster = `/v1/clusters/${String(made.body.id)}`
    assert.equal((await cloud.request('PATCH', cluster, { body: { name: 'bigger' } })).body.name, 'bigger')
    assert.equal((await cloud.request('DELETE', cluster)).status, 204)
    assert.equal((await cloud.request('DELETE', `/v1/zones/${zone_id}`)).status, 204)
    assert.equal((await cloud.request('GET', `/v1/zones/${zone_id}`)).status, 404)
  })

  test('a cluster in a zone that is not there, and absurd overcommit, are refused', async () => {
    const nowhere = { name: 'x', zone_id: crypto.randomUUID() }
    assert.equal((await cloud.request('POST', '/v1/clusters', { body: nowhere })).body.code, 'not_found')
    const zones = await cloud.request('GET', '/v1/zones')
    const zone_id = zones.body.items?.[0]?.id
    for (const more of [{ cpu_overcommit: 0 }, { memory_overcommit: 100 }, { cpu_overcommit: '4' }]) {
      const { body } = await cloud.request('POST', '/v1/clusters', { body: { name: 'x', zone_id, ...more } })
      assert.equal(body.code, 'invalid')
    }
  })

  test('new overcommit counts for the hosts that are there', async () => {
    const { db } = cloud.cloud.database
    const { body } = await cloud.request('GET', '/v1/clusters?name=default')
    const cluster_id = String(body.items?.[0]?.id)
    const id = crypto.randomUUID()
    await db
      .insertInto('host')
      .values({
        id,
        cluster_id,
        name: 'h1',
        machine_id: 'm1',
        certificate_sha256: Buffer.alloc(32),
        facts: JSON.stringify({ cpus: 8, memory_mib: 9216 }),
      })
      .execute()
    const change = { cpu_overcommit: 3, memory_overcommit: 1.5 }
    assert.equal((await cloud.request('PATCH', `/v1/clusters/${cluster_id}`, { body: change })).status, 200)
    const host = await db.selectFrom('host').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    assert.equal(host.vcpus_limit, 24)
    assert.equal(host.memory_limit_mib, 12_288)
    assert.equal((await cloud.request('DELETE', `/v1/clusters/${cluster_id}`)).body.code, 'in_use')
  })

  test('a member sees zones, and neither clusters nor settings; and changes none of them', async () => {
    assert.equal((await cloud.request('GET', '/v1/zones', { token: reader })).status, 200)
    assert.equal((await cloud.request('GET', '/v1/clusters', { token: reader })).status, 403)
    assert.equal((await cloud.request('POST', '/v1/zones', { token: reader, body: { name: 'x' } })).status, 403)
    assert.equal((await cloud.request('GET', '/v1/settings', { token: reader })).status, 403)
    const put = { token: reader, body: { value: 1 } }
    assert.equal((await cloud.request('PUT', '/v1/settings/sign_in.attempts_max', put)).status, 403)
  })

  test('a setting: its default, a value that every controller follows, and back', async () => {
    const path = '/v1/settings/sign_in.attempts_max'
    const before = await cloud.request('GET', path)
    assert.deepEqual([before.body.value, before.body.default, before.body.updated_at], [5, 5, null])
    const told = new EventEmitter()
    const stop = cloud.cloud.database.listen('croft_setting', payload => payload !== null && told.emit('changed'))
    const heard = once(told, 'changed', { signal: AbortSignal.timeout(5000) })
    const put = await cloud.request('PUT', path, { body: { value: 7 } })
    assert.equal(put.status, 200)
    assert.equal(put.body.updated_by, cloud.admin_user_id)
    await heard
    await cloud.cloud.settings.read(cloud.cloud.database.db)
    assert.equal(cloud.cloud.settings.get('sign_in.attempts_max'), 7)
    stop()
    for (const value of [0, 'many', null, 1.5]) {
      assert.equal((await cloud.request('PUT', path, { body: { value } })).body.code, 'invalid', String(value))
    }
    assert.equal((await cloud.request('GET', path)).body.value, 7)
    assert.equal((await cloud.request('DELETE', path)).status, 204)
    assert.equal((await cloud.request('GET', path)).body.value, 5)
    assert.equal((await cloud.request('GET', '/v1/settings/no.such')).status, 404)
    assert.equal((await cloud.request('GET', '/v1/settings/constructor')).status, 404)
    assert.ok((await cloud.request('GET', '/v1/settings')).body.items?.some(item => item.name === 'event.keep_days'))
  })
})
