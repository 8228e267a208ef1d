/** Guests that crash, and guests whose watchdog fires: what is done, and what people are told of it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nothingDone } from '../../../src/agent/reconcilers/done.ts'
import { planInstance, reportInstance, type Situation, started } from '../../../src/agent/reconcilers/instance-plan.ts'
import { domain, wantedInstance } from './fakes.ts'

const now_ms = Date.parse('2030-01-01T00:00:00Z')
const off = domain({ power: 'off', off_reason: 'crashed' })

function crashed(change: Partial<Situation> = {}): Situation {
  const done = { ...nothingDone, applied_generation: 1, ran_in_boot: 'b', started_at: new Date(now_ms).toISOString() }
  return { wanted: wantedInstance({ generation: 1 }), done, domain: off, now_ms, boot_id: 'b', ...change }
}

describe('crashes', () => {
  test('how often, when last and when next is told, and the wait doubles', () => {
    let at = crashed()
    const waits: (number | null)[] = []
    for (let n = 1; n <= 5; n++) {
      const plan = planInstance(at)
      const told = reportInstance({ ...at, done: plan.done }, null).crashes
      assert.equal(told?.count, n)
      assert.equal(told?.last_at, new Date(now_ms).toISOString())
      waits.push(told?.next_try_at === null ? null : Date.parse(told?.next_try_at ?? '') - now_ms)
      at = crashed({ done: { ...plan.done, ran_in_boot: 'b' } })
    }
    assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000])
    const last = planInstance(at)
    const told = reportInstance({ ...at, done: last.done }, null)
    assert.equal(last.act, null)
    assert.deepEqual([told.power, told.crashes?.given_up, told.crashes?.next_try_at], ['crashed', true, null])
  })

  test('one that is to stay off does, and says why; starting it anew is a new wish', () => {
    const at = crashed({ wanted: wantedInstance({ generation: 1, on_crash: 'stop' }) })
    const plan = planInstance(at)
    assert.equal(plan.act, null)
    const told = reportInstance({ ...at, done: plan.done }, null)
    assert.match(told.failure ?? '', /on_crash: stop/)
    assert.deepEqual([told.power, told.crashes?.count, told.crashes?.given_up], ['crashed', 1, true])
    const again = planInstance({ ...at, done: plan.done, wanted: { ...at.wanted, generation: 2 } })
    assert.equal(again.act, 'start')
    assert.equal(again.done.crashes, 0)
  })

  test('a clock that was set back makes nobody wait for the time that it was', () => {
    const first = planInstance(crashed()).done
    const second = planInstance(crashed({ done: { ...first, ran_in_boot: 'b' } }))
    assert.equal(second.act, null, 'it waits for a second')
    assert.equal(planInstance(crashed({ done: second.done, now_ms: now_ms - 3_600_000 })).act, 'start')
  })

  test('killed for want of a lease is no crash', () => {
    const plan = planInstance(crashed({ killed_at: new Date(now_ms + 1000).toISOString() }))
    assert.deepEqual([plan.act, plan.done.crashes], ['start', 0])
    // An older one explains nothing.
    assert.equal(planInstance(crashed({ killed_at: new Date(now_ms - 1000).toISOString() })).done.crashes, 1)
  })

  test('a clock that was set between start and kill makes neither a crash of the kill nor a kill of a later crash', () => {
    const at = { ...crashed(), killed_at: null }
    const ran = { ...started(at), ran_in_boot: 'b' }
    const an_hour_back = new Date(now_ms - 3_600_000).toISOString()
    const killed = planInstance({ ...at, done: ran, killed_at: an_hour_back })
    assert.deepEqual([killed.act, killed.done.crashes], ['start', 0])
    // Killed by a clock that was ahead, and started again.
    const an_hour_on = new Date(now_ms + 3_600_000).toISOString()
    const again = { ...started({ ...at, killed_at: an_hour_on }), ran_in_boot: 'b' }
    assert.equal(planInstance({ ...at, done: again, killed_at: an_hour_on }).done.crashes, 1)
  })

  test('a clock that was set says nothing of whether its watchdog switched it off', () => {
    const fired = (fired_at: string) =>
      ({ fired_at, action: 'poweroff', count: 1, dump_file: null, dump_failure: null }) as const
    const ran = started(crashed())
    const off = planInstance(crashed({ done: { ...ran, watchdog: fired(new Date(now_ms - 3_600_000).toISOString()) } }))
    assert.deepEqual([off.act, off.done.stopped_by_guest], [null, 1])
    const before = { ...ran, watchdog: fired(new Date(now_ms + 3_600_000).toISOString()) }
    const again = started(crashed({ done: before }))
    assert.equal(planInstance(crashed({ done: again })).done.crashes, 1)
  })

  test('nothing is said of what never was', () => {
    const told = reportInstance({ wanted: wantedInstance(), done: nothingDone, domain: null }, null)
    assert.ok(!('crashes' in told) && !('watchdog' in told))
  })
})
