/** Small curves in a terminal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curve } from '../../../src/cli/commands/metrics.ts'

test('a curve goes from 0 to its top, with gaps where nothing was measured', () => {
  assert.equal(curve([0, 50, 100, null, 12.5], 100), '▁▅█ ▂')
  assert.equal(curve([], 100), '')
  assert.equal(curve([0, 0], 0), '▁▁')
  assert.equal(
    curve(
      Array.from({ length: 360 }, (_, n) => n),
      359,
    ).length,
    30,
  )
})
