import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstDowntime, nextDowntime } from '../../../src/agent/drivers/move/downtime.ts'

test('a guest that changes little is aimed at with a short pause; the allowed one comes with passes that do not converge', () => {
  assert.equal(firstDowntime(100), 30)
  assert.equal(nextDowntime(30, 2, 100), 30)
  const aimed = [30]
  for (let iteration = 3; iteration < 8; iteration++) aimed.push(nextDowntime(aimed.at(-1) ?? 0, iteration, 1000))
  assert.deepEqual(aimed, [30, 90, 270, 810, 1000, 1000])
})

test('never more than is allowed, from the first on', () => {
  assert.equal(firstDowntime(5), 5)
  assert.equal(nextDowntime(5, 9, 5), 5)
  assert.equal(nextDowntime(270, 9), 300)
})
