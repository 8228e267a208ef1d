/** Passes that read everything: at once when there was none lately, else after a rest, once for all who asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../../sim/clock.ts'
import { Pacer } from '../../../src/controller/reconcilers/pacer.ts'

function paced() {
  const clock = new VirtualClock(0)
  const woken_ms: number[] = []
  const pacer = new Pacer(clock, () => woken_ms.push(clock.now_ms()), { rest: 4, rest_ms_max: 3000 })
  const until = (ms: number) => {
    while (clock.step(ms));
  }
  return { clock, pacer, woken_ms, until }
}

test('the first is let through at once; after a pass, what is asked for meanwhile waits for its rest and comes once', () => {
  const { pacer, woken_ms, until } = paced()
  pacer.ask()
  assert.deepEqual(woken_ms, [0])
  until(100)
  pacer.passed(100)
  pacer.ask()
  until(300)
  pacer.ask()
  until(499)
  assert.deepEqual(woken_ms, [0])
  until(10_000)
  assert.deepEqual(woken_ms, [0, 500])
  pacer.ask()
  assert.deepEqual(woken_ms, [0, 500, 10_000], 'rested for long')
})

test('no rest is longer than the longest, and none comes after the end', () => {
  const { pacer, woken_ms, until } = paced()
  pacer.passed(60_000)
  pacer.ask()
  until(2999)
  assert.deepEqual(woken_ms, [])
  until(3000)
  assert.deepEqual(woken_ms, [3000])
  pacer.passed(1000)
  pacer.ask()
  pacer.close()
  until(60_000)
  assert.deepEqual(woken_ms, [3000])
})

test('who asks after the end asks in vain, and leaves no timer behind', () => {
  const { pacer, woken_ms, until } = paced()
  pacer.passed(1000)
  pacer.close()
  pacer.ask()
  until(60_000)
  pacer.ask()
  assert.deepEqual(woken_ms, [])
})

test('what is asked for while everything is read may not be in it: it comes after the rest, once', async () => {
  const { clock, pacer, woken_ms, until } = paced()
  const read = await pacer.timed(() => {
    pacer.ask()
    pacer.ask()
    until(100)
    return Promise.resolve('read')
  })
  assert.equal(read, 'read')
  assert.deepEqual(woken_ms, [])
  until(499)
  assert.deepEqual(woken_ms, [])
  until(10_000)
  assert.deepEqual(woken_ms, [500])
  await assert.rejects(pacer.timed(() => Promise.reject(new Error('the database is away'))))
  pacer.ask()
  assert.deepEqual(woken_ms, [500, clock.now_ms()])
})
