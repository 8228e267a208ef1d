/** The browser's checksum against Node's, for lengths around each border of blocks and for any cut into pieces. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Sha256 } from '../../../src/ui/image/sha256.ts'

test('SHA-256 in pieces is the same as in one', () => {
  for (let length = 0; length < 260; length++) {
    const bytes = randomBytes(length)
    const hash = new Sha256()
    const cut = (length * 7) % (length + 1)
    hash.update(bytes.subarray(0, cut))
    hash.update(bytes.subarray(cut))
    assert.equal(hash.digest(), createHash('sha256').update(bytes).digest('hex'), `${length} bytes`)
  }
})

test('SHA-256 of a longer file, read in odd pieces', () => {
  const bytes = randomBytes(300_001)
  const hash = new Sha256()
  for (let at = 0; at < bytes.length; at += 7001) hash.update(bytes.subarray(at, at + 7001))
  assert.equal(hash.digest(), createHash('sha256').update(bytes).digest('hex'))
})
