/** A controller whose wall clock is set while it runs: how long somebody was silent is a length of time, which nobody sets. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { clockWhile, VirtualClock } from '../../../sim/clock.ts'
import { factsOf } from '../../../sim/facts.ts'
import { simulatedSamples } from '../../../sim/samples.ts'
import { EventHub } from '../../../src/controller/app/event-hub.ts'
import { endUnrenewed, type SeenLeases } from '../../../src/controller/reconcilers/controllers.ts'
import { controller } from '../../../src/controller/store/controller.ts'
import type { Tx } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { leader } from '../../../src/controller/store/leader.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { leaseTimes } from '../../../src/model/lease.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, type ObedientHost } from '../../support/obedient-host.ts'

const hour_ms = 3_600_000
const { heartbeat_ms, silence_ms_max } = leaseTimes

describe('controller/clock-steps', () => {
  const time = new VirtualClock(Date.now())
  const wall = { off_ms: 0 }
  let cloud: TestCloud
  let living: ObedientHost
  let dying: ObedientHost

  before(async () => {
    cloud = await testCloud({ clock: clockWhile(time, () => true, wall) })
    living = await addHost(cloud, 'living')
    dying = await addHost(cloud, 'dying')
    await dying.disconnect()
  })
  after(() => cloud.close())

  /** Time goes on by so much, with all that is due meanwhile. */
  const pass = (ms: number) => {
    const until_ms = time.steady_ms() + ms
    while (time.step(until_ms));
  }

  /** A link of a host of which nothing is heard any more once it has begun; and why it ended, as soon as it has. */
  async function lastWord(): Promise<{ ended: string | null; closed: Promise<void> }> {
    const begun = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const link = { ended: null as string | null, closed: closed.promise }
    const { agents } = cloud.cloud
    const session = agents.accept(dying.id, {
      send: frame => frame.type === 'wanted' && begun.resolve(),
      close: reason => {
        link.ended = reason
        void agents.closed(session).then(closed.resolve)
      },
    })
    await session.receive(JSON.stringify({ type: 'hello', protocol: 1, facts: factsOf('dying'), holds: [] }))
    await begun.promise
    return link
  }

  for (const [way, step_ms] of [
    ['forward', hour_ms],
    ['back', -hour_ms],
  ] as const) {
    test(`an hour ${way}: no link ends for it, and a host that is silent is found in its time`, async () => {
      const link = await lastWord()
      pass(heartbeat_ms)
      wall.off_ms += step_ms
      pass(silence_ms_max - heartbeat_ms - 1000)
      assert.deepEqual([living.ended, link.ended], [null, null], 'nobody was silent for too long')
      pass(3000)
      assert.match(String(link.ended), /^silent for 1[67]\d{3} ms$/)
      assert.equal(living.ended, null)
      await link.closed
      pass(10 * heartbeat_ms)
      assert.equal(living.ended, null)
    })
  }

  test('events are read on after a step back', { timeout: 60_000 }, async () => {
    const { database, log } = cloud.cloud
    const clock = clockWhile(realClock, () => true, wall)
    const hub = new EventHub({ database, clock, log })
    await hub.start()
    const heard = new Set<string>()
    let news = Promise.withResolvers<void>()
    const unwatch = hub.watch(events => {
      for (const one of events) heard.add(one.resource_id ?? '')
      news.resolve()
      news = Promise.withResolvers()
    })
    const happens = async () => {
      const resource_id = crypto.randomUUID()
      const one = { noun: 'host', kind: 'changed', resource_id, project_id: null }
      await database.transaction(tx => event.record(tx, [one]))
      while (!heard.has(resource_id)) await news.promise
    }
    await happens()
    wall.off_ms -= hour_ms
    await happens()
    unwatch()
    await hub.close()
  })

  /** As if the database's clock stood so. */
  const at = <T>(by_ms: number, work: (tx: Tx) => Promise<T>) =>
    cloud.cloud.database.transaction(async tx => {
      await sql`select set_config('croft.now', ${new Date(Date.now() + by_ms).toISOString()}, true)`.execute(tx)
      return await work(tx)
    })

  const leaseOf = (id: string) => ({
    ...{ id, name: id, version: '0', agent_url: 'https://x' },
    lease_until: new Date(Date.now() + hour_ms),
  })

  test("the database's, an hour back: who leads goes on doing so, is followed once it is gone, and counts as steady from then", async () => {
    const { db } = cloud.cloud.database
    const rules = { lease_s: 10, gap_s: 5 }
    const lead = (by_ms: number, id: string) => at(by_ms, tx => leader.lead(tx, 'clock-steps', id, rules))
    const [one, other, third] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
    await db.insertInto('controller').values([one, other, third].map(leaseOf)).execute()
    assert.equal((await lead(0, one))?.steady_ms, 0)
    assert.equal(await lead(4000, other), null)
    // It has done so for 4 s, and is not said to begin in an hour.
    assert.equal((await lead(4000 - hour_ms, one))?.steady_ms, 0)
    assert.ok(((await lead(8000 - hour_ms, one))?.steady_ms ?? 0) > 0)
    // Once more, and it dies.
    assert.equal(await lead(8000 - 2 * hour_ms, other), null)
    await db.deleteFrom('controller').where('id', '=', one).execute()
    assert.equal((await lead(8000 - 2 * hour_ms, other))?.steady_ms, 0)
    assert.ok(((await lead(12_000 - 2 * hour_ms, other))?.steady_ms ?? 0) > 0)
    assert.equal(await lead(14_000 - 2 * hour_ms, third), null)
    await db.deleteFrom('controller').where('id', 'in', [other, third]).execute()
  })

  test("the database's, an hour back: a controller that is gone is missed in its time, and one that is there is not", async () => {
    const { database, self } = cloud.cloud
    const [gone, there] = [crypto.randomUUID(), crypto.randomUUID()]
    await database.db
      .insertInto('controller')
      .values([leaseOf(gone), leaseOf(there)])
      .execute()
    const seen: SeenLeases = new Map()
    const holding = async () => (await controller.othersLeases(database.db, self.id)).map(one => one.id)
    const look = async () => {
      await endUnrenewed(cloud.cloud, seen)
      await database.db
        .updateTable('controller')
        .set({ lease_until: sql<Date>`lease_until + interval '5 seconds'` })
        .where('id', '=', there)
        .execute()
      pass(leaseTimes.controller_pass_ms)
    }
    for (let n = 0; n < 5; n++) await look()
    assert.deepEqual((await holding()).sort(), [gone, there].sort())
    await look()
    assert.deepEqual(await holding(), [there])
    await database.db.deleteFrom('controller').where('id', 'in', [gone, there]).execute()
  })

  test('what a host measures is not taken for old, and goes when it is', async () => {
    const { metrics, clock } = cloud.cloud
    const sampled = await simulatedSamples('living', clock, { running: () => [] }, { cpus: 8, memory_mib: 1000 }).host()
    await living.measure({ taken_ms: 1000, host: sampled, instances: [] })
    wall.off_ms += hour_ms
    metrics.sweep()
    assert.ok(metrics.latest(living.id))
    wall.off_ms -= 2 * hour_ms
    pass(91_000)
    metrics.sweep()
    assert.equal(metrics.latest(living.id), undefined)
    await metrics.flush()
  })
})
