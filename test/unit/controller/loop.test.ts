/** The background loop: one pass at a time, sooner when woken, again after a failure, and never after it is closed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { VirtualClock } from '../../../sim/clock.ts'
import { Loop } from '../../../src/controller/reconcilers/loop.ts'

/** Lets everything go on that can. */
const settle = () => new Promise(resolve => setImmediate(resolve))

/** A loop whose passes end when the test says so. */
function held() {
  const clock = new VirtualClock(0)
  const passes: { end(more?: boolean): void; fail(): void; signal: AbortSignal }[] = []
  let running = 0
  const loop = new Loop({
    name: 'a loop',
    clock,
    log: pino({ level: 'silent' }),
    every_ms: 1000,
    async pass(signal) {
      running += 1
      assert.equal(running, 1, 'two passes at once')
      const { promise, resolve, reject } = Promise.withResolvers<boolean>()
      passes.push({ end: (more = false) => resolve(more), fail: () => reject(new Error('no')), signal })
      try {
        return await promise
      } finally {
        running -= 1
      }
    },
  })
  /** Pass number `n`, which has begun once everything went on that could. */
  const pass = async (n: number) => {
    await settle()
    const found = passes[n - 1]
    assert.ok(found, `pass ${n} has not begun`)
    return found
  }
  return { loop, clock, pass, passes }
}

test('it does not run before it is woken; then again after its time, without being woken', async () => {
  const { loop, clock, pass, passes } = held()
  clock.step(10_000)
  assert.equal(passes.length, 0)
  loop.wake()
  ;(await pass(1)).end()
  await settle()
  clock.step(clock.now_ms() + 999)
  assert.equal(passes.length, 1)
  clock.step(clock.now_ms() + 1)
  ;(await pass(2)).end()
  await loop.close()
})

test('any number of wake-ups during a pass make one more pass', async () => {
  const { loop, pass, passes } = held()
  loop.wake()
  const first = await pass(1)
  for (let n = 0; n < 5; n++) loop.wake()
  assert.equal(passes.length, 1)
  first.end()
  const second = await pass(2)
  second.end()
  await settle()
  assert.equal(passes.length, 2)
  await loop.close()
})

test('a pass that has more to do is followed by the next at once', async () => {
  const { loop, pass, passes, clock } = held()
  loop.wake()
  ;(await pass(1)).end(true)
  ;(await pass(2)).end(true)
  ;(await pass(3)).end()
  await settle()
  assert.equal(passes.length, 3)
  assert.equal(clock.now_ms(), 0)
  await loop.close()
})

test('a failed pass is tried again later', async () => {
  const { loop, clock, pass } = held()
  loop.wake()
  ;(await pass(1)).fail()
  await settle()
  clock.step(clock.now_ms() + 1000)
  ;(await pass(2)).end()
  await loop.close()
})

test('closing tells the pass, waits for it, and nothing runs afterwards', async () => {
  const { loop, clock, pass, passes } = held()
  loop.wake()
  const first = await pass(1)
  let closed = false
  const closing = loop.close().then(() => (closed = true))
  assert.ok(first.signal.aborted)
  await settle()
  assert.equal(closed, false)
  first.end(true)
  await closing
  loop.wake()
  clock.step(clock.now_ms() + 100_000)
  await settle()
  assert.equal(passes.length, 1)
})
