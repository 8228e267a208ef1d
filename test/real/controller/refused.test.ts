/** Instances that their host cannot bring up: tried on other hosts, so many times, each told; what has run is never moved for it. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test, type TestContext } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { placeRefused, type Resting } from '../../../src/controller/app/refused.ts'
import { refusal } from '../../../src/controller/store/refusal.ts'
import { CloudError } from '../../../src/model/errors.ts'
import { volumeRoutes } from '../../../src/api/volume.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/refused', () => {
  let cloud: TestCloud
  let hosts: ObedientHost[]
  let body: Record<string, unknown>

  before(async () => {
    cloud = await testCloud()
    hosts = await Promise.all(
      ['h1', 'h2', 'h3', 'h4'].map(name => addHost(cloud, name, { cpus: 100, memory_mib: 100_000, pool_gib: 5000 })),
    )
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const image_id = await addImage(cloud)
    const network_id = await addNetwork(cloud)
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id, networks: [{ network_id }] }
  })
  after(() => cloud.close())
  afterEach(() => {
    for (const host of hosts) Object.assign(host, { failure: null, refuses: false })
  })

  const create = async (name: string, more: Record<string, unknown> = {}) => {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { name, ...body, ...more },
      headers: { prefer: 'wait=10' },
    })
    const [one] = replyOf(instanceRoutes.create, made).items
    assert.ok(one)
    return { id: one.id, operation: made.body.operation as Operation }
  }
  const get = (id: string) => cloud.call(instanceRoutes.get, { params: { instance: id } })
  const refuse = (which: ObedientHost[]) => {
    for (const host of which) Object.assign(host, { failure: 'Its pool is full.', refuses: true })
  }
  /** What is claimed of each host is what is on it. */
  async function checkClaims(): Promise<void> {
    const { db } = cloud.cloud.database
    const claims = await db.selectFrom('host_claim').select(['host_id', 'pool_id', 'vcpus', 'disk_gib']).execute()
    const there = await db.selectFrom('instance').select(['host_id', 'vcpus', 'disk_gib']).execute()
    for (const { host_id, pool_id, vcpus, disk_gib } of claims) {
      const on = there.filter(one => one.host_id === host_id)
      // The disks of a pool that hosts share are counted in the pool.
      assert.deepEqual(
        [vcpus, disk_gib],
        [
          on.reduce((sum, one) => sum + one.vcpus, 0),
          pool_id !== null ? 0 : on.reduce((sum, one) => sum + one.disk_gib, 0),
        ],
      )
    }
  }

  test('two refuse, the third takes it: the request succeeds, both are cleared, and the explanation says who refused', async () => {
    const [h1, h2, h3, h4] = hosts
    assert.ok(h1 && h2 && h3 && h4)
    // The emptiest comes first, and the image is on all of them.
    await cloud.request('PUT', '/v1/settings/scheduler.weight.image_cached', { body: { value: 0 } })
    for (const host of [h3, h4, h4]) await create('load', { host_id: host.id })
    refuse([h1, h2])
    const { id, operation } = await create('web')
    const one = await get(id)
    assert.deepEqual([one.state, one.host, operation.state], ['running', 'h3', 'succeeded'])
    const why = await cloud.request('GET', `/v1/instances/${id}/placement`)
    assert.match(JSON.stringify(why.body), /has refused it: Its pool is full\./)
    await eventually(() => assert.ok([h1, h2].every(host => !host.wanted.has(id))))
    await checkClaims()
  })

  test('after three hosts it is given up, in error where it is, and the request has failed with the reason', async () => {
    refuse(hosts)
    for (const host of hosts) await cloud.request('PATCH', `/v1/hosts/${host.id}`, { body: { schedulable: true } })
    const { id, operation } = await create('never')
    assert.deepEqual([operation.state, operation.reason], ['failed', 'Its pool is full.'])
    const one = await get(id)
    assert.deepEqual([one.state, one.reason], ['error', 'Its pool is full.'])
    const tries = await cloud.request('GET', `/v1/migrations?instance_id=${id}`)
    assert.deepEqual(
      tries.body.items?.map(item => [item.cause, item.kind]),
      [
        ['refused', 'retry'],
        ['refused', 'retry'],
      ],
    )
    const evacuated = await cloud.request('GET', `/v1/migrations?instance_id=${id}&kind=evacuation`)
    assert.equal(evacuated.body.items?.length, 0)
    const events = await cloud.request('GET', `/v1/events?resource_id=${id}`)
    const told = events.body.items?.filter(item => (item.detail as { placement?: string }).placement === 'elsewhere')
    assert.equal(told?.length, 2)
    await eventually(checkClaims)
  })

  test('where no other host can, it says so with both reasons', async () => {
    refuse(hosts)
    for (const host of hosts.slice(1)) {
      await cloud.request('PATCH', `/v1/hosts/${host.id}`, { body: { schedulable: false } })
    }
    const { operation } = await create('alone')
    assert.equal(operation.state, 'failed')
    assert.match(
      String(operation.reason),
      /Its pool is full\. And elsewhere: No host can take .*takes no new instances: 3 hosts/,
    )
    for (const host of hosts) await cloud.request('PATCH', `/v1/hosts/${host.id}`, { body: { schedulable: true } })
  })

  test('who asked for one host gets that one, or a failure that says why no other was tried', async () => {
    const [h1] = hosts
    assert.ok(h1)
    refuse([h1])
    h1.failure = 'its pool is full'
    const { id, operation } = await create('here', { host_id: h1.id })
    assert.deepEqual(
      [operation.state, operation.reason],
      ['failed', 'its pool is full. No other host was tried: it was asked for on h1.'],
    )
    const one = await get(id)
    assert.deepEqual([one.state, one.host, one.reason], ['error', 'h1', 'its pool is full'])
    assert.equal((await cloud.request('GET', `/v1/migrations?instance_id=${id}`)).body.items?.length, 0)
  })

  test('what has run once stays with its disks, whatever its host says of a later start', async () => {
    const { id } = await create('pet')
    const before = await get(id)
    assert.equal(before.state, 'running')
    await cloud.request('POST', `/v1/instances/${id}/stop`, { body: {}, headers: { prefer: 'wait=10' } })
    refuse(hosts)
    const started = await cloud.request('POST', `/v1/instances/${id}/start`, {
      body: {},
      headers: { prefer: 'wait=10' },
    })
    assert.equal((started.body.operation as Operation).state, 'failed')
    assert.equal((await get(id)).host, before.host)
  })

  test('a failure that is no refusal is not tried elsewhere', async () => {
    for (const host of hosts) Object.assign(host, { failure: 'The image has no system.', refuses: false })
    const { id, operation } = await create('broken')
    assert.equal(operation.state, 'failed')
    assert.equal((await cloud.request('GET', `/v1/migrations?instance_id=${id}`)).body.items?.length, 0)
  })

  describe('of which placing elsewhere fails', () => {
    const size = { vcpus: 1, memory_mib: 96, disk_gib: 1 }

    /** On the first host, because no other one takes anything meanwhile: nobody has asked for it. Then it refuses. */
    async function refusedByFirst(more: Record<string, unknown>): Promise<string> {
      const [first, ...others] = hosts
      assert.ok(first)
      const take = (schedulable: boolean) =>
        Promise.all(others.map(({ id }) => cloud.request('PATCH', `/v1/hosts/${id}`, { body: { schedulable } })))
      await take(false)
      first.silent = true
      const made = await cloud.request('POST', '/v1/instances', { body: { ...body, ...more } })
      const id = String(made.body.items?.[0]?.id)
      await eventually(() => assert.ok(first.wanted.has(id)))
      await take(true)
      first.silent = false
      refuse([first])
      first.tell({}, [id])
      return id
    }

    /** Refused by the first host, and a module of the scheduler fails at it. Not waited for: its request has no end. */
    async function broken(error: Error, { mock }: TestContext) {
      const { modules } = cloud.cloud
      const ask = modules.ask.bind(modules)
      const asked_of = mock.method(modules, 'ask', ((there, asked, count) => {
        if (asked.memory_mib === size.memory_mib && asked.around?.excluded?.size) throw error
        return ask(there, asked, count)
      }) satisfies typeof ask)
      const name = `odd-${error.name}`
      const flavor = await cloud.request('POST', '/v1/flavors', { body: { name, ...size } })
      const id = await refusedByFirst({ name, flavor_id: flavor.body.id })
      await eventually(async () => assert.ok(await refusal.of(cloud.cloud.database.db, id)))
      return { id, mended: () => asked_of.mock.restore() }
    }

    for (const error of [new CloudError('unavailable', 'A module fails.'), new TypeError('a fault of the code')]) {
      test(`others have their turn, and it rests a while (${error.name})`, async t => {
        const { id, mended } = await broken(error, t)
        const other = await refusedByFirst({ name: 'other' })
        await eventually(async () => {
          const { state, host } = await get(other)
          assert.ok(state === 'running' && host !== 'h1')
        })
        const resting: Resting = new Map()
        assert.equal(await placeRefused(cloud.cloud, resting), false)
        assert.deepEqual([...resting.keys()], [id])
        mended()
        await placeRefused(cloud.cloud, resting)
        assert.equal((await get(id)).host, 'h1', 'it rests')
        // Its time is over, though somebody has set the wall clock back meanwhile.
        const { clock } = cloud.cloud
        const later = { now_ms: () => clock.now_ms() - 3_600_000, steady_ms: () => clock.steady_ms() + 31_000 }
        await placeRefused({ ...cloud.cloud, clock: { ...clock, ...later } }, resting)
        await eventually(async () => assert.equal((await get(id)).state, 'running'))
        await eventually(checkClaims)
      })
    }

    test('a database that is away ends the pass', async t => {
      const { id, mended } = await broken(new RangeError('no matter'), t)
      const away = t.mock.method(refusal, 'of', () => Promise.reject(new Error('Connection terminated')))
      const resting: Resting = new Map()
      await assert.rejects(placeRefused(cloud.cloud, resting), /Connection terminated/)
      assert.equal(resting.size, 0)
      away.mock.restore()
      mended()
      await placeRefused(cloud.cloud, resting)
      await eventually(async () => assert.equal((await get(id)).state, 'running'))
    })
  })

  describe('that boots from a volume which was there before', () => {
    const wait = { prefer: 'wait=10' }

    /** On the host, with content, and of no instance. */
    async function volumeOn(host: ObedientHost, name: string): Promise<string> {
      const { id } = await create(name, { host_id: host.id })
      const [volume = ''] = (await get(id)).volumes
      await cloud.request('PATCH', `/v1/volumes/${volume}`, { body: { keep: true } })
      await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: wait })
      await eventually(async () => assert.equal((await stateOf(volume)).state, 'available'))
      return volume
    }
    const stateOf = (volume: string) => cloud.call(volumeRoutes.get, { params: { volume } })
    const from = (boot_volume_id: string) => ({ boot_volume_id, image_id: undefined })
    const isMade = async (id: string) =>
      (await cloud.cloud.database.db.selectFrom('volume').select('made').where('id', '=', id).executeTakeFirst())?.made

    test('another host that reaches it takes it, with all that is on it; one that does not is never asked', async () => {
      const pool_id = '01890000-0000-7000-8000-00000000000a'
      const size = { cpus: 100, memory_mib: 100_000, pool_gib: 50, pool_id }
      const [s1, s2] = [await addHost(cloud, 's1', size), await addHost(cloud, 's2', size)]
      for (let n = 0; n < 3; n++) await create('load', { host_id: s2.id })
      const volume = await volumeOn(s1, 'first')
      hosts.push(s1, s2)
      refuse([s1])
      const { id, operation } = await create('shared', from(volume))
      const one = await get(id)
      assert.deepEqual([one.state, one.host, operation.state], ['running', 's2', 'succeeded'], String(operation.reason))
      assert.equal((await stateOf(volume)).host, 's2')
      assert.equal(await isMade(volume), true, 'or a fresh one would be made in its place where it is missing')
      assert.deepEqual(
        s2.wanted.get(id)?.disks.map(disk => [disk.volume_id, disk.made]),
        [[volume, true]],
      )
      const why = await cloud.request('GET', `/v1/instances/${id}/placement`)
      assert.deepEqual(why.body.refusals, { excluded: 1, pool: 4 })
      await checkClaims()
    })

    test('what no other host reaches stays where it is, in error, and keeps what is on it', async () => {
      const [h1] = hosts
      assert.ok(h1)
      const volume = await volumeOn(h1, 'own')
      refuse(hosts)
      const { id, operation } = await create('bound', from(volume))
      assert.deepEqual(
        [operation.state, operation.reason],
        ['failed', 'Its pool is full. No other host was tried: none reaches its volume.'],
      )
      assert.equal((await get(id)).host, 'h1')
      assert.equal(await isMade(volume), true)
      assert.equal((await cloud.request('GET', `/v1/migrations?instance_id=${id}`)).body.items?.length, 0)
    })
  })
})
