/** How many hosts a controller sends on to others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { surplusOf } from '../../../src/controller/reconcilers/balance.ts'

test('even, or nearly, nothing moves; with a new controller a few at a time, until it is even', () => {
  assert.equal(surplusOf(5, [5, 5]), 0)
  assert.equal(surplusOf(2, [2, 0]), 0, 'one of two hosts is not worth a move')
  assert.equal(surplusOf(10, [10]), 0)
  assert.equal(surplusOf(4, [4, 0]), 0)
  assert.equal(surplusOf(8, [8, 0]), 1)
  assert.equal(surplusOf(5000, [5000, 5000, 0]), 100)
  const links = [5000, 5000, 0]
  let rounds = 0
  for (; rounds < 1000; rounds++) {
    const moves = links.map(own => surplusOf(own, links))
    if (moves.every(count => count === 0)) break
    for (const [n, count] of moves.entries()) {
      links[n] = (links[n] ?? 0) - count
      links[2] = (links[2] ?? 0) + count
    }
  }
  assert.ok(rounds < 60, `${rounds} rounds`)
  assert.ok(Math.max(...links) <= 3333 * 1.1 + 2, String(links))
})
