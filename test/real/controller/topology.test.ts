/** Zones, clusters and settings. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import type { Cluster } from '../../../src/api/cluster.ts'
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
    const changed = await cloud.request('PATCH', `/v1/clusters/${cluster_id}`, { body: change })
    assert.deepEqual([changed.status, changed.body.vcpus_limit, changed.body.memory_limit_mib], [200, 24, 12_288])
    const host = await db.selectFrom('host').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    assert.equal(host.vcpus_limit, 24)
    assert.equal(host.memory_limit_mib, 12_288)
    assert.equal((await cloud.request('DELETE', `/v1/clusters/${cluster_id}`)).body.code, 'in_use')
  })

  test('a cluster says what its hosts have together, a pool that they share counted once', async () => {
    const { db } = cloud.cloud.database
    const { body: zone } = await cloud.request('POST', '/v1/zones', { body: { name: 'west' } })
    const { body } = await cloud.request('POST', '/v1/clusters', { body: { name: 'full', zone_id: zone.id } })
    assert.deepEqual([body.zone, body.hosts, body.vcpus_limit, body.disk_limit_gib], ['west', 0, 0, 0])
    const pool_id = crypto.randomUUID()
    await db.insertInto('pool').values({ id: pool_id, total_gib: 500, free_gib: 500, claimed_gib: 40 }).execute()
    for (const [name, shares] of [
      ['f1', true],
      ['f2', true],
      ['f3', false],
    ] as const) {
      const id = crypto.randomUUID()
      const limits = { vcpus_limit: 8, memory_limit_mib: 4096, disk_limit_gib: 100 }
      const known = { machine_id: name, certificate_sha256: Buffer.from(name.padEnd(32)) }
      const host = { id, name, cluster_id: String(body.id), pool_id: shares ? pool_id : null, ...known, ...limits }
      await db.insertInto('host').values(host).execute()
      const claimed = { vcpus: 2, memory_mib: 1024, disk_gib: shares ? 0 : 10 }
      await db.updateTable('host_claim').set(claimed).where('host_id', '=', id).execute()
    }
    const { items } = (await cloud.request('GET', '/v1/clusters?name=full')).body
    const { hosts, hosts_up, vcpus_limit, vcpus_claimed, ...rest } = items?.[0] as Cluster
    assert.deepEqual(
      { hosts, hosts_up, vcpus_limit, vcpus_claimed },
      { hosts: 3, hosts_up: 0, vcpus_limit: 24, vcpus_claimed: 6 },
    )
    assert.deepEqual([rest.memory_limit_mib, rest.memory_claimed_mib], [12_288, 3072])
    assert.deepEqual([rest.disk_limit_gib, rest.disk_claimed_gib], [600, 50])
  })

  test('what is kept back on one host counts at once, and the setting again without it', async () => {
    const { items } = (await cloud.request('GET', '/v1/hosts?name=h1')).body
    const path = `/v1/hosts/${String(items?.[0]?.id)}`
    const limits = async (body: object) => {
      const { body: host } = await cloud.request('PATCH', path, { body })
      return [host.vcpus_limit, host.memory_limit_mib]
    }
    // 8 CPUs three times over, 9216 MiB one and a half times.
    assert.deepEqual(await limits({ reserved_memory_mib: 5120, reserved_vcpus: 2 }), [18, 6144])
    for (const [body, why] of [
      [{ reserved_memory_mib: 9217 }, /has 9216 MiB of memory, so 9217 MiB cannot be kept back/],
      [{ reserved_vcpus: 9 }, /has 8 CPU threads, so 9 cannot be kept back/],
    ] as const) {
      const { body: refused } = await cloud.request('PATCH', path, { body })
      assert.equal(refused.code, 'invalid')
      assert.match(String(refused.detail), why)
    }
    assert.deepEqual(await limits({ reserved_memory_mib: 9216, reserved_vcpus: 8 }), [0, 0])
    assert.equal((await cloud.request('GET', path)).body.fullness_percent, 100, 'it has nothing to give')
    const { cluster_id } = (await cloud.request('PATCH', path, { body: { reserved_vcpus: null } })).body
    const change = { memory_overcommit: 1 }
    await cloud.request('PATCH', `/v1/clusters/${String(cluster_id)}`, { body: change })
    assert.deepEqual(await limits({ reserved_memory_mib: null }), [24, 8192])
    for (const body of [{ reserved_memory_mib: -1 }, { reserved_vcpus: 'all' }])
      assert.equal((await cloud.request('PATCH', path, { body })).body.code, 'invalid')
  })

  test('regions hold zones; a zone moves from one to another', async () => {
    const region = await cloud.request('POST', '/v1/regions', { body: { name: 'south' } })
    assert.equal(region.status, 201)
    assert.equal((await cloud.request('POST', '/v1/regions', { body: { name: 'south' } })).body.code, 'name_taken')
    const region_id = String(region.body.id)
    const zone = await cloud.request('POST', '/v1/zones', { body: { name: 'south-1' } })
    const first = (await cloud.request('GET', '/v1/regions')).body.items?.[0]
    assert.equal(zone.body.region_id, first?.id)
    const path = `/v1/zones/${String(zone.body.id)}`
    assert.equal((await cloud.request('PATCH', path, { body: { region_id } })).body.region_id, region_id)
    assert.equal((await cloud.request('GET', `/v1/zones?region_id=${region_id}`)).body.items?.length, 1)
    assert.equal((await cloud.request('DELETE', `/v1/regions/${region_id}`)).body.code, 'in_use')
    const nowhere = { region_id: crypto.randomUUID() }
    assert.equal((await cloud.request('PATCH', path, { body: nowhere })).body.code, 'not_found')
    assert.equal((await cloud.request('DELETE', path)).status, 204)
    assert.equal((await cloud.request('DELETE', `/v1/regions/${region_id}`)).status, 204)
    assert.equal((await cloud.request('GET', '/v1/regions', { token: reader })).status, 200)
  })

  test('hosts are found by a label, whatever its value, or by one with its value', async () => {
    const { items = [] } = (await cloud.request('GET', '/v1/hosts?name=h1')).body
    const path = `/v1/hosts/${String(items[0]?.id)}`
    const labels = { rack: 'r1', 'a=b': 'c=d', empty: '' }
    assert.equal((await cloud.request('PATCH', path, { body: { labels } })).status, 200)
    const found = async (label: string) =>
      (await cloud.request('GET', `/v1/hosts?label=${encodeURIComponent(label)}`)).body.items?.map(one => one.name)
    for (const label of ['rack', 'rack=r1', 'a=b', 'a=b=c=d', 'empty', 'empty='])
      assert.deepEqual(await found(label), ['h1'], label)
    for (const label of ['rack=', 'rack=r', 'r1', 'empty=r1', "rack' or 'a'='a"])
      assert.deepEqual(await found(label), [], label)
    const several = async (query: string) => (await cloud.request('GET', `/v1/hosts?${query}`)).body.items?.length
    assert.deepEqual([await several('label=rack%3Dr1&label=empty'), await several('label=rack%3Dr1&label=ssd')], [1, 0])
    assert.equal((await cloud.request('GET', '/v1/hosts?label=')).status, 422)
    assert.equal((await cloud.request('PATCH', path, { body: { labels: {} } })).status, 200)
  })

  test('aggregates: hosts in and out, metadata, projects, and an older version changes nothing', async () => {
    const { items } = (await cloud.request('GET', '/v1/hosts?name=h1')).body
    const host_id = String(items?.[0]?.id)
    const metadata = { disk: 'nvme' }
    const made = await cloud.request('POST', '/v1/aggregates', { body: { name: 'fast', metadata } })
    assert.equal(made.status, 201)
    assert.deepEqual([made.body.metadata, made.body.hosts, made.body.project_ids], [metadata, 0, []])
    assert.equal((await cloud.request('POST', '/v1/aggregates', { body: { name: 'fast' } })).body.code, 'name_taken')
    const path = `/v1/aggregates/${String(made.body.id)}`
    const put = (verb: string, host_ids: string[]) => cloud.request('POST', `${path}/${verb}`, { body: { host_ids } })
    assert.equal((await put('add-hosts', [host_id])).body.hosts, 1)
    assert.equal((await put('add-hosts', [host_id])).body.hosts, 1)
    assert.equal((await put('add-hosts', [host_id, crypto.randomUUID()])).body.code, 'not_found')
    const shown = (await cloud.request('GET', `/v1/hosts?aggregate_id=${String(made.body.id)}`)).body.items
    assert.deepEqual(shown?.[0]?.aggregates, [{ id: made.body.id, name: 'fast' }])
    const body = { project_ids: [cloud.project_id], metadata: {} }
    const changed = await cloud.request('PATCH', path, { body, headers: { 'if-match': '"1"' } })
    assert.deepEqual([changed.body.project_ids, changed.body.metadata], [[cloud.project_id], {}])
    const late = await cloud.request('PATCH', path, { body, headers: { 'if-match': '"1"' } })
    assert.equal(late.status, 412)
    const strange = { project_ids: [crypto.randomUUID()] }
    assert.equal((await cloud.request('PATCH', path, { body: strange })).body.code, 'not_found')
    await onlyWhatIsKnown(path)
    assert.equal((await put('remove-hosts', [host_id])).body.hosts, 0)
    await put('add-hosts', [host_id])
    assert.equal((await cloud.request('DELETE', path)).status, 204)
    assert.deepEqual((await cloud.request('GET', `/v1/hosts/${host_id}`)).body.aggregates, [])
  })

  /** Of the keys by which placement goes; those of a row from before count on, and may be sent again. */
  async function onlyWhatIsKnown(path: string): Promise<void> {
    const refusals = [
      [{ projects: 'web' }, /no key 'projects'.*--project/],
      [{ exclusive: 'yes' }, /'true' or 'false', and not 'yes'/],
    ] as const
    for (const [metadata, why] of refusals) {
      const create = { path: '/v1/aggregates', method: 'POST', body: { name: 'kept', metadata } }
      for (const asked of [create, { path, method: 'PATCH', body: { metadata } }]) {
        const { body } = await cloud.request(asked.method, asked.path, { body: asked.body })
        assert.equal(body.code, 'invalid', JSON.stringify(asked))
        assert.match(String(body.detail), why)
      }
    }
    const before = { projects: cloud.project_id, exclusive: 'no' }
    const { db } = cloud.cloud.database
    const row = db.updateTable('aggregate').set({ metadata: JSON.stringify(before) })
    await row.where('id', '=', path.split('/').at(-1) ?? '').execute()
    const metadata = { ...before, disk: 'nvme' }
    assert.deepEqual((await cloud.request('PATCH', path, { body: { metadata } })).body.metadata, metadata)
    const other = { metadata: { ...metadata, projects: 'web' } }
    assert.equal((await cloud.request('PATCH', path, { body: other })).body.code, 'invalid')
    const known = { metadata: { exclusive: 'false' } }
    assert.deepEqual((await cloud.request('PATCH', path, { body: known })).body.metadata, known.metadata)
  }

  test('a host is renamed, to a name that no other has', async () => {
    const { items } = (await cloud.request('GET', '/v1/hosts?name=h1')).body
    const path = `/v1/hosts/${String(items?.[0]?.id)}`
    assert.equal((await cloud.request('PATCH', path, { body: { name: 'h1-renamed' } })).body.name, 'h1-renamed')
    assert.equal((await cloud.request('PATCH', path, { body: { name: 'h1' } })).body.name, 'h1')
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
    const heard = once(told, 'changed', { signal: AbortSignal.timeout(30_000) })
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
