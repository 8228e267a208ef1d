/** How much a host may say: bursts as they come, no flood. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LinkBudget } from '../../../src/controller/agents/link-budget.ts'

const rates = { bytes: { per_s: 1000, burst: 10_000 }, frames: { per_s: 10, burst: 100 } }

describe('controller/link-budget', () => {
  test('a burst is read at once, what is beyond it waits as long as it owes, and is given time to make up for', () => {
    let now = 0
    const budget = new LinkBudget({ steady_ms: () => now }, rates)
    assert.equal(budget.spend_ms(10_000), 0)
    assert.equal(budget.spend_ms(500), 500)
    now += 500
    assert.equal(budget.spend_ms(0), 0)
    now += 3_600_000
    assert.equal(budget.spend_ms(10_001), 1, 'no more than a burst is saved up')
  })

  test('small frames count, too', () => {
    let now = 0
    const budget = new LinkBudget({ steady_ms: () => now }, rates)
    for (let n = 0; n < 100; n++) assert.equal(budget.spend_ms(1), 0)
    assert.equal(budget.spend_ms(1), 100)
    now += 1000
    assert.equal(budget.spend_ms(1), 0)
  })
})
