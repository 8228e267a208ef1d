import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextDowntime, pausesOf } from '../../../src/agent/drivers/move/downtime.ts'
import { forgetsWrites } from '../../../src/agent/drivers/move/fitness.ts'

test('a guest that changes little is aimed at with a short pause; the allowed one comes with passes that do not converge', () => {
  const pauses = pausesOf(1000)
  assert.equal(pauses.first_ms, 30)
  assert.equal(nextDowntime(30, 2, pauses), 30)
  const aimed = [30]
  for (let iteration = 3; iteration < 8; iteration++) aimed.push(nextDowntime(aimed.at(-1) ?? 0, iteration, pauses))
  assert.deepEqual(aimed, [30, 90, 270, 810, 1000, 1000])
})

test('never more than is allowed, from the first on', () => {
  assert.equal(pausesOf(5).first_ms, 5)
  assert.equal(nextDowntime(5, 9, pausesOf(5)), 5)
  assert.equal(nextDowntime(270, 9, pausesOf()), 300)
})

test('a QEMU that forgets what its guest writes may pause for seconds, from the first on: short rounds lose most', () => {
  for (const asked_ms of [undefined, 5, 100])
    assert.deepEqual(pausesOf(asked_ms, true), { first_ms: 2000, max_ms: 2000 })
  assert.deepEqual(pausesOf(10_000, true), { first_ms: 10_000, max_ms: 10_000 })
  assert.equal(nextDowntime(2000, 9, pausesOf(100, true)), 2000)
})

test('without KVM QEMU forgets them until 9.0', () => {
  const xml = (type: string) => `<domain type='${type}' id='1'><name>one</name></domain>`
  assert.equal(forgetsWrites(xml('qemu'), '7.2.22'), true)
  assert.equal(forgetsWrites(xml('qemu'), '8.2.10'), true)
  assert.equal(forgetsWrites(xml('qemu'), '9.0.0'), false)
  assert.equal(forgetsWrites(xml('qemu'), '10.1.2'), false)
  assert.equal(forgetsWrites(xml('kvm'), '7.2.22'), false)
})
