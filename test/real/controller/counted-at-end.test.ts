/**
 * A host that has heard of more than its database counts shows that the database is an older one. What that has done itself with the host since
 * it lost its link is none of what the host can have heard, and hides nothing.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, mock, test } from 'node:test'
import { sql } from 'kysely'
import { hostRoutes } from '../../../src/api/host.ts'
import { heldPlace } from '../../../src/controller/store/held-place.ts'
import { host as hostStore } from '../../../src/controller/store/host.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'

describe('controller/counted-at-end', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let body: Record<string, unknown>
  let hosts = 0

  before(async () => {
    cloud = await testCloud()
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const network_id = await addNetwork(cloud)
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks: [{ network_id }] }
    await liftQuotas(cloud)
  })
  beforeEach(async () => {
    host = await addHost(cloud, `h${++hosts}`)
  })
  after(() => cloud.close())

  const shown = () => cloud.call(hostRoutes.get, { params: { host: host.id } })

  async function create(name: string): Promise<string> {
    const given = { ...body, name, host_id: host.id }
    const made = await cloud.request('POST', '/v1/instances', { body: given, headers: { prefer: 'wait=10' } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    return String(made.body.items?.[0]?.id)
  }

  /** What the host can have heard by now. */
  async function counted(): Promise<number> {
    const { rows } = await sql<{
      n: number
    }>`select changes + passed as n from host_claim where host_id = ${host.id}`.execute(cloud.cloud.database.db)
    return rows[0]?.n ?? 0
  }

  /** The database takes from the host and gives back, as when instances of it are restarted elsewhere. */
  async function changeItself(times: number): Promise<void> {
    const nothing = { host_id: host.id, vcpus: 0, memory_mib: 0, disk_gib: 0 }
    for (let n = 0; n < times; n++) await cloud.cloud.database.transaction(tx => hostStore.release(tx, [nothing]))
  }

  function holdsOf(id: string) {
    const wanted = host.wanted.get(id)
    assert.ok(wanted)
    const { generation, details_version } = wanted
    return { id, generation, details_version, power: 'running' as const }
  }

  test('an instance that went elsewhere by what was lost is not told to the host again', async () => {
    const [gone, here] = [await create('gone'), await create('here')]
    host.holds = [holdsOf(here)]
    // By the database that is lost, `gone` went to another host.
    host.heard_as_of = (await counted()) + 2
    await host.disconnect()
    await changeItself(5)
    assert.ok((await counted()) > host.heard_as_of)
    host.wanted.clear()
    await host.connect()
    assert.deepEqual(
      (await shown()).disagreements.map(one => [one.instance_id, one.kind]),
      [[gone, 'missing']],
    )
    assert.ok(!host.wanted.has(gone), 'nobody is told of it while it is in doubt')
    // It is said once; what is counted from now on is beyond what was heard.
    await host.disconnect()
    await host.connect()
    assert.equal((await shown()).disagreements.length, 1)
  })

  test('a host that has heard of all that was counted lacks only what it was never told', async () => {
    const here = await create('told')
    host.holds = [holdsOf(here)]
    host.heard_as_of = await counted()
    await host.disconnect()
    await changeItself(3)
    await host.connect()
    assert.deepEqual((await shown()).disagreements, [])
    const row = await cloud.cloud.database.db
      .selectFrom('host')
      .select('counted_at_end')
      .where('id', '=', host.id)
      .executeTakeFirstOrThrow()
    assert.equal(row.counted_at_end, null, 'while it is linked all that is counted may be heard')
    host.holds = []
    host.wanted.clear()
    await host.disconnect()
    await host.connect()
    assert.deepEqual((await shown()).disagreements, [])
    assert.ok(host.wanted.has(here), 'its disk was lost, not its database')
  })

  /** A link to a controller of the version before: it neither clears nor writes what was counted at the end. */
  async function linkedBefore(doing: () => Promise<void>): Promise<void> {
    const { database, self } = cloud.cloud
    await sql`update host set session_controller_id = ${self.id}, session_epoch = session_epoch + 1 where id = ${host.id}`.execute(
      database.db,
    )
    await doing()
    await sql`update host set session_controller_id = null where id = ${host.id}`.execute(database.db)
  }

  test('what a controller of the version before told the host since was counted', async () => {
    const here = await create('told-by-others')
    await host.disconnect()
    const end = await counted()
    await linkedBefore(() => changeItself(3))
    host.heard_as_of = await counted()
    assert.ok(host.heard_as_of > end)
    // Seen to alone, by what it holds besides, and lacking what it was told: its disk was lost, not its database.
    const unknown = crypto.randomUUID()
    host.holds = [{ id: unknown, generation: 3, details_version: 1, power: 'running' }]
    host.wanted.clear()
    await host.connect()
    assert.deepEqual(
      (await shown()).disagreements.map(one => [one.instance_id, one.kind]),
      [[unknown, 'orphaned']],
    )
    assert.ok(host.wanted.has(here))
    await host.disconnect()
  })

  test('the same of a host that holds nothing besides: it begins with the others', async () => {
    const alone = mock.method(hostStore, 'beginSession')
    await host.disconnect()
    await linkedBefore(() => changeItself(3))
    host.heard_as_of = await counted()
    await host.connect()
    const calls = alone.mock.callCount()
    alone.mock.restore()
    assert.equal(calls, 0, 'there is nothing to look at')
  })

  test('who is asked again what it holds while it has no link has heard no more by that', async () => {
    const gone = await create('asked-again')
    host.holds = []
    host.heard_as_of = (await counted()) + 2
    await host.disconnect()
    await cloud.cloud.database.transaction(tx => heldPlace.askAgain(tx, [host.id]))
    await changeItself(5)
    host.wanted.clear()
    await host.connect()
    assert.deepEqual(
      (await shown()).disagreements.map(one => [one.instance_id, one.kind]),
      [[gone, 'missing']],
    )
  })

  test('what is counted while the end of a link waits for the host is counted at its end', async () => {
    const { database } = cloud.cloud
    let ended: Promise<void> | undefined
    await database.transaction(async tx => {
      await hostStore.lockAll(tx, [host.id])
      await hostStore.release(tx, [{ host_id: host.id, vcpus: 0, memory_mib: 0, disk_gib: 0 }])
      ended = host.disconnect()
      await eventually(async () => {
        const { rows } = await sql`select from pg_locks where not granted`.execute(database.db)
        assert.ok(rows.length > 0)
      })
    })
    await ended
    const row = await database.db
      .selectFrom('host')
      .select('counted_at_end')
      .where('id', '=', host.id)
      .executeTakeFirstOrThrow()
    assert.equal(row.counted_at_end, await counted())
  })

  test('who has lost the host’s link tells it nothing more: it would have heard of more than was counted', async () => {
    const closed = Promise.withResolvers<void>()
    host.onClosed = () => closed.resolve()
    const { database } = cloud.cloud
    const row = await database.db
      .selectFrom('host')
      .select('session_epoch')
      .where('id', '=', host.id)
      .executeTakeFirstOrThrow()
    await database.transaction(tx =>
      hostStore.endSessions(tx, [{ host_id: host.id, epoch: row.session_epoch, left_ms: null }]),
    )
    const told: string[] = []
    host.onWanted = () => told.push('wanted')
    await changeItself(1)
    cloud.cloud.agents.wake(host.id)
    await closed.promise
    assert.deepEqual(told, [])
    host.onClosed = null
    await host.connect()
    await eventually(async () => assert.equal((await shown()).state, 'up'))
  })
})
