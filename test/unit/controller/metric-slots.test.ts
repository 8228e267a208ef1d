/** Memory for numbers: nobody's piece is anybody else's while it is held, and what is given back is used again. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MetricSlots, type Slot } from '../../../src/controller/app/metric-slots.ts'

describe('controller/metric-slots', () => {
  test('what is held is never of two, whatever is taken and given back', () => {
    const acts = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 300_000 }), gives: fc.boolean() }))
    fc.assert(
      fc.property(acts, all => {
        const slots = new MetricSlots()
        const held: { slot: Slot; mark: number }[] = []
        for (const [n, { bytes, gives }] of all.entries()) {
          const slot = slots.take(bytes)
          assert.ok(slot.bytes >= bytes && slot.byte_offset % 8 === 0)
          const mark = n % 251
          new Uint8Array(slot.buffer, slot.byte_offset, slot.bytes).fill(mark)
          held.push({ slot, mark })
          const oldest = gives ? held.shift() : undefined
          if (oldest) slots.give(oldest.slot)
        }
        for (const { slot, mark } of held) {
          assert.ok(new Uint8Array(slot.buffer, slot.byte_offset, slot.bytes).every(byte => byte === mark))
        }
      }),
    )
  })

  test('who comes and goes takes no more than those that are there at once', () => {
    const slots = new MetricSlots()
    const buffers = new Set<ArrayBuffer>()
    for (let n = 0; n < 10_000; n++) {
      const two = [slots.take(400), slots.take(100)]
      for (const slot of two) {
        buffers.add(slot.buffer)
        slots.give(slot)
      }
    }
    assert.equal(buffers.size, 1)
  })
})
