/** Why a highly available instance would not be started elsewhere: over every situation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { haObstacle, type HaSituation, whyUnknown } from '../../../src/model/availability.ts'

const good: HaSituation = {
  availability: 'high',
  wanted_power: 'running',
  deleted: false,
  held: false,
  guard_from: 3,
  guarded_version: 3,
  host_answers: true,
  keeps_leases: true,
  surely_off: false,
  pool_shared: true,
  perhaps_elsewhere: false,
  storm: false,
  zone: 'z1',
  no_room: false,
  alone: false,
}

test('nothing is in the way of what is guarded by its host, on disks that others reach', () => {
  assert.equal(haObstacle(good), null)
  assert.equal(haObstacle({ ...good, host_answers: false }), null)
})

test('each obstacle has its sentence', () => {
  const why = (change: Partial<HaSituation>) => haObstacle({ ...good, ...change }) ?? ''
  assert.match(why({ pool_shared: false }), /no other host reaches/)
  assert.match(why({ held: true }), /newer version/)
  assert.match(why({ guarded_version: null }), /has not said yet/)
  assert.match(
    why({ guarded_version: null, alone: true }),
    /No other host could take it/,
    'which does not pass by itself',
  )
  assert.match(why({ guarded_version: 2, keeps_leases: false }), /keeps no leases/)
  assert.match(why({ guarded_version: 2, host_answers: false }), /did not hear/)
  assert.equal(
    why({ guarded_version: 2, host_answers: false, surely_off: true }),
    '',
    'it asks before it starts anything',
  )
  assert.match(why({ perhaps_elsewhere: true, host_answers: false }), /may run there/)
  assert.equal(why({ perhaps_elsewhere: true }), '', 'its host is there')
  assert.match(why({ storm: true, host_answers: false }), /vanished at once.*\(croft zone override-storm z1\)/)
  assert.equal(why({ storm: true }), '', 'its host is there')
  assert.match(why({ no_room: true, host_answers: false }), /No other host can take it.*croft ha-restart list/)
  assert.equal(why({ no_room: true }), '', 'its host is there')
  assert.match(why({ alone: true }), /No other host could take it/)
})

test('what need not be restarted has none', () => {
  const any = fc.record({
    held: fc.boolean(),
    guard_from: fc.option(fc.nat()),
    guarded_version: fc.option(fc.nat()),
    host_answers: fc.boolean(),
    keeps_leases: fc.boolean(),
    surely_off: fc.boolean(),
    pool_shared: fc.boolean(),
    perhaps_elsewhere: fc.boolean(),
    storm: fc.boolean(),
    no_room: fc.boolean(),
    alone: fc.boolean(),
  })
  fc.assert(
    fc.property(any, at => {
      assert.equal(haObstacle({ ...good, ...at, availability: 'restart' }), null)
      assert.equal(haObstacle({ ...good, ...at, wanted_power: 'stopped' }), null)
      assert.equal(haObstacle({ ...good, ...at, deleted: true }), null)
    }),
  )
})

test('of a host that was seen to be off nobody is told that the instance may run', () => {
  const silent = { ...good, host_answers: false }
  const why = (fenced_by: Parameters<typeof whyUnknown>[0]['fenced_by'], change: Partial<HaSituation> = {}) =>
    whyUnknown({ host: 'h1', fenced_by }, { ...silent, ...change })
  assert.match(why(null), /^The host h1 does not answer\. The instance may well be running/)
  const plain = { availability: 'restart', guard_from: null } as const
  assert.match(why('lease', plain), /may well be running/, 'nothing stops it')
  assert.match(why('lease', { guarded_version: 2 }), /may well be running/, 'nothing stops it')
  assert.match(why('lease'), /its lease is over: the instance was stopped by that. It is started on another host/)
  assert.match(
    why('ipmi', plain),
    /seen to be off: the instance was stopped by that. It is started again with the host/,
  )
  assert.match(why('person', { ...plain, wanted_power: 'stopped' }), /vouched that it is off.*It is shown again when/)
  assert.match(why('redfish', { alone: true }), /started again with the host, or on another as soon as/)
})
