/** Checks that found something wrong end as what failed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOf } from '../../../src/cli/verdict.ts'

test('what a check found wrong is a failure; what is well is none', () => {
  const told = (name: string, answer: object) => {
    const fault = faultOf({ name }, answer)
    return fault && [fault.code, fault.message]
  }
  const log = { rows: 3, unsealed: 0, reason: null, first_broken_seq: null }
  assert.equal(told('audit.verify', { ...log, whole: true }), null)
  const broken = { ...log, whole: false, first_broken_seq: 2, reason: 'Row 2 was changed.' }
  assert.deepEqual(told('audit.verify', broken), [1, 'The audit log is not whole: Row 2 was changed.'])
  assert.equal(told('host-bmc.test', { power: 'on', failure: null, took_ms: 1 }), null)
  assert.deepEqual(told('host-bmc.test', { power: null, failure: 'No answer.', took_ms: 1 }), [
    1,
    'The management controller failed its test: No answer.',
  ])
  assert.equal(told('host.reconcile', { settled: ['a'], left: [] }), null)
  const left = [{ instance_id: 'a', name: 'web', reason: 'no quota' }]
  assert.deepEqual(told('host.reconcile', { settled: [], left }), [1, 'Not all is settled:\n  web: no quota'])
  assert.equal(told('host.get', { failure: 'of something else' }), null)
})
