import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextDowntime, pausesOf } from '../../../src/agent/drivers/move/downtime.ts'
import { forgetsWrites } from '../../../src/agent/drivers/move/fitness.ts'

const asked = (downtime_ms_max?: number, forgets = false) =>
  pausesOf(downtime_ms_max === undefined ? {} : { downtime_ms_max }, forgets)

test('a guest that changes little is aimed at with a short pause; the allowed one comes with passes that do not converge', () => {
  const pauses = asked(1000)
  assert.equal(pauses.first_ms, 30)
  assert.equal(nextDowntime(30, 2, pauses), 30)
  const aimed = [30]
  for (let iteration = 3; iteration < 8; iteration++) aimed.push(nextDowntime(aimed.at(-1) ?? 0, iteration, pauses))
  assert.deepEqual(aimed, [30, 90, 270, 810, 1000, 1000])
})

test('never more than is allowed, from the first on', () => {
  assert.equal(asked(5).first_ms, 5)
  assert.equal(nextDowntime(5, 9, asked(5)), 5)
  assert.equal(nextDowntime(270, 9, asked()), 300)
})

test('a QEMU that forgets what its guest writes may pause for seconds as soon as a round is left: short rounds lose most', () => {
  for (const pauses of [asked(undefined, true), asked(5, true), asked(100, true)]) {
    assert.deepEqual(pauses, { first_ms: 200, max_ms: 2000, forgets: true })
    // All of the memory is under way: with seconds QEMU would stop the guest in the middle of it.
    assert.equal(nextDowntime(200, 1, pauses), 200)
    assert.equal(nextDowntime(200, 2, pauses), 2000)
    assert.equal(nextDowntime(2000, 9, pauses), 2000)
  }
  assert.equal(nextDowntime(200, 2, asked(10_000, true)), 10_000)
  const slow = pausesOf({ downtime_ms_max: 100, bandwidth_mib_s: 1 }, true)
  assert.deepEqual([slow.first_ms, nextDowntime(slow.first_ms, 2, slow)], [300, 300])
})

test('without KVM QEMU forgets them until 9.0', () => {
  const xml = (type: string) => `<domain type='${type}' id='1'><name>one</name></domain>`
  assert.equal(forgetsWrites(xml('qemu'), '7.2.22'), true)
  assert.equal(forgetsWrites(xml('qemu'), '8.2.10'), true)
  assert.equal(forgetsWrites(xml('qemu'), '9.0.0'), false)
  assert.equal(forgetsWrites(xml('qemu'), '10.1.2'), false)
  assert.equal(forgetsWrites(xml('kvm'), '7.2.22'), false)
})
