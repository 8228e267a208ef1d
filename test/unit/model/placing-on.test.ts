/** Whoever holds a link, is schedulable and has its cluster's CPU is placed on, also while it is not heard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HostShown, placingOn } from '../../../src/model/placing-on.ts'

const well: HostShown = { state: 'up', availability: 'up', schedulable: true, maintenance: null, cpu_missing: null }
const cases: [string, Partial<HostShown>][] = [
  ['yes', {}],
  ['doubted', { availability: 'late' }],
  ['doubted', { availability: 'suspect' }],
  ['silent', { availability: 'suspect', state: 'unreachable' }],
  ['silent', { availability: 'fenced', state: 'unreachable' }],
  ['maintenance', { availability: 'maintenance', maintenance: {} }],
  ['maintenance', { availability: 'late', maintenance: {} }],
  ['closed', { schedulable: false }],
  ['closed', { schedulable: false, state: 'unreachable', availability: 'silent' }],
  ['cpu', { cpu_missing: ['avx2'] }],
]

for (const [expected, host] of cases)
  test(`${JSON.stringify(host)}: ${expected}`, () => assert.equal(placingOn({ ...well, ...host }), expected))
