/** Huge pages, CPUs of one's own and devices in what may be promised of a host, and in what is kept free for lost ones. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clusterRoutes } from '../../../src/api/cluster.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { Db } from '../../../src/controller/store/database.ts'
import { hostHardware } from '../../../src/controller/store/host-hardware.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const pool_id = '11111111-2222-4333-8444-555555555557'

/** A node of eight CPUs with 12 GiB of usual memory beside 12 GiB in huge pages, and two devices. */
const facts: Partial<HostFacts> = {
  pool_id,
  huge_pages: [{ size_kib: 2048, total: 6144 }],
  numa: [
    {
      node: 0,
      cpus: [0, 1, 2, 3, 4, 5, 6, 7],
      memory_mib: 24_576,
      huge_pages: [{ size_kib: 2048, total: 6144 }],
    },
  ],
  pci: [1, 2].map(n => ({
    address: `0000:0${n}:00.0`,
    vendor: '0x10de',
    device: '0x2235',
    class: '0x030200',
    iommu_group: String(n),
    numa_node: 0,
    used_by: null,
  })),
}

describe('controller/reserve-hardware', () => {
  let cloud: TestCloud
  let common: Record<string, unknown>
  let cluster = ''
  let made = 0
  const hosts: ObedientHost[] = []

  before(async () => {
    cloud = await testCloud()
    for (const name of ['p1', 'p2', 'p3']) {
      hosts.push(await addHost(cloud, name, { cpus: 8, memory_mib: 24_576, pool_gib: 10_000 }, facts))
    }
    await liftQuotas(cloud)
    common = { image_id: await addImage(cloud), networks: [{ network_id: await addNetwork(cloud) }] }
    cluster = String((await cloud.request('GET', '/v1/clusters')).body.items?.[0]?.id)
    await cloud.request('POST', '/v1/pci-aliases', { body: { name: 'gpu', vendor: '10DE', class: '0302' } })
    await set({ ha_failures_tolerated: 0 })
  })
  after(() => cloud.close())

  async function set(body: Record<string, unknown>) {
    const answer = await cloud.request('PATCH', `/v1/clusters/${cluster}`, { body })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
  }
  const reserve = () => cloud.call(clusterRoutes.reserve, { params: { cluster } })

  async function flavor(vcpus: number, memory_mib: number, properties: Record<string, string> = {}): Promise<string> {
    const body = { name: `r${++made}`, vcpus, memory_mib, disk_gib: 1, properties }
    const answer = await cloud.request('POST', '/v1/flavors', { body })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return String(answer.body.id)
  }
  const create = (flavor_id: string, more: Record<string, unknown> = {}) =>
    cloud.request('POST', '/v1/instances', {
      body: { ...common, name: `vm-${++made}`, flavor_id, ...more },
      headers: { prefer: 'wait=10' },
    })
  /** One after the other, until one is refused. Their ids, and why no more. */
  async function fill(flavor_id: string, more: Record<string, unknown> = {}) {
    const ids: string[] = []
    for (;;) {
      const answer = await create(flavor_id, more)
      if (answer.status !== 202) return { ids, why: String(answer.body.detail) }
      ids.push(...replyOf(instanceRoutes.create, answer).items.map(one => one.id))
    }
  }
  async function purge(ids: readonly string[]) {
    for (const id of ids) {
      const gone = Promise.withResolvers<void>()
      const unwatch = cloud.cloud.events.watch(rows => {
        if (rows.some(row => row.noun === 'instance' && row.kind === 'deleted' && row.resource_id === id))
          gone.resolve()
      })
      await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
      await gone.promise.finally(unwatch)
    }
  }

  test('memory that is set aside as huge pages is promised once, however far usual memory is promised', async () => {
    await set({ memory_overcommit: 2, cpu_overcommit: 16 })
    const { body } = await cloud.request('GET', '/v1/hosts')
    const usual_mib = 12_288 - 1024
    for (const host of body.items as Record<string, number>[]) {
      assert.deepEqual([host.memory_limit_mib, host.memory_claimed_mib], [2 * usual_mib + 12_288, 12_288])
    }
    const { ids, why } = await fill(await flavor(1, 4096))
    assert.equal(ids.length, 3 * Math.floor((2 * usual_mib) / 4096), why)
    assert.match(why, /too little memory/)
    // Huge ones have their room still.
    const huge = await create(await flavor(1, 4096, { 'memory.page_size': '2MiB' }))
    assert.equal(huge.status, 202, JSON.stringify(huge.body))
    await purge([...ids, ...replyOf(instanceRoutes.create, huge).items.map(one => one.id)])
    await set({ memory_overcommit: 1 })
  })

  test('what a cluster keeps concerns its own hosts: of others nothing is read for it', async t => {
    const [home] = (await cloud.request('GET', '/v1/clusters')).body.items ?? []
    const far = await cloud.request('POST', '/v1/clusters', { body: { name: 'far', zone_id: home?.zone_id } })
    const other = await addHost(
      cloud,
      'f1',
      { cpus: 8, memory_mib: 24_576 },
      { ...facts, pool_id: crypto.randomUUID() },
    )
    const { db } = cloud.cloud.database
    await db
      .updateTable('host')
      .set({ cluster_id: String(far.body.id) })
      .where('id', '=', other.id)
      .execute()
    await set({ ha_failures_tolerated: 1 })
    const seen = new Set<string>()
    for (const method of ['read', 'ofClusters', 'besides'] as const) {
      const real = hostHardware[method] as (db: Db, of: never) => ReturnType<typeof hostHardware.read>
      t.mock.method(hostHardware, method, async (inside: Db, of: never) => {
        const found = await real(inside, of)
        for (const id of found.keys()) seen.add(id)
        return found
      })
    }
    const [host] = (await cloud.request('GET', '/v1/hosts?name=p1')).body.items as { id: string }[]
    const gpu = await flavor(1, 512, { pci: 'gpu', 'cpu.policy': 'dedicated' })
    const made = await create(gpu, { host_id: host?.id, availability: 'high', start: false })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const ids = replyOf(instanceRoutes.create, made).items.map(one => one.id)
    assert.deepEqual([seen.size, seen.has(other.id)], [3, false])
    seen.clear()
    const started = await cloud.request('POST', `/v1/instances/${ids[0]}/start`, { body: {} })
    assert.equal(started.status, 202, JSON.stringify(started.body))
    assert.deepEqual([seen.size, seen.has(other.id)], [3, false])
    await purge(ids)
    await other.disconnect()
    await db.updateTable('host').set({ removed_at: new Date() }).where('id', '=', other.id).execute()
  })

  test('huge pages are kept free for highly available instances that have them, and take none of what is kept of usual memory', async () => {
    await set({ ha_failures_tolerated: 1, cpu_overcommit: 16 })
    const huge = await flavor(1, 4096, { 'memory.page_size': '2MiB' })
    const high = await fill(huge, { availability: 'high' })
    // Of three hosts with room for three each, one may be lost.
    assert.equal(high.ids.length, 6)
    assert.match(high.why, /its cluster keeps for instances of hosts that may be lost/)
    const full = await reserve()
    assert.deepEqual(full.hardware, [
      { name: 'MiB in huge pages of 2048 KiB', needed: 24_576, room: 0, lacking: 0 },
      { name: 'gpu devices', needed: 0, room: 4, lacking: 0 },
    ])
    assert.deepEqual([full.ha_memory_mib, full.without_place], [0, []])
    // Nothing that is highly available has usual memory: all of it may be promised.
    const usual = await fill(await flavor(1, 2048))
    assert.equal(usual.ids.length, 3 * Math.floor((12_288 - 1024) / 2048), usual.why)
    assert.match(usual.why, /too little memory/)
    await purge(usual.ids)
    const [first = '', ...rest] = high.ids
    await purge([first])
    // One that is not highly available takes of the same pages: the room of one, and no more.
    const plain = await fill(huge)
    assert.equal(plain.ids.length, 1)
    await purge(plain.ids)
    const off = replyOf(instanceRoutes.create, await create(huge, { availability: 'high', start: false })).items
    const again = await create(huge)
    assert.equal(again.status, 409, JSON.stringify(again.body))
    const started = await cloud.request('POST', `/v1/instances/${off[0]?.id}/start`, { body: {} })
    assert.equal(started.status, 202, JSON.stringify(started.body))
    await purge([...rest, ...off.map(one => one.id)])
  })

  test('where its huge pages would not be found elsewhere, nothing is made highly available', async () => {
    await set({ ha_failures_tolerated: 0 })
    const { ids } = await fill(await flavor(1, 4096, { 'memory.page_size': '2MiB' }))
    assert.equal(ids.length, 9)
    await set({ ha_failures_tolerated: 1 })
    const refused = await cloud.request('PATCH', `/v1/instances/${ids[0]}`, { body: { availability: 'high' } })
    assert.deepEqual([refused.status, refused.body.code], [409, 'no_capacity'], JSON.stringify(refused.body))
    assert.match(String(refused.body.detail), /this would take 4096 MiB in huge pages of 2048 KiB of it/)
    await purge(ids.slice(0, 8))
    const last = await cloud.request('PATCH', `/v1/instances/${ids[8]}`, { body: { availability: 'high' } })
    assert.equal(last.status, 200, JSON.stringify(last.body))
    await purge(ids.slice(8))
  })

  test('CPUs of one’s own need as much of the reserve as they take of what is promised', async () => {
    await set({ ha_failures_tolerated: 1, cpu_overcommit: 4 })
    const own = await flavor(3, 512, { 'cpu.policy': 'dedicated' })
    const one = await create(own, { availability: 'high' })
    assert.equal(one.status, 202, JSON.stringify(one.body))
    assert.equal((await reserve()).ha_vcpus, 12, 'three whole CPUs, each promised four times')
    const [made_one] = replyOf(instanceRoutes.create, one).items
    // Plain ones fill what is left.
    const plain = await fill(await flavor(1, 64))
    assert.match(plain.why, /its cluster keeps for instances of hosts that may be lost/)
    const { without_place, lacking_vcpus, room_vcpus } = await reserve()
    assert.deepEqual([room_vcpus, lacking_vcpus], [0, 0])
    const { body } = await cloud.request('GET', '/v1/hosts')
    const hosts = body.items as { id: string; vcpus_limit: number; vcpus_claimed: number }[]
    const free = hosts.filter(host => host.id !== made_one?.host_id).map(host => host.vcpus_limit - host.vcpus_claimed)
    assert.ok(free.reduce((sum, vcpus) => sum + vcpus, 0) >= 12, String(free))
    // Enough in sum, and perhaps on no host: then that is shown.
    assert.equal(without_place.length, free.some(vcpus => vcpus >= 12) ? 0 : 1, String(free))
    await purge([...plain.ids, ...replyOf(instanceRoutes.create, one).items.map(each => each.id)])
  })

  test('CPUs of one’s own are looked for as they are promised: where they fit, and else refused for good', async () => {
    await set({ ha_failures_tolerated: 0, cpu_overcommit: 4 })
    const [p1, p2] = (await cloud.request('GET', '/v1/hosts?sort=name')).body.items as { id: string }[]
    const plain = await create(await flavor(27, 64), { host_id: p1?.id })
    assert.equal(plain.status, 202, JSON.stringify(plain.body))
    // Two of eight CPUs take eight of the 32 that are promised; five are left, and what asks two vCPUs might look as if it fitted.
    const own = await flavor(2, 64, { 'cpu.policy': 'dedicated' })
    const here = await create(own, { host_id: p1?.id })
    assert.deepEqual([here.status, here.body.code], [409, 'no_capacity'], JSON.stringify(here.body))
    assert.match(String(here.body.detail), /needs 8 vCPUs \(2 on CPUs of its own, .*\), 5 of 32 are free/)
    // With two of its CPUs kept back a host promises 24, three for each: three times two of one's own just fit beside six.
    const kept = await cloud.request('PATCH', `/v1/hosts/${p2?.id}`, { body: { reserved_vcpus: 2 } })
    assert.equal(kept.status, 200, JSON.stringify(kept.body))
    const six = await create(await flavor(6, 64), { host_id: p2?.id })
    assert.equal(six.status, 202, JSON.stringify(six.body))
    const { ids, why } = await fill(own, { host_id: p2?.id })
    assert.equal(ids.length, 3, why)
    await cloud.request('PATCH', `/v1/hosts/${p2?.id}`, { body: { reserved_vcpus: null } })
    await purge([
      ...ids,
      ...[plain, six].flatMap(each => replyOf(instanceRoutes.create, each).items.map(one => one.id)),
    ])
  })

  test('what is recovered needs of the reserve what its host promises of it, and no more', async () => {
    await set({ ha_failures_tolerated: 0, cpu_overcommit: 4 })
    const hosts = (await cloud.request('GET', '/v1/hosts?sort=name')).body.items as { id: string }[]
    for (const { id } of hosts) await cloud.request('PATCH', `/v1/hosts/${id}`, { body: { reserved_vcpus: 4 } })
    const own = await flavor(4, 64, { 'cpu.policy': 'dedicated' })
    const back = await create(own, { host_id: hosts[0]?.id })
    // 16 vCPUs each. If the second is lost, 8 are needed, and 16 are free on the first: what takes 8 of these, half its CPUs, may be there again.
    const high = await create(await flavor(8, 64), { host_id: hosts[1]?.id, availability: 'high' })
    const full = await create(await flavor(16, 64), { host_id: hosts[2]?.id })
    await set({ ha_failures_tolerated: 1 })
    const ids = [back, high, full].flatMap(each => replyOf(instanceRoutes.create, each).items.map(one => one.id))
    const headers = { prefer: 'wait=10' }
    assert.equal((await cloud.request('DELETE', `/v1/instances/${ids[0]}`, { headers })).status, 202)
    const recovered = await cloud.request('POST', `/v1/instances/${ids[0]}/recover`, { body: {}, headers })
    assert.equal(recovered.status, 202, JSON.stringify(recovered.body))
    await set({ ha_failures_tolerated: 0 })
    for (const { id } of hosts) await cloud.request('PATCH', `/v1/hosts/${id}`, { body: { reserved_vcpus: null } })
    await purge(ids)
  })

  test('a disk that was kept for a deleted one is nobody’s room: with it back, no more is lacking', async () => {
    const nvme = { vendor: '0x144d', device: '0xa80a', class: '0x010802', numa_node: 0, used_by: null }
    const known = hosts.map(host => host.facts.pci)
    const alias = await cloud.request('POST', '/v1/pci-aliases', { body: { name: 'nvme', class: '0108' } })
    for (const [n, host] of hosts.entries()) {
      const disks = [1, 2]
        .slice(n < 2 ? 0 : 1)
        .map(one => ({ ...nvme, address: `0000:1${one}:00.0`, iommu_group: `d${one}` }))
      host.facts.pci = [...host.facts.pci, ...disks]
      await host.connect()
    }
    await set({ ha_failures_tolerated: 1, cpu_overcommit: 16 })
    const [p1, p2] = hosts.map(host => host.id)
    const disk = await flavor(1, 512, { pci: 'nvme' })
    const ids: string[] = []
    for (const more of [{ host_id: p2, availability: 'high', count: 2 }, { host_id: p1 }]) {
      const answer = await create(disk, more)
      ids.push(...replyOf(instanceRoutes.create, answer).items.map(one => one.id))
    }
    const [, , id = ''] = ids
    await cloud.request('DELETE', `/v1/instances/${id}`, { headers: { prefer: 'wait=10' } })
    const { db } = cloud.cloud.database
    await eventually(async () => {
      const row = await db.selectFrom('instance').select('compute_claimed').where('id', '=', id).executeTakeFirst()
      assert.equal(row?.compute_claimed, false)
    })
    const recovered = await cloud.request('POST', `/v1/instances/${id}/recover`, { body: {} })
    assert.equal(recovered.status, 202, JSON.stringify(recovered.body))
    await purge(ids)
    await cloud.request('DELETE', `/v1/pci-aliases/${String(alias.body.id)}`)
    for (const [n, host] of hosts.entries()) {
      host.facts.pci = known[n] ?? []
      await host.connect()
    }
  })

  test('devices are kept free, too; what no single host could take is named', async () => {
    await set({ ha_failures_tolerated: 1, cpu_overcommit: 16 })
    const high = await fill(await flavor(1, 512, { pci: 'gpu' }), { availability: 'high' })
    assert.equal(high.ids.length, 4)
    const gpus = async () => (await reserve()).hardware.find(one => one.name === 'gpu devices')
    assert.deepEqual(await gpus(), { name: 'gpu devices', needed: 4, room: 0, lacking: 0 })
    await set({ ha_failures_tolerated: 2 })
    assert.deepEqual(await gpus(), { name: 'gpu devices', needed: 4, room: 0, lacking: 2 })
    await set({ ha_failures_tolerated: 0 })
    await purge(high.ids)
    const gpu = await flavor(1, 512, { pci: 'gpu' })
    const pair = await create(await flavor(1, 512, { pci: 'gpu:2' }), { availability: 'high' })
    const [both] = replyOf(instanceRoutes.create, pair).items
    const hosts = (await cloud.request('GET', '/v1/hosts')).body.items as { id: string }[]
    for (const { id } of hosts.filter(host => host.id !== both?.host_id)) {
      const one = await create(gpu, { host_id: id })
      assert.equal(one.status, 202, JSON.stringify(one.body))
    }
    // One device is free on each of the others: enough in sum, and in no piece.
    await set({ ha_failures_tolerated: 1 })
    const { without_place, hardware } = await reserve()
    assert.deepEqual(hardware.find(one => one.name === 'gpu devices')?.lacking, 0)
    assert.deepEqual(
      without_place.map(one => one.id),
      [both?.id],
    )
  })
})
