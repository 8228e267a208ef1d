/** Emptying hosts, with hosts that do at once what they are told: limits, obstacles, tries that fail, what is refused, and the end. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type Maintenance, maintenanceRoutes } from '../../../src/api/maintenance.ts'
import { migrationRoutes } from '../../../src/api/migration.ts'
import { backOff_s } from '../../../src/controller/app/maintenance.ts'
import { drain } from '../../../src/controller/reconcilers/maintenance.ts'
import type { TestCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { type MovingCloud, movingCloud } from '../../support/moving.ts'
import type { ObedientHost } from '../../support/obedient-host.ts'

describe('controller/maintenance', () => {
  let moving: MovingCloud
  let cloud: TestCloud
  let hosts: ObedientHost[]
  let body: Record<string, unknown>

  before(async () => {
    moving = await movingCloud()
    ;({ cloud, hosts, body } = moving)
  })
  after(() => cloud.close())
  beforeEach(() => moving.obey())

  const at = (n: number) => hosts[n] as ObedientHost

  const create = (host: ObedientHost, more: Record<string, unknown> = {}) =>
    moving.create({ host_id: host.id, ...more })

  const path = (host: ObedientHost) => `/v1/hosts/${host.id}/maintenance`

  async function begin(host: ObedientHost): Promise<Maintenance> {
    const answered = await cloud.request('POST', path(host), { body: { reason: 'new memory' } })
    assert.equal(answered.status, 202, JSON.stringify(answered.body))
    return answered.body.maintenance as Maintenance
  }

  async function stop(host: ObedientHost, query = ''): Promise<void> {
    const answered = await cloud.request('DELETE', `${path(host)}${query}`)
    assert.equal(answered.status, 204, JSON.stringify(answered.body))
  }

  /** As if what is tried again later were due: also what failed at a try that was under way just now. */
  async function waitedFor(): Promise<void> {
    const { db } = cloud.cloud.database
    const long_ago = new Date(0)
    await db.updateTable('migration').set({ given_up_at: long_ago }).where('outcome', '=', 'failed').execute()
    await db.updateTable('maintenance_obstacle').set({ again_at: long_ago }).execute()
  }

  const look = (host: ObedientHost) => cloud.call(maintenanceRoutes.get, { params: { host: host.id } })
  const drained = (host: ObedientHost) =>
    eventually(async () => {
      await waitedFor()
      await drain(cloud.cloud)
      const found = await look(host)
      assert.equal(found.state, 'drained', JSON.stringify(found))
      return found
    }, 20_000)

  test('to end what was not begun is told by the name of the host', async () => {
    const answered = await cloud.request('DELETE', path(at(0)))
    assert.equal(answered.status, 404)
    assert.match(
      String(answered.body.detail),
      /^The host h\d+ is not in maintenance\. Begin it: croft host maintenance start h\d+\.$/,
    )
  })

  test('a host is emptied of what runs, what is off and what is deleted, and stays empty until the end', async () => {
    const running = await create(at(0))
    const off = await create(at(0), { start: false })
    const deleted = await create(at(0))
    await cloud.request('DELETE', `/v1/instances/${deleted.id}`, { headers: { prefer: 'wait=10' } })
    const begun = await begin(at(0))
    assert.equal(begun.reason, 'new memory')
    const again = await cloud.request('POST', path(at(0)), { body: {} })
    assert.equal(again.body.code, 'conflict')
    const done = await drained(at(0))
    assert.equal(done.moved, 3)
    assert.equal(done.left, 0)
    assert.deepEqual(done.obstacles, [])
    const operation = await cloud.request('GET', `/v1/operations/${done.operation_id}`)
    assert.equal(operation.body.state, 'succeeded')
    // Told as each goes, so that whoever looks sees it come on.
    const told = await cloud.cloud.database.db
      .selectFrom('event')
      .select('kind')
      .where('resource_id', '=', String(done.operation_id))
      .where('kind', '=', 'changed')
      .execute()
    assert.equal(told.length, 4)
    for (const { id } of [running, off, deleted]) {
      const now = await cloud.request('GET', `/v1/instances/${id}`)
      assert.notEqual(now.body.host_id, at(0).id)
    }
    const placed = await cloud.request('POST', '/v1/instances', { body: { ...body, name: 'no', host_id: at(0).id } })
    assert.equal(placed.body.code, 'no_capacity')
    const shown = await cloud.request('GET', `/v1/hosts/${at(0).id}`)
    assert.equal((shown.body.maintenance as { drained: boolean }).drained, true)
    assert.equal((await cloud.request('GET', '/v1/maintenances')).body.items?.length, 1)
    await stop(at(0))
    const of_host = await cloud.request('GET', `/v1/events?noun=host&resource_id=${at(0).id}`)
    assert.deepEqual(
      of_host.body.items?.map(one => one.detail).filter(one => (one as { maintenance?: string } | null)?.maintenance),
      [{ maintenance: 'begun', reason: 'new memory' }, { maintenance: 'drained' }, { maintenance: 'ended' }],
    )
    const logged = (await cloud.request('GET', '/v1/audit?action=maintenance.start&refused=false')).body.items ?? []
    assert.deepEqual(logged.at(-1)?.detail, { reason: 'new memory' })
    assert.equal((await cloud.request('GET', path(at(0)))).status, 404)
    await create(at(0), { start: false })
  })

  test('no more at once than the settings say', async () => {
    for (let n = 0; n < 5; n++) await create(at(1))
    at(1).sends = 'on-and-on'
    await begin(at(1))
    await eventually(async () => assert.equal((await look(at(1))).moving, 2))
    for (let n = 0; n < 3; n++) await drain(cloud.cloud)
    assert.equal((await look(at(1))).moving, 2)
    at(1).sends = 'through'
    for (const id of at(1).sent) {
      if (at(1).wanted.get(id)?.migration?.step === 'send') at(1).tellMigration(id, { phase: 'switched' })
    }
    await drained(at(1))
    await stop(at(1))
  })

  test('what is in the way is shown with the reason, and a start there is refused', async () => {
    const off = await create(at(1), { start: false })
    for (const n of [0, 2]) await cloud.request('PATCH', `/v1/hosts/${at(n).id}`, { body: { schedulable: false } })
    await begin(at(1))
    const blocked = await eventually(async () => {
      const found = await look(at(1))
      assert.ok(found.obstacles.length > 0, JSON.stringify(found))
      return found
    })
    assert.match(blocked.obstacles.find(one => one.instance_id === off.id)?.reason ?? '', /No host can take/)
    assert.equal(blocked.state, 'draining')
    const odd = await cloud.request('GET', '/v1/hosts?attention=true')
    assert.deepEqual(
      odd.body.items?.map(one => [one.id, one.attention]),
      [[at(1).id, ['maintenance']]],
    )
    const waits = await cloud.request('GET', `/v1/operations/${blocked.operation_id}`)
    assert.equal(waits.body.state, 'waiting')
    assert.match(String(waits.body.reason), /cannot be moved now: 1\. The host's maintenance says why/)
    const start = await cloud.request('POST', `/v1/instances/${off.id}/start`, { body: {} })
    assert.equal(start.body.code, 'wrong_state')
    assert.match(String(start.body.detail), /in maintenance/)
    for (const n of [0, 2]) await cloud.request('PATCH', `/v1/hosts/${at(n).id}`, { body: { schedulable: true } })
    await drained(at(1))
    await stop(at(1))
    assert.deepEqual((await cloud.request('GET', '/v1/hosts?attention=true')).body.items, [])
  })

  test('of a host that does not answer it says how what is on it goes to others', async () => {
    await create(at(1))
    await at(1).disconnect()
    await begin(at(1))
    await eventually(async () => {
      await drain(cloud.cloud)
      const [first] = (await look(at(1))).obstacles
      assert.match(first?.reason ?? '', /does not answer.*croft host fence h2 --confirm-off.*croft host evacuate h2/)
    })
    await at(1).connect()
    await drained(at(1))
    await stop(at(1))
  })

  test('a try that failed is made again elsewhere after a while, and is shown until then', async () => {
    const one = await create(at(0))
    at(1).unready = 'its disk is full'
    at(2).unready = 'its disk is full'
    await begin(at(0))
    const failed = await eventually(async () => {
      await drain(cloud.cloud)
      const { obstacles } = await look(at(0))
      assert.match(
        obstacles.find(each => each.instance_id === one.id)?.reason ?? '',
        /last try failed: its disk is full/,
      )
      return obstacles
    })
    assert.ok(failed.length > 0)
    const first = await cloud.call(migrationRoutes.list, { query: { instance_id: one.id } })
    const tried = first.items[0]?.target_host_id
    at(1).unready = null
    at(2).unready = null
    await drained(at(0))
    const now = await cloud.request('GET', `/v1/instances/${one.id}`)
    assert.notEqual(now.body.host_id, tried)
    assert.equal(now.body.state, 'running')
    await stop(at(0))
  })

  test('ended early: what is on its way goes on, or is cancelled as asked', async () => {
    const one = await create(at(0))
    at(0).sends = 'on-and-on'
    await begin(at(0))
    await eventually(() => assert.ok(at(0).sent.has(one.id)))
    await stop(at(0), '?cancel_migrations=true')
    await eventually(async () => {
      const { items } = (await cloud.request('GET', `/v1/migrations?instance_id=${one.id}&open=true`)).body
      assert.deepEqual(items, [])
    })
    const now = await cloud.request('GET', `/v1/instances/${one.id}`)
    assert.equal(now.body.host_id, at(0).id)
    assert.equal(now.body.state, 'running')
  })

  test('tries get rarer, and never cease', () => {
    assert.deepEqual([1, 2, 3, 6, 60].map(backOff_s), [30, 60, 120, 900, 900])
  })
})
