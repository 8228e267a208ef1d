/** What an event tells is taken apart by one rule, which the CLI and the web UI word in their own ways. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detailText } from '../../../src/cli/detail.ts'
import { detailParts } from '../../../src/model/detail.ts'

const at_ms = Date.parse('2026-01-10T00:00:00Z')
const at = '2026-01-10T00:00:00Z'

test('what was changed is told from what to what, by itself', () => {
  const changed = { labels: { to: { disk: 'ssd' }, from: {} }, schedulable: { from: true, to: false } }
  assert.deepEqual(detailParts({ changed }), [
    { name: 'labels', from: null, to: { disk: 'ssd' } },
    { name: 'schedulable', from: true, to: false },
  ])
  assert.equal(detailText({ changed }), 'labels: none → disk=ssd; schedulable: yes → no')
})

test('a time is a time on both sides of a change, too; how long something took keeps its unit', () => {
  assert.deepEqual(detailParts({ changed: { lease_over_ms: { from: null, to: at_ms } } }), [
    { name: 'lease_over', from: null, to: at },
  ])
  assert.equal(detailText({ window: { from: { open_ms: at_ms }, to: null } }), `window: open=${at} → none`)
  assert.deepEqual(detailParts({ heard_ms: at_ms, took_ms: 12 }), [
    { name: 'heard', value: at },
    { name: 'took_ms', value: 12 },
  ])
})

test('what says nothing is left out within, and is none by itself; a label without a value is one', () => {
  assert.equal(detailText({ wanted: { from: { b: null }, to: { b: null } } }), 'wanted: none → none')
  assert.equal(detailText({ labels: { from: { a: '1' }, to: { a: '' } } }), 'labels: a=1 → a=""')
  assert.deepEqual(detailParts({ back_from: { cause: 'late', fenced_ms: null, opinions: [], of: { x: null } } }), [
    { name: 'back_from', value: { cause: 'late' } },
  ])
  assert.equal(detailText({ back_from: null, name: '', hosts: [] }), 'back_from=none name=none hosts=none')
  assert.deepEqual(detailParts({ seen: [{ at_ms, by: null }] }), [{ name: 'seen', value: [{ at }] }])
})
