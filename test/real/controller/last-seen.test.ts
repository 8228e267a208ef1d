/** When a host was last heard of: nothing is written of one that is well, and it is told all the same; of one that is not, it is what its controller knew. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { hostRoutes } from '../../../src/api/host.ts'
import { leaseTimes } from '../../../src/model/lease.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'

const hour_ms = 3_600_000

describe('controller/last-seen', () => {
  let own: Awaited<ReturnType<typeof testDatabase>>
  let cloud: TestCloud
  let host: ObedientHost

  before(async () => {
    own = await testDatabase()
    cloud = await testCloud({ database_url: own.url })
    host = await addHost(cloud, 'h1')
  })
  after(async () => {
    await cloud.close()
    await own.drop()
  })

  const db = () => cloud.cloud.database.db
  const shown = async (id = host.id) =>
    Date.parse((await cloud.call(hostRoutes.get, { params: { host: id } })).last_seen_at ?? '')
  const longAgo = () =>
    sql`update host set last_seen_at = croft_now() - interval '1 hour' where id = ${host.id}`.execute(db())
  /** When it last said that it is there. */
  const saidLast = async (id = cloud.cloud.self.id) => {
    const row = await db().selectFrom('controller').select('lease_until').where('id', '=', id).executeTakeFirstOrThrow()
    return row.lease_until.getTime() - leaseTimes.controller_lease_ms
  }

  test('one that is well was heard of as its controller was, though nothing was written of it for an hour', async () => {
    await longAgo()
    const before = await saidLast()
    const told = await shown()
    assert.ok(told >= before && told <= (await saidLast()), new Date(told).toISOString())
    const listed = (await cloud.call(hostRoutes.list, { query: { name: 'h1' } })).items[0]
    assert.ok(Date.parse(listed?.last_seen_at ?? '') >= before)
  })

  test('one that is late, and then gone: as long ago as was noted', async () => {
    const since = new Date(Date.now() - hour_ms / 2)
    await db().insertInto('host_absence').values({ host_id: host.id, cause: 'late', since }).execute()
    assert.equal(await shown(), since.getTime())
    await longAgo()
    await host.disconnect()
    assert.equal(await shown(), since.getTime())
    await host.connect()
    assert.ok((await shown()) > since.getTime())
  })

  test('one whose link ends: when it last said something', async () => {
    await host.disconnect()
    const before = Date.now()
    await host.connect()
    await longAgo()
    await host.disconnect()
    const told = await shown()
    // By the beginning of the transaction that notes it, less how long it was silent when that was asked: some time may be between.
    assert.ok(told >= before - 60_000 && told <= Date.now(), new Date(told).toISOString())
    await host.connect()
  })

  test('one whose controller is gone: when that was last there, whether others see to it or it begins anew hours later', async () => {
    const gone = { id: crypto.randomUUID(), name: 'gone', version: '0.0.1', agent_url: 'https://gone:7071' }
    const lease_until = new Date(Date.now() - 2 * hour_ms)
    const die = async (controller_id: string, host_id: string) => {
      await db()
        .insertInto('controller')
        .values({ ...gone, id: controller_id, lease_until })
        .execute()
      await db().deleteFrom('host_absence').where('host_id', '=', host_id).execute()
      await sql`update host set session_controller_id = ${controller_id}::uuid, last_seen_at = croft_now() - interval '3 hours'
        where id = ${host_id}`.execute(db())
    }
    const near = (told: number) => {
      const off_ms = told - (lease_until.getTime() - leaseTimes.controller_lease_ms)
      assert.ok(Math.abs(off_ms) < 60_000, `${off_ms} ms off`)
    }
    const [one, other] = [await addHost(cloud, 'one'), await addHost(cloud, 'other')]
    for (const each of [one, other]) await each.disconnect()
    await die(gone.id, one.id)
    await cloud.cloud.agents.writeOff([{ id: one.id, epoch: await epochOf(one.id) }])
    near(await shown(one.id))
    const again = crypto.randomUUID()
    await die(again, other.id)
    const second = await testCloud({ database_url: own.url, controller_id: again })
    near(await shown(other.id))
    await second.close()
  })

  const epochOf = async (id: string) =>
    (await db().selectFrom('host').select('session_epoch').where('id', '=', id).executeTakeFirstOrThrow()).session_epoch
})
