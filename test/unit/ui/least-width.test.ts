/** A table is as wide as the least of all of its columns. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leastWidth_rem } from '../../../src/ui/parts/least-width.ts'

test('columns that have no room are scrolled to, and lie under no other', () => {
  assert.equal(leastWidth_rem([]), 1)
  assert.equal(leastWidth_rem(['2.75rem', 'minmax(10.5rem, 1fr)', 'minmax(6rem, 1.4fr)', '3rem']), 23.25)
  assert.equal(leastWidth_rem(['1fr', 'auto']), 1)
})
