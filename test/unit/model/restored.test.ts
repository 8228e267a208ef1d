/** Where an instance belongs after a restore of the database: only what its hosts agree about settles itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Doubtful, type HeldBy, settlementOf } from '../../../src/model/restored.ts'

const hold = (host_id: string, kind: HeldBy['kind'], more: Partial<HeldBy> = {}): HeldBy => ({
  host_id,
  kind,
  placement: 1,
  step: null,
  migration_id: null,
  here: false,
  ...more,
})
const move = { id: 'm', phase: 'sending', source_host_id: 'a', target_host_id: 'b' } as const
const settle = (holds: HeldBy[], more: Partial<Doubtful> = {}) =>
  settlementOf({ host_id: 'a', placement: 1, is_linked: true, holds, moves: [], ...more })

test('the record follows to a later placement only when its own host has it no longer', () => {
  const there = hold('b', 'elsewhere', { placement: 2 })
  assert.deepEqual(settle([hold('a', 'missing'), there]), { act: 'follow', host_id: 'b', placement: 2 })
  assert.equal(settle([there]), null, 'no host gets an instance by its own word')
  assert.equal(settle([hold('a', 'missing')]), null)
  assert.equal(settle([hold('a', 'missing'), hold('b', 'elsewhere')]), null, 'not later')
  const later = hold('c', 'elsewhere', { placement: 3 })
  assert.deepEqual(settle([hold('a', 'missing'), there, later]), { act: 'follow', host_id: 'c', placement: 3 })
  assert.equal(settle([hold('a', 'missing'), there, { ...there, host_id: 'c' }]), null, 'two that say the same')
})

test('one that made ready is the owner when it has come, or when the other was told to leave it', () => {
  const ready = hold('b', 'elsewhere', { step: 'prepare', migration_id: 'm' })
  assert.equal(settle([hold('a', 'missing'), ready]), null)
  const came = { act: 'follow', host_id: 'b', placement: 2 }
  assert.deepEqual(settle([hold('a', 'missing'), { ...ready, here: true }]), came)
  assert.deepEqual(settle([hold('a', 'missing', { step: 'leave', migration_id: 'm' }), ready]), came)
})

test('a move that its source is in is taken up, and its target is believed as by a report', () => {
  assert.deepEqual(settle([hold('a', 'moving', { step: 'send' })]), { act: 'resume', host_id: 'a' })
  const there = hold('b', 'elsewhere', { placement: 2 })
  assert.deepEqual(settle([there], { moves: [move] }), { act: 'follow', host_id: 'b', placement: 2 })
  assert.equal(settle([there], { moves: [{ ...move, phase: 'preparing' }] }), null, 'nobody has sent it')
})

test('a target that knows of the end of a move ends it, if nobody has begun to send', () => {
  const gone = hold('b', 'missing', { placement: 0 })
  assert.deepEqual(settle([gone], { moves: [{ ...move, phase: 'preparing' }] }), { act: 'give-up', host_id: 'b' })
  assert.equal(settle([gone], { moves: [move] }), null, 'only its source knows')
  assert.equal(settle([gone], { moves: [{ ...move, phase: 'preparing' }], is_linked: false }), null)
})

test('what is left of an older time goes, once the host of the record has spoken', () => {
  const old = hold('b', 'elsewhere', { placement: 0 })
  assert.deepEqual(settle([old]), { act: 'clear', host_id: 'b', step: 'leave' })
  assert.equal(settle([old], { is_linked: false }), null)
  const ready = hold('b', 'elsewhere', { step: 'prepare' })
  assert.deepEqual(settle([ready]), { act: 'clear', host_id: 'b', step: 'discard' })
  assert.equal(settle([ready], { moves: [move] }), null, 'it is told what to do')
})
