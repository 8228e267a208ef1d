/** Where a controller is reached by its own machine alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loopbackOf } from '../../../src/model/loopback.ts'

test('an address of a controller that other machines cannot reach is told', () => {
  assert.equal(loopbackOf('https://127.0.0.1:7071'), '127.0.0.1')
  assert.equal(loopbackOf('https://[::1]:7071'), '::1')
  assert.equal(loopbackOf('https://localhost:7071'), 'localhost')
  for (const url of ['https://192.0.2.7:7071', 'https://[2001:db8::1]:7071', 'https://croft.example'])
    assert.equal(loopbackOf(url), null)
})
