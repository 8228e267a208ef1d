/** A host goes to another cluster: empty and in maintenance, and then with all that being in that cluster means. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hostRoutes } from '../../../src/api/host.ts'
import { compareCpus } from '../../../src/controller/reconcilers/cpu-baseline.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const host_cpu: HostFacts['host_cpu'] = { model: 'Nehalem', require: [], disable: [] }

describe('controller/host-cluster', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let body: Record<string, unknown>
  const clusters: Record<string, string> = {}

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 8, memory_mib: 9216 }, { host_cpu })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    const [zone] = (await cloud.request('GET', '/v1/zones')).body.items ?? []
    const { body: west } = await cloud.request('POST', '/v1/zones', { body: { name: 'west' } })
    for (const [name, zone_id] of [
      ['big', zone?.id],
      ['far', west.id],
    ] as const) {
      const made = await cloud.request('POST', '/v1/clusters', {
        body: { name, zone_id, cpu_overcommit: 2, memory_overcommit: 1.5 },
      })
      assert.equal(made.status, 201, JSON.stringify(made.body))
      clusters[name] = String(made.body.id)
    }
    const [first] = (await cloud.request('GET', '/v1/clusters?name=default')).body.items ?? []
    clusters.default = String(first?.id)
  })
  after(() => cloud.close())

  const shown = () => cloud.call(hostRoutes.get, { params: { host: host.id } })
  const put = (change: object) => cloud.request('PATCH', `/v1/hosts/${host.id}`, { body: change })
  const maintain = async (method: 'POST' | 'DELETE') => {
    const answered = await cloud.request(method, `/v1/hosts/${host.id}/maintenance`, {
      ...(method === 'POST' && { body: {} }),
    })
    assert.ok(answered.status < 300, JSON.stringify(answered.body))
  }

  async function refused(change: object, code: string, words: RegExp): Promise<void> {
    const seen = async () => {
      const { name, cluster, vcpus_limit, memory_limit_mib, labels } = await shown()
      return { name, cluster, vcpus_limit, memory_limit_mib, labels }
    }
    const before_ = await seen()
    const answered = await put(change)
    assert.equal(answered.body.code, code, JSON.stringify(answered.body))
    assert.match(String(answered.body.detail), words)
    assert.deepEqual(await seen(), before_, 'nothing has changed, nor what was asked with it')
  }

  test('refused, with what to do, while it takes instances, holds some, or the cluster is not there', async () => {
    await refused({ cluster_id: crypto.randomUUID(), name: 'other' }, 'not_found', /no cluster/)
    await refused({ cluster_id: clusters.big, name: 'other' }, 'wrong_state', /croft host maintenance start h1/)
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name: 'guest' },
      headers: { prefer: 'wait=10' },
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const id = String(made.body.items?.[0]?.id)
    await maintain('POST')
    await refused({ cluster_id: clusters.big }, 'in_use', /still holds 1 instance /)
    await cloud.request('DELETE', `/v1/instances/${id}`, { headers: { prefer: 'wait=10' } })
    await refused({ cluster_id: clusters.big }, 'in_use', /deleted ones count until they are purged/)
    await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
    await untilEvent(cloud, async () => (await shown()).instances === 0)
    await eventually(async () => assert.equal((await cloud.request('GET', `/v1/instances/${id}`)).status, 404))
    // What only the host knows belongs where it is.
    await cloud.cloud.database.db
      .insertInto('held_instance')
      .values({
        ...{ host_id: host.id, instance_id: crypto.randomUUID(), kind: 'orphaned', generation: 1, details_version: 1 },
        power: 'running',
      })
      .execute()
    await refused(
      { cluster_id: clusters.big },
      'in_use',
      /1 things that the database does not know.*croft host reconcile h1/,
    )
    await cloud.cloud.database.db.deleteFrom('held_instance').execute()
  })

  test('then it is in the other one: limits, settings, CPU and events are those of that; the same again changes nothing', async () => {
    const set = { body: { value: 2048, cluster_id: clusters.big } }
    const answered = await cloud.request('PUT', '/v1/settings/host.reserved_memory_mib', set)
    assert.equal(answered.status, 200, JSON.stringify(answered.body))
    await cloud.cloud.settings.read(cloud.cloud.database.db)
    const { db } = cloud.cloud.database
    // It carried the CPU of the cluster of before, by a baseline of the same number.
    const baseline = {
      cpu_baseline: JSON.stringify({ model: 'Westmere', require: [], disable: [] }),
      cpu_baseline_version: 1,
    }
    await db.updateTable('cluster').set(baseline).execute()
    await db
      .updateTable('host')
      .set({ cpu_verdict: JSON.stringify({ baseline: 1, fits: true, missing: [] }) })
      .where('id', '=', host.id)
      .execute()
    const moved = await put({ cluster_id: clusters.big, labels: { rack: '7' } })
    const { cluster, zone, vcpus_limit, memory_limit_mib, labels } = replyOf(hostRoutes.update, moved)
    assert.deepEqual([cluster, zone, labels], ['big', (await shown()).zone, { rack: '7' }])
    assert.deepEqual([vcpus_limit, memory_limit_mib], [16, Math.floor((9216 - 2048) * 1.5)])
    const told = await db.selectFrom('event').select('detail').where('resource_id', '=', host.id).execute()
    const moves = told.flatMap(({ detail }) => (detail as { cluster?: object }).cluster ?? [])
    assert.deepEqual(moves, [{ from: 'default', to: 'big' }])
    // It is asked anew whether it carries the CPU here, and does not.
    host.onCall = ({ method }) => ({ result: method === 'cpu_compare' ? { fits: false, missing: ['aes'] } : null })
    await compareCpus(cloud.cloud)
    await eventually(async () => assert.deepEqual((await shown()).cpu_missing, ['aes']))
    await maintain('DELETE')
    const placed = await cloud.request('POST', '/v1/instances', { body: { ...body, name: 'late' } })
    assert.match(JSON.stringify(placed.body), /lacks aes/)
    // Where it is already: no rule stands against that.
    assert.equal((await put({ cluster_id: clusters.big })).status, 200)
    assert.deepEqual((await shown()).cpu_missing, ['aes'])
    // The board of hosts, by which instances are placed, follows.
    const board = await cloud.cloud.hosts.view(db)
    assert.equal(board.find(one => one.id === host.id)?.cluster_id, clusters.big)
    // The cluster that it has left can go.
    assert.equal((await cloud.request('DELETE', `/v1/clusters/${clusters.default}`)).status, 204)
  })

  test('to another zone it takes no volumes with it, whose owners chose theirs', async () => {
    await maintain('POST')
    const { db } = cloud.cloud.database
    const volume = { id: crypto.randomUUID(), project_id: cloud.project_id, host_id: host.id, name: 'kept' }
    await db
      .insertInto('volume')
      .values({ ...volume, role: 'data', size_gib: 1 })
      .execute()
    await refused({ cluster_id: clusters.far }, 'in_use', /in another zone, and the host h1 holds 1 volumes/)
    await db.deleteFrom('volume').execute()
    const moved = await put({ cluster_id: clusters.far })
    assert.deepEqual([moved.body.cluster, moved.body.zone], ['far', 'west'])
    await maintain('DELETE')
  })

  test('what is being placed on it at that moment is there, or goes elsewhere: never in a cluster that the host has left', async () => {
    const other = await addHostIn(clusters.far ?? '')
    const { body: near } = await cloud.request('POST', '/v1/clusters', {
      body: { name: 'near', zone_id: await zoneOf(other) },
    })
    const started = cloud.request('POST', `/v1/hosts/${other}/maintenance`, { body: {} })
    const made = Array.from({ length: 8 }, (_, n) =>
      cloud.request('POST', '/v1/instances', { body: { ...body, name: `n${n}` } }),
    )
    await started
    const move = await cloud.request('PATCH', `/v1/hosts/${other}`, { body: { cluster_id: near.id } })
    await Promise.all(made)
    const rows = await cloud.cloud.database.db
      .selectFrom('instance as i')
      .innerJoin('host as h', 'h.id', 'i.host_id')
      .select(['i.id'])
      .where('h.id', '=', other)
      .execute()
    assert.equal(move.status === 200, rows.length === 0, JSON.stringify(move.body))
  })

  async function addHostIn(cluster_id: string): Promise<string> {
    const one = await addHost(cloud, 'h9', { cpus: 8, memory_mib: 9216 })
    await cloud.cloud.database.db.updateTable('host').set({ cluster_id }).where('id', '=', one.id).execute()
    return one.id
  }

  async function zoneOf(id: string): Promise<string> {
    const { cluster_id } = (await cloud.request('GET', `/v1/hosts/${id}`)).body
    return String((await cloud.request('GET', `/v1/clusters/${String(cluster_id)}`)).body.zone_id)
  }
})
