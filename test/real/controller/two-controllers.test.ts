/** Two controllers over one database: what one is told the other knows, and either may go. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { controllerRoutes } from '../../../src/api/controller.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { spread } from '../../../src/controller/reconcilers/balance.ts'
import { mustBeAlone, SameController } from '../../../src/controller/reconcilers/controllers.ts'
import { host as hostStore } from '../../../src/controller/store/host.ts'
import { DatabaseTooNew, migrate } from '../../../src/controller/store/migrate.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'
import { replyOf } from '../../support/reply.ts'

let own: Awaited<ReturnType<typeof testDatabase>>
let one: TestCloud
let other: TestCloud
let host: ObedientHost
let body: Record<string, unknown>

describe('controller/two-controllers', () => {
  before(async () => {
    own = await testDatabase()
    one = await testCloud({ database_url: own.url })
    other = await testCloud({ database_url: own.url })
    host = await addHost(one, 'h1', { memory_mib: 64_000 })
    const flavors = await one.request('GET', '/v1/flavors?name=tiny')
    const [flavor] = flavors.body.items ?? []
    body = {
      name: 'shared',
      flavor_id: flavor?.id,
      image_id: await addImage(one),
      networks: [{ network_id: await addNetwork(one) }],
    }
  })
  after(async () => {
    await other.close()
    await one.close()
    await own.drop()
  })

  test('a host linked to one controller serves requests at the other, which also waits for the outcome', async () => {
    const made = await other.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    assert.equal((made.body.operation as Operation).state, 'succeeded', JSON.stringify(made.body))
    const [instance] = replyOf(instanceRoutes.create, made).items
    assert.equal(instance?.state, 'running')
    const stopped = await other.request('POST', `/v1/instances/${instance?.id}/stop`, {
      body: {},
      headers: { prefer: 'wait=20' },
    })
    assert.equal((stopped.body.instance as Instance).state, 'stopped')
  })

  test('both are told of, with their hosts, and who leads; one that says nothing any more is told of as well', async () => {
    const third = { id: crypto.randomUUID(), name: 'gone', version: '0.0.1', agent_url: 'https://gone:7071' }
    const { db } = one.cloud.database
    await db
      .insertInto('controller')
      .values({ ...third, lease_until: sql<Date>`croft_now() - interval '1 minute'` })
      .execute()
    const { items } = await other.call(controllerRoutes.list, { query: { sort: 'name' } })
    assert.deepEqual(
      items.map(({ id, state, version, hosts }) => ({ id, state, version, hosts })).sort((a, b) => b.hosts - a.hosts),
      [
        { id: one.cloud.self.id, state: 'running', version: '0.0.0', hosts: 1 },
        { id: third.id, state: 'silent', version: '0.0.1', hosts: 0 },
        { id: other.cloud.self.id, state: 'running', version: '0.0.0', hosts: 0 },
      ],
    )
    assert.deepEqual(
      items.flatMap(one => one.leads),
      ['availability'],
    )
    const paged = await one.call(controllerRoutes.list, { query: { limit: 2 } })
    assert.equal(paged.items.length, 2)
    assert.ok(paged.next)
    await db.deleteFrom('controller').where('id', '=', third.id).execute()
  })

  test('one that begins with a copy of another’s folder, and so its id, does not; one that came after another was lost does', async () => {
    const { database } = one.cloud
    const { db } = database
    const first = { id: crypto.randomUUID(), name: 'first', version: '0.0.0', agent_url: 'https://first:7071' }
    const leaseFor = (seconds: number) => ({ lease_until: sql<Date>`croft_now() + make_interval(secs => ${seconds})` })
    await db
      .insertInto('controller')
      .values({ ...first, ...leaseFor(20) })
      .execute()
    const become = async (seconds: number) =>
      void (await db.updateTable('controller').set(leaseFor(seconds)).where('id', '=', first.id).execute())
    const begin = (self: typeof first, sleep: () => Promise<void>) =>
      mustBeAlone({ database, self, clock: { ...realClock, sleep } })
    const never = () => Promise.reject(new Error('it waits'))
    await begin(first, never)
    await begin({ ...first, id: crypto.randomUUID() }, never)
    const copy = { ...first, agent_url: 'https://second:7071' }
    await assert.rejects(
      begin(copy, () => become(25)),
      (error: unknown) => error instanceof SameController && /first:7071.*Remove controller-id/.test(error.message),
    )
    // Its last renewal was written only after it was killed.
    const left = [30, -1]
    await become(20)
    await begin(copy, () => become(left.shift() ?? 30))
    assert.deepEqual(left, [])
    await db.deleteFrom('controller').where('id', '=', first.id).execute()
  })

  test('one key sent to both controllers at once makes one instance', async () => {
    const headers = { 'idempotency-key': 'both' }
    const answers = await Promise.all(
      [one, other].map(cloud => cloud.request('POST', '/v1/instances', { body, headers })),
    )
    const ids = answers.map(answer => replyOf(instanceRoutes.create, answer).items[0]?.id)
    assert.ok(ids[0])
    assert.equal(ids[0], ids[1])
  })

  test('a host that dials the other controller is heard there, and no longer through the old link', async () => {
    const before = await one.cloud.database.db.selectFrom('host').select('session_epoch').executeTakeFirstOrThrow()
    host.test = other
    await host.connect()
    const row = await one.cloud.database.db.selectFrom('host').selectAll().executeTakeFirstOrThrow()
    assert.equal(row.session_controller_id, other.cloud.self.id)
    assert.ok(row.session_epoch > before.session_epoch)
    const made = await one.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    assert.equal((made.body.operation as Operation).state, 'succeeded')
  })

  test('a controller that joins is given its share of the hosts, one after the other, and nobody notices', async t => {
    const all: ObedientHost[] = []
    // As agents do: sent away, they dial another one. The controller's own passes may have begun with it.
    const dialled: Promise<void>[] = []
    t.after(() => all.forEach(each => (each.onClosed = null)))
    const goOn = (each: ObedientHost) => {
      all.push(each)
      each.onClosed = () => {
        each.test = other
        dialled.push(each.connect())
      }
    }
    host.test = one
    await host.connect()
    goOn(host)
    for (let n = 2; n <= 12; n++) goOn(await addHost(one, `b${n}`))
    // What nobody waits for any more keeps no host here, though it was never answered.
    const probe = { address: '127.0.0.1', ports: [1], timeout_ms: 100 }
    const asked = all.map(({ id }) => one.cloud.calls.ask(id, { method: 'probe', ...probe }, { timeout_ms: 100 }))
    for (const { status } of await Promise.allSettled(asked)) assert.equal(status, 'rejected')
    const { db } = one.cloud.database
    const links = () => hostStore.linksByController(db)
    // A link that is busy is left for a later pass, and one that was sent away ends when its host has heard.
    const given = await eventually(async () => {
      for (const cloud of [one.cloud, other.cloud]) await spread(cloud)
      await Promise.all(dialled)
      const came = await links()
      const [left = 0, there = 0] = [came.get(one.cloud.self.id), came.get(other.cloud.self.id)]
      assert.equal(left + there, 12)
      assert.ok(there >= 4, `${there} of 12`)
      return there
    })
    assert.ok(given <= 6, `${given} of 12`)
    assert.equal(dialled.length, given, 'none was sent to and fro')
    // No host was shown as unreachable on the way, and the instances there are known all the time.
    const lost = await db
      .selectFrom('event')
      .select('detail')
      .where('noun', '=', 'host')
      .where('kind', '=', 'changed')
      .execute()
    assert.deepEqual(
      lost.filter(row => JSON.stringify(row.detail).includes('controller_gone')),
      [],
    )
    const made = await one.request('POST', '/v1/instances', {
      body: { ...body, count: 12 },
      headers: { prefer: 'wait=20' },
    })
    assert.equal((made.body.operation as Operation).state, 'succeeded', JSON.stringify(made.body.operation))
  })

  test('a database written by a newer Croft is left alone, and says so', async () => {
    const { db } = one.cloud.database
    await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '2099')`.execute(db)
    await assert.rejects(
      migrate(db),
      (error: unknown) => error instanceof DatabaseTooNew && /9999-future/.test(error.message),
    )
    await sql`delete from kysely_migration where name = '9999-future'`.execute(db)
    assert.deepEqual(await migrate(db), [])
  })
})
