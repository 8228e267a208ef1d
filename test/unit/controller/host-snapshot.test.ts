import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seenBy } from '../../../src/controller/store/host-snapshot.ts'

test('a transaction’s own number is under way in what it has seen', () => {
  const seen = (snapshot: string, own_xid: string | null) => seenBy({ snapshot, own_xid })
  assert.equal(seen('100:100:', null), '100:100:')
  assert.equal(seen('90:100:90,95', '93'), '90:100:90,93,95')
  assert.equal(seen('95:100:95,98', '93'), '93:100:93,95,98')
  assert.equal(seen('100:100:', '99'), '99:100:99')
  assert.equal(seen('90:100:90,93', '93'), '90:100:90,93')
  // Of what comes after all that it knows nothing is seen anyway.
  assert.equal(seen('100:100:', '100'), '100:100:')
  assert.equal(
    seen('18446744073709551000:18446744073709551600:', '18446744073709550999').split(':')[2],
    '18446744073709550999',
  )
})
