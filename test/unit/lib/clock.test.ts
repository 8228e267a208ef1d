/** Steady time on a real machine. */
import assert from 'node:assert/strict'
import { uptime } from 'node:os'
import { test } from 'node:test'
import { realClock } from '../../../src/lib/clock.ts'

/** As `steady_ms` promises of two processes of one machine. */
const apart_ms = 15

void test('steady time is as fine as milliseconds, never goes back, and is that of every process of the machine', () => {
  const until_ms = performance.now() + 200
  const [steady, running] = [new Set<number>(), new Set<number>()]
  let last_ms = 0
  while (performance.now() < until_ms) {
    const least_ms = uptime() * 1000
    running.add(Math.floor(performance.now()))
    const now_ms = realClock.steady_ms()
    steady.add(now_ms)
    assert.ok(Number.isInteger(now_ms) && now_ms >= last_ms, `${now_ms} after ${last_ms}`)
    assert.ok(now_ms >= least_ms - apart_ms && now_ms <= uptime() * 1000 + apart_ms, `${now_ms - least_ms} ms apart`)
    last_ms = now_ms
  }
  // Whatever else the machine does in between is missed by both.
  assert.ok(steady.size >= 0.8 * running.size, `${steady.size} different times in ${running.size} milliseconds`)
})
