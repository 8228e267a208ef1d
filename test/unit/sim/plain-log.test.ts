/** What a playground's controller logs is a line for people. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plain, plainOfHost } from '../../../sim/plain-log.ts'

test('how bad it is, what, and why; no stack, and in one line', () => {
  const err = { type: 'Error', message: 'The host\n h1 is gone', stack: 'Error: …\n at x' }
  assert.equal(plain(JSON.stringify({ level: 50, msg: 'refused', err })), 'error: refused: The host h1 is gone\n')
  assert.equal(
    plain(JSON.stringify({ level: 50, msg: 'h1 is off.', err: { message: 'h1 is off.' } })),
    'error: h1 is off.\n',
  )
  assert.equal(plainOfHost('h1', { error: new Error('It\n refuses.') }, 'no start'), 'error: h1: no start: It refuses.')
  assert.equal(plainOfHost('h1', {}, 'no start'), 'error: h1: no start')
  assert.equal(plain(JSON.stringify({ level: 40, msg: 'late' })), 'warning: late\n')
})
