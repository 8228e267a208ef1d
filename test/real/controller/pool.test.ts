/** Pools: hosts that name the same one share its room, which is claimed once, and its volumes. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { poolOf } from '../../../sim/facts.ts'
import type { Instance } from '../../../src/api/instance.ts'
import { poolRoutes } from '../../../src/api/pool.ts'
import { pool } from '../../../src/controller/store/pool.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

let cloud: TestCloud
let shared: [ObedientHost, ObedientHost]
let alone: ObedientHost
let image_id: string
let network_id: string
let flavor_id: string
const pool_id = randomUUID()
const other_id = randomUUID()
const big = { cpus: 640, memory_mib: 640_000 }

describe('controller/pool', () => {
  before(async () => {
    cloud = await testCloud()
    const share = { ...big, pool_id, pool_gib: 20 }
    shared = [await addHost(cloud, 's1', share), await addHost(cloud, 's2', share)]
    alone = await addHost(cloud, 'alone', { ...big, pool_id: other_id, pool_gib: 100 })
    image_id = await addImage(cloud)
    network_id = await addNetwork(cloud)
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    flavor_id = String(flavors.body.items?.[0]?.id)
  })
  after(() => cloud.close())

  const create = (body: Record<string, unknown>) =>
    cloud.request('POST', '/v1/instances', {
      body: { name: 'vm', flavor_id, image_id, networks: [{ network_id }], ...body },
      headers: { prefer: 'wait=10' },
    })
  async function made(body: Record<string, unknown>): Promise<Instance> {
    const answered = await create(body)
    assert.equal(answered.status, 202, JSON.stringify(answered.body))
    return (answered.body.items as Instance[])[0] as Instance
  }
  const get = (id: string) => cloud.call(poolRoutes.get, { params: { pool: id } })
  async function purge(id: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = async () => (await cloud.request('GET', `/v1/instances/${id}`)).status === 404 && resolve()
    const unwatch = cloud.cloud.events.watch(() => void look())
    await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
    await look()
    await promise.finally(unwatch)
  }

  test('a list shows which hosts share which, and hosts show the room of their pool', async () => {
    const { items: listed } = await cloud.call(poolRoutes.list, { query: { shared: true } })
    assert.deepEqual(
      listed.map(one => [one.id, one.shared, one.total_gib, one.hosts.map(host => `${host.name} ${host.state}`)]),
      [[pool_id, true, 20, ['s1 up', 's2 up']]],
    )
    assert.equal((await get(other_id)).shared, false)
    assert.equal((await cloud.request('GET', `/v1/pools/${randomUUID()}`)).status, 404)
    const host = (await cloud.request('GET', `/v1/hosts/${shared[0].id}`)).body
    assert.deepEqual([host.pool_id, host.disk_limit_gib, host.disk_claimed_gib], [pool_id, 20, 0])
  })

  test('room is claimed once for all its hosts, also by requests at once, and given back', async () => {
    const asked = await Promise.all(
      Array.from({ length: 14 }, (_, n) => create({ name: `r${n}`, disk_gib: 3, host_id: shared[n % 2]?.id })),
    )
    const fitted = asked.filter(one => one.status === 202)
    assert.equal(fitted.length, 6, asked.map(one => one.status).join(' '))
    assert.equal((await get(pool_id)).claimed_gib, 18)
    assert.match(JSON.stringify(asked.find(one => one.status !== 202)?.body), /no_capacity/)
    for (const one of fitted) await purge((one.body.items as Instance[])[0]?.id ?? '')
    assert.equal((await get(pool_id)).claimed_gib, 0)
  })

  test('a batch spreads over hosts that share a pool without promising its room twice', async () => {
    const zone = (await cloud.request('GET', '/v1/hosts?name=alone')).body.items?.[0]
    assert.ok(zone)
    await cloud.request('PATCH', `/v1/hosts/${alone.id}`, { body: { schedulable: false } })
    assert.equal((await create({ name: 'b', count: 7, disk_gib: 3 })).status, 409)
    const fits = await create({ name: 'b', count: 6, disk_gib: 3 })
    assert.equal(fits.status, 202, JSON.stringify(fits.body))
    const hosts = new Set((fits.body.items as Instance[]).map(one => one.host))
    assert.equal(hosts.size, 2)
    for (const one of fits.body.items as Instance[]) await purge(one.id)
    await cloud.request('PATCH', `/v1/hosts/${alone.id}`, { body: { schedulable: true } })
  })

  test('what must be copied to another host: nothing within a pool, all beyond it', async () => {
    const one = await made({ host_id: shared[0].id })
    const { db } = cloud.cloud.database
    assert.deepEqual(await pool.volumesToCopy(db, one.id, shared[1].id), [])
    assert.deepEqual(await pool.volumesToCopy(db, one.id, shared[0].id), [])
    assert.deepEqual(await pool.volumesToCopy(db, one.id, alone.id), [{ id: one.volumes[0], size_gib: 1 }])
    await purge(one.id)
  })

  test('a full pool keeps nobody from moving within it, and all is claimed beyond it', async () => {
    const one = await made({ name: 'mover', disk_gib: 20, host_id: shared[0].id })
    const move = async (host_id: string) => {
      const path = `/v1/instances/${one.id}/migrate`
      const asked = await cloud.request('POST', path, { body: { host_id }, headers: { prefer: 'wait=10' } })
      assert.equal(asked.status, 202, JSON.stringify(asked.body))
      const { id } = asked.body.migration as { id: string }
      await eventually(async () =>
        assert.equal((await cloud.request('GET', `/v1/migrations/${id}`)).body.phase, 'ended'),
      )
    }
    const claimed = async () => [(await get(pool_id)).claimed_gib, (await get(other_id)).claimed_gib]
    assert.deepEqual(await claimed(), [20, 0])
    await move(shared[1].id)
    assert.deepEqual(await claimed(), [20, 0])
    await move(alone.id)
    assert.deepEqual(await claimed(), [0, 20])
    await move(shared[0].id)
    assert.deepEqual(await claimed(), [20, 0])
    await purge(one.id)
    assert.deepEqual(await claimed(), [0, 0])
  })

  test('a kept volume boots on any host of its pool, whichever made it, and on no other', async () => {
    const one = await made({ name: 'first', host_id: shared[0].id })
    const volume = one.volumes[0] ?? ''
    await cloud.request('PATCH', `/v1/volumes/${volume}`, { body: { keep: true } })
    await purge(one.id)
    const boot = { boot_volume_id: volume, image_id: undefined }
    const refused = await create({ ...boot, name: 'no', host_id: alone.id })
    assert.match(JSON.stringify(refused.body), /another pool/)
    const second = await made({ ...boot, name: 'second', host_id: shared[1].id })
    assert.deepEqual(second.volumes, [volume])
    assert.equal((await get(pool_id)).claimed_gib, 1)
    await purge(second.id)
  })

  test('a volume of a host that is away is removed by another of its pool', async () => {
    const one = await made({ name: 'left', host_id: shared[0].id })
    const volume = one.volumes[0] ?? ''
    await cloud.request('PATCH', `/v1/volumes/${volume}`, { body: { keep: true } })
    await purge(one.id)
    await shared[0].disconnect()
    const removed = await cloud.request('DELETE', `/v1/volumes/${volume}`, { headers: { prefer: 'wait=10' } })
    assert.equal((removed.body.operation as { state: string }).state, 'succeeded', JSON.stringify(removed.body))
    await shared[0].connect()
    assert.equal((await get(pool_id)).claimed_gib, (await get(pool_id)).volumes)
  })

  test('highly available is only what other hosts can start: a shared pool', async () => {
    const refused = await create({ name: 'ha', availability: 'high', host_id: alone.id })
    assert.match(
      JSON.stringify(refused.body),
      /The host alone cannot take .*: it has its disks in a pool of its own, and a highly available instance must be able to start on another host/,
    )
    const one = await made({ name: 'ha', availability: 'high', ha_priority: 80 })
    assert.ok(one.host === 's1' || one.host === 's2')
    assert.deepEqual([one.availability, one.ha_priority, one.on_crash], ['high', 80, 'restart'])
    const low = await made({ name: 'low', host_id: alone.id })
    const path = `/v1/instances/${low.id}`
    const turned = await cloud.request('PATCH', path, { body: { availability: 'high' } })
    assert.equal(turned.status, 422, JSON.stringify(turned.body))
    assert.match(String(turned.body.detail), /only the host alone has/)
    const back = await cloud.request('PATCH', `/v1/instances/${one.id}`, { body: { availability: 'restart' } })
    assert.equal(back.body.availability, 'restart')
    await purge(one.id)
    await purge(low.id)
    await cloud.request('PATCH', `/v1/hosts/${shared[1].id}`, { body: { schedulable: false } })
    const nowhere = await made({ name: 'ha-alone', availability: 'high' })
    assert.match(String(nowhere.ha_obstacle), /^No other host could take it/, 'as it is made')
    await cloud.request('PATCH', `/v1/hosts/${shared[1].id}`, { body: { schedulable: true } })
    await purge(nowhere.id)
  })

  test('a host that is installed anew in the middle of a move, with another pool, takes along what the move claims of it', async () => {
    const { db } = cloud.cloud.database
    const begin = async (from: ObedientHost, to: ObedientHost) => {
      const one = await made({ name: 'between', host_id: from.id, disk_gib: 5 })
      from.sends = 'on-and-on'
      const asked = await cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: { host_id: to.id } })
      assert.equal(asked.status, 202, JSON.stringify(asked.body))
      const { id } = asked.body.migration as { id: string }
      const ended = (phase: string) =>
        eventually(async () => assert.equal((await cloud.request('GET', `/v1/migrations/${id}`)).body.phase, phase))
      await ended('sending')
      await eventually(() => assert.ok(from.sent.has(one.id)))
      return { one, ended }
    }
    const anew = async (host: ObedientHost): Promise<string> => {
      const id = randomUUID()
      Object.assign(host.facts, poolOf(id))
      await host.disconnect()
      await host.connect()
      return id
    }
    const claimed = async () => {
      const rows = await db.selectFrom('pool').select(['id', 'claimed_gib']).where('claimed_gib', '<>', 0).execute()
      return Object.fromEntries(rows.map(row => [row.id, row.claimed_gib]))
    }
    const big_pool = { ...big, pool_gib: 100 }
    const [a, b] = [randomUUID(), randomUUID()]
    const one_host = await addHost(cloud, 'm1', { ...big_pool, pool_id: a })
    const two_host = await addHost(cloud, 'm2', { ...big_pool, pool_id: b })
    const before_all = await claimed()

    // The target, which then gives back what was claimed of it.
    const first = await begin(one_host, two_host)
    const c = await anew(two_host)
    assert.deepEqual(await claimed(), { ...before_all, [a]: 5, [c]: 5 })
    one_host.tellMigration(first.one.id, { phase: 'failed', reason: 'its target was installed anew' })
    await first.ended('ended')
    assert.deepEqual(await claimed(), { ...before_all, [a]: 5 })
    await purge(first.one.id)

    // The source, once it is the target's.
    const second = await begin(one_host, two_host)
    one_host.tellMigration(second.one.id, { phase: 'switched' })
    one_host.silent = true
    await second.ended('leaving')
    await anew(one_host)
    one_host.silent = false
    one_host.tell()
    await second.ended('ended')
    assert.deepEqual(await claimed(), { ...before_all, [c]: 5 })
    await purge(second.one.id)
    assert.deepEqual(await claimed(), before_all)

    // Within one pool nothing was claimed for the move, and then they had not one any more.
    const { pool_id: own = '' } = one_host.facts
    Object.assign(two_host.facts, poolOf(own))
    await two_host.disconnect()
    await two_host.connect()
    const third = await begin(two_host, one_host)
    assert.deepEqual(await claimed(), { ...before_all, [own]: 5 })
    const d = await anew(two_host)
    assert.deepEqual(await claimed(), { ...before_all, [d]: 5 })
    two_host.tellMigration(third.one.id, { phase: 'switched' })
    await third.ended('ended')
    assert.deepEqual(await claimed(), { ...before_all, [own]: 5 })
    await purge(third.one.id)
    assert.deepEqual(await claimed(), before_all)
    for (const host of [one_host, two_host]) {
      await host.disconnect()
      await cloud.request('DELETE', `/v1/hosts/${host.id}`)
    }
  })

  test('a host that changes its pool takes its claims along', async () => {
    const before_all = (await get(pool_id)).claimed_gib
    const one = await made({ name: 'moves', host_id: alone.id, disk_gib: 7 })
    assert.equal((await get(other_id)).claimed_gib, 7)
    Object.assign(alone.facts, poolOf(pool_id))
    await alone.disconnect()
    await alone.connect()
    assert.equal((await get(other_id)).claimed_gib, 0)
    assert.equal((await get(pool_id)).claimed_gib, before_all + 7)
    await purge(one.id)
    assert.equal((await get(pool_id)).claimed_gib, before_all)
  })
})
