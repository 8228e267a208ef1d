/** A controller whose wall clock is set while it runs: how long somebody was silent is a length of time, which nobody sets. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clockWhile, VirtualClock } from '../../../sim/clock.ts'
import { factsOf } from '../../../sim/facts.ts'
import { simulatedSamples } from '../../../sim/samples.ts'
import { EventHub } from '../../../src/controller/app/event-hub.ts'
import { event } from '../../../src/controller/store/event.ts'
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
