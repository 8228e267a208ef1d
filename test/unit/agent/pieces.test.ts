/** Bytes that wait in pieces: whatever they came as, they are the same bytes in the same order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Pieces, piece_bytes } from '../../../src/agent/pieces.ts'

void test('first in, first out, whatever the sizes', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 3 * piece_bytes }))
  fc.assert(
    fc.property(fc.array(fc.option(size), { maxLength: 30 }), acts => {
      const pieces = new Pieces()
      let next = 0
      let expected: Buffer = Buffer.alloc(0)
      for (const act of acts) {
        if (act === null) {
          const taken = pieces.shift() ?? Buffer.alloc(0)
          assert.ok(taken.length <= piece_bytes)
          assert.equal(taken.length > 0, expected.length > 0)
          assert.ok(taken.equals(expected.subarray(0, taken.length)))
          expected = expected.subarray(taken.length)
        } else {
          const bytes = Buffer.alloc(act, next++ % 256)
          pieces.push(bytes)
          bytes.fill(0xff)
          expected = Buffer.concat([expected, Buffer.alloc(act, (next - 1) % 256)])
        }
        assert.equal(pieces.length, expected.length)
        assert.ok(pieces.joined().equals(expected))
      }
    }),
    { numRuns: 60 },
  )
})
