/** Emptying hosts while other migrations run: whose limits count, what is waited for is said, and who cannot go holds up nobody. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Instance } from '../../../src/api/instance.ts'
import { type Maintenance, maintenanceRoutes } from '../../../src/api/maintenance.ts'
import { drain } from '../../../src/controller/reconcilers/maintenance.ts'
import { maintenance } from '../../../src/controller/store/maintenance.ts'
import type { TestCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { type MovingCloud, movingCloud } from '../../support/moving.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'

describe('controller/maintenance-limits', () => {
  let moving: MovingCloud
  let cloud: TestCloud
  let hosts: ObedientHost[]

  before(async () => {
    moving = await movingCloud()
    ;({ cloud, hosts } = moving)
    hosts.push(await addHost(cloud, 'h4', { memory_mib: 64_000, cpus: 16 }))
  })
  after(() => cloud.close())
  afterEach(async () => {
    moving.obey()
    await stop()
    await schedulable([0, 1, 2, 3], true)
    await letThrough()
    await clear()
    await cloud.request('DELETE', '/v1/settings/migration.parallel_per_cluster')
    for (const { id } of hosts) await cloud.request('DELETE', `/v1/settings/migration.parallel_per_host?host_id=${id}`)
    await cloud.cloud.settings.read(cloud.cloud.database.db)
  })

  const at = (n: number) => hosts[n] as ObedientHost
  const path = (n = 0) => `/v1/hosts/${at(n).id}/maintenance`
  const look = () => cloud.call(maintenanceRoutes.get, { params: { host: at(0).id } })
  const hostOf = async (id: string) => (await cloud.request('GET', `/v1/instances/${id}`)).body.host

  async function set(name: string, value: number, place: { host_id?: string } = {}): Promise<void> {
    const answered = await cloud.request('PUT', `/v1/settings/${name}`, { body: { value, ...place } })
    assert.equal(answered.status, 200, JSON.stringify(answered.body))
    await cloud.cloud.settings.read(cloud.cloud.database.db)
  }

  async function schedulable(which: readonly number[], schedulable: boolean): Promise<void> {
    for (const n of which) await cloud.request('PATCH', `/v1/hosts/${at(n).id}`, { body: { schedulable } })
  }

  /** The first host is emptied. */
  async function begin(): Promise<Maintenance> {
    const answered = await cloud.request('POST', path(), { body: {} })
    assert.equal(answered.status, 202, JSON.stringify(answered.body))
    return answered.body.maintenance as Maintenance
  }

  async function stop(): Promise<void> {
    await cloud.request('DELETE', path())
  }

  /** On their way from the second host to the third until they are let through. */
  async function stuckMoves(many: number): Promise<Instance[]> {
    at(1).sends = 'on-and-on'
    const made: Instance[] = []
    for (let n = 0; n < many; n++) made.push(await moving.create({ host_id: at(1).id }))
    for (const { id } of made) {
      const answered = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: { host_id: at(2).id } })
      assert.equal(answered.status, 202, JSON.stringify(answered.body))
    }
    await eventually(() => assert.ok(made.every(({ id }) => at(1).sent.has(id))))
    return made
  }

  async function letThrough(): Promise<void> {
    for (const host of hosts) {
      host.sends = 'through'
      for (const [id, { migration }] of host.wanted) {
        if (migration?.step === 'send') host.tellMigration(id, { phase: 'switched' })
      }
    }
    await eventually(async () =>
      assert.deepEqual((await cloud.request('GET', '/v1/migrations?open=true')).body.items, []),
    )
  }

  /** What the tests before have left is gone. */
  async function clear(): Promise<void> {
    const { items } = (await cloud.request('GET', '/v1/instances?limit=500')).body
    for (const { id } of items ?? []) await cloud.request('DELETE', `/v1/instances/${String(id)}?purge=true`)
    await eventually(async () => assert.deepEqual((await cloud.request('GET', '/v1/instances')).body.items, []))
  }

  /** What is in the way of this one. The controller's own loop may be at it. */
  const obstacleOf = (id: string) =>
    eventually(async () => {
      await drain(cloud.cloud)
      const found = (await look()).obstacles.find(one => one.instance_id === id)
      assert.ok(found)
      return found
    })

  const drained = () =>
    eventually(async () => {
      await drain(cloud.cloud)
      assert.equal((await look()).state, 'drained')
    }, 60_000)

  test('that no host can take it is said, whatever else moves elsewhere', async () => {
    await stuckMoves(2)
    await schedulable([1, 2, 3], false)
    const { id } = await moving.create({ host_id: at(0).id })
    const { operation_id } = await begin()
    const obstacle = await obstacleOf(id)
    assert.match(obstacle.reason, /No host can take .*takes no new instances: 3 hosts/)
    const waits = await cloud.request('GET', `/v1/operations/${operation_id}`)
    assert.equal(waits.body.state, 'waiting')
  })

  test('what only waits for other migrations says so, and goes as soon as one of them has ended', async () => {
    await stuckMoves(2)
    await schedulable([3], false)
    const { id } = await moving.create({ host_id: at(0).id })
    const { operation_id } = await begin()
    const obstacle = await obstacleOf(id)
    assert.match(obstacle.reason, /^Waits for other migrations .*every host that could take it/)
    for (let n = 0; n < 3; n++) await drain(cloud.cloud)
    assert.equal((await obstacleOf(id)).attempts, 1)
    const waits = await cloud.request('GET', `/v1/operations/${operation_id}`)
    assert.equal(waits.body.state, 'waiting')
    await letThrough()
    await drained()
  })

  test('what waits for the limit of its cluster says so', async () => {
    await stuckMoves(1)
    await set('migration.parallel_per_cluster', 1)
    const { id } = await moving.create({ host_id: at(0).id })
    await begin()
    const obstacle = await obstacleOf(id)
    assert.match(obstacle.reason, /^Waits for other migrations .*parallel_per_cluster/)
    await letThrough()
    await drained()
  })

  test('many that fit nowhere else keep the others from nothing', async () => {
    for (const n of [1, 2]) await set('migration.parallel_per_host', 1, { host_id: at(n).id })
    await stuckMoves(1)
    await cloud.request('PATCH', `/v1/hosts/${at(0).id}`, { body: { labels: { rack: 'a' } } })
    const size = { name: 'rack-a', vcpus: 1, memory_mib: 64, disk_gib: 1, properties: { 'label:rack': 'a' } }
    const flavor = await cloud.request('POST', '/v1/flavors', { body: size })
    // More than are looked at in one pass.
    const flavor_id = flavor.body.id
    await moving.create({ host_id: at(0).id, flavor_id, count: 45, start: false })
    const { id } = await moving.create({ host_id: at(0).id })
    await begin()
    await eventually(async () => {
      await drain(cloud.cloud)
      assert.equal(await hostOf(id), 'h4')
    })
    const { left, obstacles } = await look()
    assert.deepEqual([left, obstacles.length], [45, 45])
  })

  test('each host has its own limit, wherever its migrations come from', async () => {
    await schedulable([2, 3], false)
    await set('migration.parallel_per_host', 1, { host_id: at(1).id })
    at(0).sends = 'on-and-on'
    for (let n = 0; n < 3; n++) await moving.create({ host_id: at(0).id })
    await begin()
    await eventually(async () => {
      await drain(cloud.cloud)
      const { moving, obstacles } = await look()
      assert.deepEqual([moving, obstacles.length], [1, 2])
    })
    // And it may have more than the one that is emptied.
    await set('migration.parallel_per_host', 3, { host_id: at(1).id })
    await eventually(async () => {
      await drain(cloud.cloud)
      assert.equal((await look()).moving, 2)
    })
    await letThrough()
    await drained()
  })

  test('one at which Croft itself fails is noted, and holds up none of the others', async t => {
    const broken = await moving.create({ host_id: at(0).id })
    const { id } = await moving.create({ host_id: at(0).id })
    const failures = maintenance.failures
    t.mock.method(maintenance, 'failures', ((tx, row, instance_id) => {
      if (instance_id === broken.id) throw new TypeError('a fault of the code')
      return failures(tx, row, instance_id)
    }) satisfies typeof failures)
    await begin()
    await eventually(async () => {
      await drain(cloud.cloud)
      assert.notEqual(await hostOf(id), 'h1')
    })
    assert.match((await obstacleOf(broken.id)).reason, /the controller's log says why/)
  })

  const rooms = {
    'takes instances again': {
      close: () => schedulable([1], false),
      open: () => schedulable([1], true),
    },
    'is out of maintenance': {
      close: () => cloud.request('POST', path(1), { body: {} }),
      open: () => cloud.request('DELETE', path(1)),
    },
    'dials in': {
      close: () => at(1).disconnect(),
      open: () => at(1).connect(),
    },
  }
  for (const [what, { close, open }] of Object.entries(rooms)) {
    test(`what found no room is tried at once when a host ${what}`, async () => {
      await schedulable([2, 3], false)
      await close()
      const { id } = await moving.create({ host_id: at(0).id })
      await begin()
      const { reason, again_at } = await obstacleOf(id)
      assert.match(reason, /No host can take/)
      await open()
      const later = (await look()).obstacles[0]
      assert.ok(!later || later.again_at < again_at, 'it is due, or gone already')
      await drained()
    })
  }
})
