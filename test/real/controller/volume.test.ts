import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Instance } from '../../../src/api/instance.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { type Volume, volumeRoutes } from '../../../src/api/volume.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

let cloud: TestCloud
let host: ObedientHost
let image_id: string
let network_id: string
let flavor_id: string
let disks_flavor_id: string

const wait = { prefer: 'wait=10' }
const mib = 1024 ** 2

describe('controller/volume', () => {
  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 64, memory_mib: 64_000, pool_gib: 100 })
    image_id = await addImage(cloud)
    network_id = await addNetwork(cloud)
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    flavor_id = String(flavors.body.items?.[0]?.id)
    const flavor = { name: 'disks', vcpus: 1, memory_mib: 128, disk_gib: 2, ephemeral_gib: 3, swap_mib: 1536 }
    disks_flavor_id = String((await cloud.request('POST', '/v1/flavors', { body: flavor })).body.id)
  })
  after(() => cloud.close())

  async function create(body: Record<string, unknown>) {
    const given = { name: 'vm', flavor_id, networks: [{ network_id }], ...body }
    return await cloud.request('POST', '/v1/instances', { body: given, headers: wait })
  }
  async function instance(body: Record<string, unknown>): Promise<Instance> {
    const made = await create(body)
    assert.equal(made.status, 202, JSON.stringify(made.body))
    return (made.body.items as Instance[])[0] as Instance
  }
  async function volume(body: Record<string, unknown>): Promise<Volume> {
    const made = await cloud.request('POST', '/v1/volumes', { body: { name: 'v', ...body } })
    return replyOf(volumeRoutes.create, made)
  }
  async function get(id: string): Promise<Volume> {
    return await cloud.call(volumeRoutes.get, { params: { volume: id } })
  }
  async function rootOf(one: Instance): Promise<Volume> {
    const listed = await cloud.call(volumeRoutes.list, { query: { instance_id: one.id, role: 'root' } })
    return listed.items[0] as Volume
  }
  async function purge(id: string, more = ''): Promise<void> {
    const done = await cloud.request('DELETE', `/v1/instances/${id}?purge=true${more}`, { headers: wait })
    assert.equal(done.status, 202, JSON.stringify(done.body))
    await gone(`/v1/instances/${id}`)
  }
  /** The end of a purge or removal is an event. */
  async function gone(path: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = async () => (await cloud.request('GET', path)).status === 404 && resolve()
    const unwatch = cloud.cloud.events.watch(() => void look())
    await look()
    await promise.finally(unwatch)
  }
  async function removeVolume(id: string): Promise<void> {
    const done = await cloud.request('DELETE', `/v1/volumes/${id}`, { headers: wait })
    assert.equal(done.status, 202, JSON.stringify(done.body))
    assert.equal((done.body.operation as Operation).state, 'succeeded')
    await gone(`/v1/volumes/${id}`)
  }
  /** Storage charged to the project, and claimed on the host. */
  async function counted(): Promise<[number, number]> {
    const { db } = cloud.cloud.database
    const row = await db.selectFrom('host_claim').select('disk_gib').executeTakeFirstOrThrow()
    const used = await db
      .selectFrom('quota')
      .select('used')
      .where('scope_id', '=', cloud.project_id)
      .where('resource', '=', 'storage_gib')
      .executeTakeFirstOrThrow()
    return [used.used, row.disk_gib]
  }

  test('a flavor adds an ephemeral and a swap disk, which are counted and go with the instance', async () => {
    const before_all = await counted()
    const one = await instance({ flavor_id: disks_flavor_id, image_id })
    assert.deepEqual([one.boot, one.ephemeral_gib, one.swap_mib, one.volumes.length], ['image', 3, 1536, 3])
    const disks = host.wanted.get(one.id)?.disks ?? []
    assert.deepEqual(
      disks.map(disk => [disk.role, disk.size_gib, disk.size_mib ?? null, disk.image !== null]),
      [
        ['root', 2, null, true],
        ['ephemeral', 3, null, false],
        ['swap', 2, 1536, false],
      ],
    )
    const [used, claimed] = await counted()
    assert.deepEqual([used - before_all[0], claimed - before_all[1]], [7, 7])
    const [swap] = (await cloud.request('GET', `/v1/volumes?instance_id=${one.id}&role=swap`)).body.items ?? []
    assert.deepEqual([swap?.size_gib, swap?.size_mib, swap?.state], [2, 1536, 'in-use'])
    const kept = await cloud.request('PATCH', `/v1/volumes/${String(swap?.id)}`, { body: { keep: true } })
    assert.equal(kept.status, 422)
    const deleted = await cloud.request('DELETE', `/v1/instances/${one.id}`, { headers: wait })
    assert.equal(deleted.status, 202)
    const recovered = await cloud.request('POST', `/v1/instances/${one.id}/recover`, { body: {}, headers: wait })
    assert.equal((recovered.body.instance as Instance).volumes.length, 3)
    await purge(one.id)
    assert.deepEqual(await counted(), before_all)
    assert.equal(host.volumes.size, 0)
  })

  test('exactly one source to start from', async () => {
    const v = await volume({ image_id })
    for (const body of [{}, { image_id, boot: 'network' }, { image_id, boot_volume_id: v.id }]) {
      const refused = await create(body)
      assert.equal(refused.status, 422, JSON.stringify(refused.body))
      assert.match(String(refused.body.detail), /exactly one/)
    }
    const many = await create({ boot_volume_id: v.id, count: 2 })
    assert.equal(many.status, 422)
    const sized = await create({ boot_volume_id: v.id, disk_gib: 5 })
    assert.equal(sized.status, 422)
    await removeVolume(v.id)
  })

  test('from the network: an empty root disk, and the order that says so', async () => {
    const one = await instance({ boot: 'network' })
    const wanted = host.wanted.get(one.id)
    assert.deepEqual(wanted?.boot_order, ['network', 'disk'])
    assert.deepEqual([wanted?.disks.length, wanted?.disks[0]?.image, one.image, one.image_id], [1, null, null, null])
    await purge(one.id)
  })

  test('from an ISO: a CD-ROM beside an empty root disk; the image stays while it is used', async () => {
    const iso_id = await addImage(cloud, 'installer', 900 * mib)
    await cloud.cloud.database.db.updateTable('image').set({ format: 'iso' }).where('id', '=', iso_id).execute()
    const one = await instance({ image_id: iso_id })
    assert.equal(one.boot, 'iso')
    const wanted = host.wanted.get(one.id)
    assert.deepEqual(wanted?.boot_order, ['disk', 'cdrom'])
    assert.deepEqual(
      wanted?.disks.map(disk => [disk.role, disk.volume_id === one.id, disk.image?.format ?? null]),
      [
        ['root', false, null],
        ['cdrom', true, 'raw'],
      ],
    )
    await cloud.cloud.database.db
      .updateTable('image')
      .set({ deleted_at: new Date() })
      .where('id', '=', iso_id)
      .execute()
    const stopped = await cloud.request('POST', `/v1/instances/${one.id}/stop`, { body: {}, headers: wait })
    assert.equal(stopped.status, 202)
    const started = await cloud.request('POST', `/v1/instances/${one.id}/start`, { body: {}, headers: wait })
    assert.equal((started.body.instance as Instance).state, 'running')
    assert.equal(host.wanted.get(one.id)?.disks[1]?.image?.image_id, iso_id)
    const refused = await cloud.request('POST', '/v1/volumes', { body: { name: 'v', image_id: iso_id } })
    assert.equal(refused.status, 404, 'a deleted image is none to make something of')
    await purge(one.id)
  })

  test('a volume is made on no host, and becomes the root disk where its instance is placed', async () => {
    const before_all = await counted()
    const v = await volume({ name: 'data', image_id, size_gib: 4 })
    assert.deepEqual([v.state, v.host_id, v.role, v.keep, v.version], ['available', null, 'data', true, 1])
    assert.deepEqual(await counted(), [before_all[0] + 4, before_all[1]])
    const one = await instance({ boot_volume_id: v.id })
    assert.deepEqual([one.boot, one.disk_gib, one.image_id, one.volumes], ['volume', 4, image_id, [v.id]])
    assert.deepEqual(await counted(), [before_all[0] + 4, before_all[1] + 4])
    const now = await get(v.id)
    assert.deepEqual([now.state, now.host, now.role, now.instance_id], ['in-use', 'h1', 'root', one.id])
    const again = await create({ boot_volume_id: v.id })
    assert.equal(again.status, 409)
    assert.match(String(again.body.detail), /--keep-root --purge/)
    const in_use = await cloud.request('DELETE', `/v1/volumes/${v.id}`)
    assert.equal(in_use.body.code, 'in_use')
    await purge(one.id)
    const left = await get(v.id)
    assert.deepEqual([left.state, left.host, left.instance_id], ['available', 'h1', null])
    assert.deepEqual(await counted(), [before_all[0] + 4, before_all[1] + 4])
    const next = await instance({ boot_volume_id: v.id })
    assert.equal(host.wanted.get(next.id)?.disks[0]?.made, true)
    await purge(next.id)
    await removeVolume(v.id)
    assert.deepEqual(await counted(), before_all)
    assert.equal(host.volumes.has(v.id), false)
  })

  test('the root disk of an instance is kept on wish, and only then', async () => {
    const one = await instance({ image_id })
    const root = await rootOf(one)
    await purge(one.id, '&keep_root=true')
    const kept = await get(root.id)
    assert.deepEqual([kept.state, kept.keep, kept.host, kept.image_id], ['available', true, 'h1', image_id])
    const two = await instance({ boot_volume_id: root.id })
    await purge(two.id, '&keep_root=false')
    assert.equal((await cloud.request('GET', `/v1/volumes/${root.id}`)).status, 404)
    assert.equal(host.volumes.has(root.id), false)
  })

  test('one that was never made has no place to be kept in', async () => {
    const v = await volume({ image_id })
    const one = await instance({ boot_volume_id: v.id, start: false })
    await purge(one.id)
    const left = await get(v.id)
    assert.deepEqual([left.state, left.host], ['available', null])
    await removeVolume(v.id)
  })

  test('the volume decides the host, and the refusal says so', async () => {
    const v = await volume({ image_id })
    const one = await instance({ boot_volume_id: v.id })
    await purge(one.id)
    const other = await addHost(cloud, 'h2', { cpus: 640, memory_mib: 640_000, pool_gib: 1000 })
    const there = await instance({ boot_volume_id: v.id })
    assert.equal(there.host, 'h1', 'though the other has more room')
    await purge(there.id)
    const refused = await create({ boot_volume_id: v.id, host_id: other.id })
    assert.equal(refused.body.code, 'no_capacity')
    assert.match(
      String(refused.body.detail),
      /The host h2 cannot take .*: it does not reach the volume that it starts from, which is on another host and in another pool/,
    )
    await removeVolume(v.id)
    await other.disconnect()
    assert.equal((await cloud.request('DELETE', `/v1/hosts/${other.id}`)).status, 204)
  })

  test('a host that is away removes a deleted volume when it is back', async () => {
    const v = await volume({ image_id })
    const one = await instance({ boot_volume_id: v.id })
    await purge(one.id)
    host.silent = true
    const asked = await cloud.request('DELETE', `/v1/volumes/${v.id}`)
    assert.deepEqual([asked.status, (asked.body.volume as Volume).state], [202, 'deleting'])
    assert.equal((await create({ boot_volume_id: v.id })).body.code, 'wrong_state')
    const twice = await cloud.request('DELETE', `/v1/volumes/${v.id}`)
    assert.equal(twice.status, 202, 'asking twice is no error')
    await host.disconnect()
    host.silent = false
    await host.connect()
    await gone(`/v1/volumes/${v.id}`)
    assert.equal(host.volumes.has(v.id), false)
    const operation_id = (asked.body.operation as Operation).id
    const ended = (await cloud.request('GET', `/v1/operations/${operation_id}`)).body
    assert.equal(ended.state, 'succeeded')
  })

  test('a host that is lost takes its volumes with it', async () => {
    const lost = await addHost(cloud, 'h3', { cpus: 4, memory_mib: 4000, pool_gib: 50 })
    const before_all = await counted()
    const v = await volume({ image_id })
    const one = await instance({ boot_volume_id: v.id, host_id: lost.id })
    await purge(one.id)
    const refused = await cloud.request('DELETE', `/v1/hosts/${lost.id}`)
    assert.equal(refused.body.code, 'in_use')
    await lost.disconnect()
    const unsaid = await cloud.request('DELETE', `/v1/hosts/${lost.id}?lost=true`)
    assert.deepEqual([unsaid.status, unsaid.body.gives_up], [409, 1], JSON.stringify(unsaid.body))
    assert.equal((await cloud.request('DELETE', `/v1/hosts/${lost.id}?lost=true&gives_up=1`)).status, 204)
    assert.equal((await cloud.request('GET', `/v1/volumes/${v.id}`)).status, 404)
    assert.equal((await counted())[0], before_all[0])
  })

  test('names, versions, filters and wrong sizes', async () => {
    const v = await volume({ size_gib: 1 })
    const named = await cloud.request('PATCH', `/v1/volumes/${v.id}`, {
      body: { name: 'other' },
      headers: { 'if-match': '"1"' },
    })
    assert.deepEqual([named.status, named.body.name, named.headers.etag], [200, 'other', '"2"'])
    const stale = await cloud.request('PATCH', `/v1/volumes/${v.id}`, {
      body: { name: 'x' },
      headers: { 'if-match': '"1"' },
    })
    assert.equal(stale.status, 412)
    const found = await cloud.request('GET', '/v1/volumes?name=other&state=available')
    assert.deepEqual(
      found.body.items?.map(one => one.id),
      [v.id],
    )
    const not_kept = await cloud.request('PATCH', `/v1/volumes/${v.id}`, { body: { keep: false } })
    assert.equal(not_kept.status, 422)
    assert.equal((await create({ boot_volume_id: v.id })).status, 422, 'it is empty')
    const sizeless = await cloud.request('POST', '/v1/volumes', { body: { name: 'v' } })
    assert.equal(sizeless.status, 422)
    const big_id = await addImage(cloud, 'big', 3000 * mib)
    const small = await cloud.request('POST', '/v1/volumes', { body: { name: 'v', image_id: big_id, size_gib: 2 } })
    assert.equal(small.status, 422)
    await removeVolume(v.id)
  })

  test('quota is exact however many ask at once', async () => {
    const [used] = await counted()
    await cloud.request('PUT', `/v1/quotas/project/${cloud.project_id}`, { body: { storage_gib: used + 10 } })
    const asked = await Promise.all(
      Array.from({ length: 12 }, () => cloud.request('POST', '/v1/volumes', { body: { name: 'q', size_gib: 2 } })),
    )
    const made = asked.filter(one => one.status === 201)
    assert.equal(made.length, 5, JSON.stringify(asked.map(one => one.body.code)))
    assert.ok(asked.every(one => one.status === 201 || one.body.code === 'quota_exceeded'))
    assert.equal((await counted())[0], used + 10)
    await Promise.all(made.map(one => removeVolume(String(one.body.id))))
    assert.equal((await counted())[0], used)
  })

  test('a volume goes to one of two instances that ask for it at once', async () => {
    await cloud.cloud.database.db.updateTable('quota').set({ limit_value: null }).execute()
    const v = await volume({ image_id })
    const asked = await Promise.all(Array.from({ length: 4 }, () => create({ boot_volume_id: v.id })))
    assert.deepEqual(
      asked.map(one => one.status).sort(),
      [202, 409, 409, 409],
      JSON.stringify(asked.map(one => one.body.detail)),
    )
    const one = asked.find(each => each.status === 202)?.body.items as Instance[]
    await purge(String(one[0]?.id))
    await removeVolume(v.id)
  })
})
