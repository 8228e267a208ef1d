/** What a controller grants to hosts, and what it writes when a link has ended. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { leaseTimes, leftByOther_ms, wait_ms } from '../../../src/model/lease.ts'
import type { ControllerFrame } from '../../../src/protocol/messages.ts'
import { factsOf } from '../../../sim/facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'

describe('controller/lease', () => {
  let cloud: TestCloud
  let host: ObedientHost

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1')
  })
  after(() => cloud.close())

  const row = () =>
    cloud.cloud.database.db.selectFrom('host').selectAll().where('id', '=', host.id).executeTakeFirstOrThrow()

  /** A link of the host, and what is answered to its pings. */
  async function link() {
    const pongs: Extract<ControllerFrame, { type: 'pong' }>[] = []
    const begun = Promise.withResolvers<void>()
    const session = cloud.cloud.agents.accept(host.id, {
      send: frame => {
        if (frame.type === 'pong') pongs.push(frame)
        if (frame.type === 'wanted') begun.resolve()
      },
      close: () => void cloud.cloud.agents.closed(session),
    })
    await session.receive(JSON.stringify({ type: 'hello', protocol: 1, facts: factsOf('h1'), holds: [] }))
    await begun.promise
    const ping = async (sent_ms: number) => {
      await session.receive(JSON.stringify({ type: 'ping', sent_ms }))
      return pongs.at(-1)
    }
    return { session, ping, end: () => cloud.cloud.agents.closed(session) }
  }

  test('a pong grants, counted from its ping; the end of the link says how long that lasts', async () => {
    const at = await link()
    assert.deepEqual(await at.ping(1234.5), { type: 'pong', sent_ms: 1234.5, lease_ms: leaseTimes.lease_ms })
    assert.equal((await row()).lease_over_at, null)
    const before_ms = Date.now()
    await at.end()
    const { lease_left_ms, lease_over_at, session_controller_id } = await row()
    assert.equal(session_controller_id, null)
    // The link has just begun, so another controller may have granted on the one before.
    const most = leftByOther_ms(leaseTimes.lease_ms)
    assert.ok(lease_left_ms !== null && lease_left_ms <= most && lease_left_ms > most - 10_000, String(lease_left_ms))
    const over_ms = (lease_over_at?.getTime() ?? 0) - before_ms
    assert.ok(over_ms > wait_ms(lease_left_ms) - 1000 && over_ms < wait_ms(lease_left_ms) + 10_000, String(over_ms))
    const next = await link()
    assert.equal((await row()).lease_over_at, null, 'a new link: nothing is over')
    await next.end()
  })

  test('before the hello, and after too long without a look at the database, nothing is granted', async () => {
    const session = cloud.cloud.agents.accept(host.id, { send: () => undefined, close: () => undefined })
    await session.receive(JSON.stringify({ type: 'ping', sent_ms: 1 }))
    await cloud.cloud.agents.closed(session)
    const at = await link()
    const { clock } = cloud.cloud
    const real = clock.steady_ms
    try {
      clock.steady_ms = () => real() + leaseTimes.grant_ms
      assert.deepEqual(await at.ping(1), { type: 'pong', sent_ms: 1 })
      await cloud.cloud.agents.reconcile()
      assert.equal((await at.ping(2))?.lease_ms, leaseTimes.lease_ms)
    } finally {
      clock.steady_ms = real
      await at.end()
    }
  })

  test('a link that another controller has ended grants no more after its look, and its end changes nothing', async () => {
    const at = await link()
    await cloud.cloud.database.db
      .updateTable('host')
      .set({ session_controller_id: null, lease_left_ms: 45_000 })
      .where('id', '=', host.id)
      .execute()
    await cloud.cloud.agents.reconcile()
    assert.equal(cloud.cloud.agents.get(host.id), undefined)
    await at.end()
    assert.equal((await row()).lease_left_ms, 45_000)
  })

  test('who ends the link of another controller reckons with what that may still grant', async () => {
    const at = await link()
    await cloud.cloud.database.db
      .updateTable('host')
      .set({ session_controller_id: crypto.randomUUID(), session_epoch: 1000 })
      .where('id', '=', host.id)
      .execute()
    const { keepLease } = await import('../../../src/controller/reconcilers/controllers.ts')
    await keepLease(cloud.cloud)
    assert.equal((await row()).lease_left_ms, leftByOther_ms(leaseTimes.lease_ms))
    await at.end()
  })
})
