/** What does not run elsewhere is said of hosts that are lost, and of no host that is only silent for seconds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLost, stormyOf, stuckOf } from '../../../src/ui/dashboard/stuck.ts'

test('a host is lost that is dead or fenced, or that a storm keeps from being declared so', () => {
  const storm = { overridden_at: null }
  const stormy = stormyOf([
    { name: 'north', storm },
    { name: 'south', storm: null },
    { name: 'east', storm: { overridden_at: '2026-11-23T09:15:55Z' } },
  ])
  const gone = { state: 'unreachable', zone: 'south' } as const
  assert.equal(isLost({ ...gone, availability: 'silent' }, stormy), false)
  assert.equal(isLost({ ...gone, availability: 'suspect' }, stormy), false)
  assert.equal(isLost({ ...gone, availability: 'silent', zone: 'east' }, stormy), false)
  assert.equal(isLost({ ...gone, availability: 'dead' }, stormy), true)
  assert.equal(isLost({ ...gone, availability: 'fenced' }, stormy), true)
  assert.equal(isLost({ ...gone, availability: 'silent', zone: 'north' }, stormy), true)
  // It is late alone, and holds its link.
  assert.equal(isLost({ state: 'up', availability: 'late', zone: 'north' }, stormy), false)
})

test('one line for each instance: the newest restart that is open, else what keeps one from beginning', () => {
  const restart = (instance_id: string, failure: string | null, ended_at: string | null = null) => ({
    ...{ instance_id, instance: instance_id, failure, ended_at },
  })
  const waiting = (id: string, host_id: string | null) => ({ id, name: id, ha_obstacle: 'none can', host_id })
  const stuck = stuckOf(
    [restart('db', 'no room'), restart('db', 'older'), restart('web', null), restart('old', 'no room', '2026-01-01')],
    [waiting('db', 'dead'), waiting('mail', 'dead'), waiting('dns', 'silent'), waiting('ntp', null)],
    new Set(['dead']),
  )
  assert.deepEqual(
    stuck.map(one => `${one.name}: ${one.reason}`),
    ['db: no room', 'mail: none can'],
  )
})
