/** A relay process is ready for the move after the last, for a while. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { rm } from 'node:fs/promises'
import { VirtualClock } from '../../../sim/clock.ts'
import { Relay } from '../../../src/agent/peer/relay.ts'
import { createRelayStock, spare_kept_ms } from '../../../src/agent/peer/relay-stock.ts'
import { scratch } from '../../support/scratch.ts'

describe('agent/relay-stock', () => {
  let cache_dir: string
  const made: Relay[] = []

  before(async () => {
    cache_dir = await scratch('croft-relay-stock')
  })
  after(async () => {
    for (const relay of made) await ended(relay)
    await rm(cache_dir, { recursive: true })
  })

  async function ended(relay: Relay): Promise<void> {
    const gone = relay.gone || once(relay, 'gone')
    relay.end()
    await gone
  }

  function stocked() {
    const clock = new VirtualClock(0)
    const make = () => {
      const relay = new Relay(cache_dir)
      made.push(relay)
      return relay
    }
    const from = made.length
    return { clock, stock: createRelayStock({ make, clock }), count: () => made.length - from }
  }

  test('nothing is started before the first move; after one, the next has its relay at once, and for itself', () => {
    const { stock, count } = stocked()
    assert.equal(count(), 0)
    const first = stock.take()
    stock.restock()
    stock.restock()
    assert.equal(count(), 2)
    const [second, third] = [stock.take(), stock.take()]
    assert.equal(count(), 3)
    assert.equal(new Set([first, second, third]).size, 3)
    stock.stop()
    assert.deepEqual([first.gone, second.gone, third.gone], [false, false, false])
  })

  test('one that nobody takes ends after its time, counted from the last move', async () => {
    const { clock, stock, count } = stocked()
    stock.restock()
    clock.step(spare_kept_ms - 1)
    stock.restock()
    assert.equal(count(), 1)
    const [spare] = made.slice(-1)
    assert.ok(spare)
    const gone = once(spare, 'gone')
    while (clock.step(2 * spare_kept_ms - 2));
    assert.equal(spare.gone, false)
    while (clock.step(2 * spare_kept_ms - 1));
    await gone
    assert.notEqual(stock.take(), spare)
  })

  test('one that was killed is not given away', async () => {
    const { stock } = stocked()
    stock.restock()
    const [spare] = made.slice(-1)
    assert.ok(spare?.pid)
    const gone = once(spare, 'gone')
    process.kill(spare.pid, 'SIGKILL')
    await gone
    const taken = stock.take()
    assert.notEqual(taken, spare)
    assert.equal(taken.gone, false)
  })

  test('once it is stopped none is kept', async () => {
    const { stock, count } = stocked()
    stock.restock()
    const [spare] = made.slice(-1)
    assert.ok(spare)
    const gone = once(spare, 'gone')
    stock.stop()
    await gone
    stock.restock()
    assert.equal(count(), 1)
  })
})
