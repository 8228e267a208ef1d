/** States of hosts and the steps that follow from them, and the room kept for lost hosts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ReserveHost, roomBeforeReserve, withoutPlace } from '../../../src/model/ha-reserve.ts'
import {
  apartFromStorm,
  type Absence,
  absenceCauses,
  type Circumstances,
  fencingMethods,
  hostAvailability,
  isStorm,
  lossRules,
  nextStep,
  type Opinion,
  reaches,
  verdictOf,
} from '../../../src/model/host-state.ts'

const none: Absence = {
  cause: 'silent',
  since_ms: 1000,
  opinions: [],
  asked_ms: null,
  dead_ms: null,
  fence_failure: null,
  fence_attempts: 0,
  fence_again_ms: null,
  fenced_ms: null,
  fenced_by: null,
  power_was_off: false,
}
const usual: Circumstances = {
  linked: false,
  waiting: 2,
  has_bmc: false,
  lease_over: false,
  held_back: null,
  expected: false,
}

function opinion(reached: Opinion['reached'], host = 'h2'): Opinion {
  return { host_id: host, host, reached, at: '2026-01-01T00:00:00Z' }
}

test('without an absence a host is up, in maintenance, or holds no link', () => {
  assert.equal(hostAvailability({ linked: true, maintenance: false, absence: null }).availability, 'up')
  assert.equal(hostAvailability({ linked: true, maintenance: true, absence: null }).availability, 'maintenance')
  assert.equal(hostAvailability({ linked: false, maintenance: false, absence: null }).availability, 'silent')
})

test('a host is dead only when others cannot reach it either; one that can weighs more than all who cannot', () => {
  assert.equal(verdictOf([]), 'unknown')
  assert.equal(verdictOf([opinion(null)]), 'unknown')
  assert.equal(verdictOf([opinion('none'), opinion('none'), opinion('machine')]), 'alive')
  assert.equal(verdictOf([opinion('none'), opinion('service')]), 'alive')
})

test('the steps from silence to restart, with fencing and without', () => {
  assert.deepEqual(nextStep(none, usual, 1000), { do: 'ask' })
  const asked = { ...none, asked_ms: 2000, opinions: [opinion('none')] }
  assert.deepEqual(nextStep(asked, usual, 2000), { do: 'declare_dead' })
  const dead = { ...asked, dead_ms: 2000 }
  assert.equal(nextStep(dead, usual, 2000).do, 'wait')
  assert.deepEqual(nextStep(dead, { ...usual, lease_over: true }, 40_000), { do: 'note_lease_over' })
  assert.deepEqual(nextStep(dead, { ...usual, has_bmc: true }, 2000), { do: 'fence' })
  const failed = { ...dead, fence_failure: 'no answer', fence_attempts: 1, fence_again_ms: 6000 }
  assert.deepEqual(nextStep(failed, { ...usual, has_bmc: true }, 3000), {
    do: 'wait',
    until_ms: 6000,
    why: 'Its power is tried again soon, or its lease ends.',
  })
  assert.deepEqual(nextStep(failed, { ...usual, has_bmc: true }, 6000), { do: 'fence' })
  const fenced = { ...dead, fenced_ms: 5000, fenced_by: 'ipmi' as const }
  assert.deepEqual(nextStep(fenced, usual, 5000), { do: 'restart' })
  assert.equal(nextStep(fenced, { ...usual, waiting: 0 }, 5000).do, 'wait')
})

test('a database whose clock was set back keeps nobody waiting for the time that it was', () => {
  const hour_ms = 3_600_000
  const now_ms = 10 * hour_ms
  const later_ms = now_ms + hour_ms
  for (const cause of absenceCauses)
    assert.deepEqual(nextStep({ ...none, cause, since_ms: later_ms }, usual, now_ms), { do: 'ask' }, cause)
  const asked = { ...none, since_ms: later_ms, asked_ms: later_ms, opinions: [opinion(null)] }
  assert.deepEqual(nextStep(asked, usual, now_ms), { do: 'ask' })
  const dead = { ...asked, opinions: [opinion('none')], dead_ms: later_ms }
  // Nor is what was seen in a time to come fresh.
  assert.deepEqual(nextStep(dead, { ...usual, has_bmc: true }, now_ms), { do: 'ask' })
  const failed = { ...dead, asked_ms: now_ms, fence_attempts: 1, fence_failure: 'no answer', fence_again_ms: later_ms }
  assert.deepEqual(nextStep(failed, { ...usual, has_bmc: true }, now_ms), { do: 'fence' })
})

test('no power is cut for what was seen long ago, as before a storm: others are asked once more', () => {
  const dead = { ...none, asked_ms: 2000, opinions: [opinion('none')], dead_ms: 2000 }
  const around = { ...usual, has_bmc: true }
  assert.deepEqual(nextStep(dead, { ...around, held_back: 'a storm' }, 90_000).do, 'wait')
  assert.deepEqual(nextStep(dead, around, 90_000), { do: 'ask' })
  assert.deepEqual(nextStep({ ...dead, asked_ms: 90_000 }, around, 92_000), { do: 'fence' })
})

test('one alone is believed only where there is no other to ask', () => {
  assert.equal(verdictOf([opinion('none')]), 'dead')
  assert.equal(verdictOf([opinion('none'), opinion(null, 'h3')]), 'unknown')
  assert.equal(verdictOf([opinion('none'), opinion('none', 'h3'), opinion(null, 'h4')]), 'dead')
})

test('a machine that others reach keeps its power, whatever can cut it; by lease its instances still go elsewhere', () => {
  const alive = { ...none, asked_ms: 2000, opinions: [opinion('machine'), opinion('none', 'h3')] }
  assert.equal(nextStep(alive, { ...usual, has_bmc: true }, 3000).do, 'wait')
  assert.equal(nextStep(alive, { ...usual, has_bmc: true }, 7000).do, 'ask')
  assert.equal(nextStep(alive, { ...usual, has_bmc: true, lease_over: true }, 50_000).do, 'note_lease_over')
  assert.match(hostAvailability({ linked: false, maintenance: false, absence: alive }).why, /h2 can reach the machine/)
})

test('an agent that is only restarted, or dials another controller, is given the time', () => {
  assert.deepEqual(nextStep({ ...none, cause: 'closed' }, usual, 1500).do, 'wait')
  assert.deepEqual(nextStep({ ...none, cause: 'closed' }, usual, 5000), { do: 'ask' })
  assert.deepEqual(nextStep({ ...none, cause: 'controller_gone' }, usual, 10_999).do, 'wait')
})

test('while nothing is done anyway, others are asked only about hosts that something waits for', () => {
  const held_back = 'a storm'
  assert.deepEqual(nextStep(none, { ...usual, held_back, waiting: 0 }, 1000), {
    do: 'wait',
    until_ms: null,
    why: held_back,
  })
  assert.deepEqual(nextStep(none, { ...usual, held_back }, 1000), { do: 'ask' })
  assert.deepEqual(nextStep(none, { ...usual, waiting: 0 }, 1000), { do: 'ask' })
  // Nor is one asked about that is about to dial another controller, unless something waits on it.
  assert.equal(nextStep(none, { ...usual, expected: true, waiting: 0 }, 1000).do, 'wait')
  assert.deepEqual(nextStep(none, { ...usual, expected: true }, 1000), { do: 'ask' })
})

const absences: fc.Arbitrary<Absence> = fc.record({
  cause: fc.constantFrom(...absenceCauses),
  since_ms: fc.integer({ min: 0, max: 100_000 }),
  opinions: fc.array(fc.constantFrom(...reaches, null).map(reached => opinion(reached))),
  asked_ms: fc.option(fc.integer({ min: 0, max: 100_000 })),
  dead_ms: fc.option(fc.integer({ min: 0, max: 100_000 })),
  fence_failure: fc.option(fc.constant('it failed')),
  fence_attempts: fc.nat(5),
  fence_again_ms: fc.option(fc.integer({ min: 0, max: 100_000 })),
  fenced_ms: fc.constant(null),
  fenced_by: fc.constant(null),
  power_was_off: fc.constant(false),
})
const circumstances: fc.Arbitrary<Circumstances> = fc.record({
  linked: fc.boolean(),
  waiting: fc.nat(3),
  has_bmc: fc.boolean(),
  lease_over: fc.boolean(),
  held_back: fc.option(fc.constant('a storm')),
  expected: fc.boolean(),
})

test('whatever is noted: nothing is fenced nor restarted while it is held back, linked, reached by anybody, or not asked about', () => {
  fc.assert(
    fc.property(absences, circumstances, fc.integer({ min: 0, max: 200_000 }), (absence, around, now_ms) => {
      const step = nextStep(absence, around, now_ms)
      assert.notEqual(step.do, 'restart', 'it is not fenced')
      if (step.do === 'fence' || step.do === 'note_lease_over') {
        assert.equal(around.held_back, null)
        assert.ok(!around.linked && around.waiting > 0 && absence.asked_ms !== null)
      }
      if (step.do === 'fence')
        assert.ok(absence.dead_ms !== null && now_ms - (absence.asked_ms ?? 0) <= lossRules.fresh_ms)
      if (step.do === 'declare_dead') assert.equal(verdictOf(absence.opinions), 'dead')
      const shown = hostAvailability({ linked: around.linked, maintenance: false, absence })
      assert.notEqual(shown.why, '')
      assert.notEqual(shown.availability, 'up')
    }),
  )
})

test('each way of fencing has its words', () => {
  for (const fenced_by of fencingMethods) {
    const shown = hostAvailability({ linked: false, maintenance: false, absence: { ...none, fenced_ms: 1, fenced_by } })
    assert.equal(shown.availability, 'fenced')
    assert.ok(shown.why.length > 10)
  }
})

test('a management controller that did not cut the power is told of also once the host is fenced otherwise', () => {
  const absence = { ...none, fenced_ms: 1, fenced_by: 'lease' as const, fence_failure: 'no answer.' }
  const { why } = hostAvailability({ linked: false, maintenance: false, absence })
  assert.match(why, /^Its lease is over.* itself\. Cutting its power failed: no answer\.$/)
})

test('a storm is more than the share, and at least so many', () => {
  const rules = { share_percent: 40, hosts_min: 2 }
  assert.equal(isStorm(1, 1, rules), false, 'one host of two')
  assert.equal(isStorm(2, 2, rules), true)
  assert.equal(isStorm(2, 3, rules), false, 'two of five are 40 %, not more')
  assert.equal(isStorm(3, 4, rules), true)
  assert.equal(isStorm(0, 0, rules), false)
})

const hosts = fc
  .array(
    fc.record({
      vcpus_free: fc.nat(16),
      memory_free_mib: fc.nat(64),
      ha_vcpus: fc.nat(16),
      ha_memory_mib: fc.nat(64),
      gpus_free: fc.nat(4),
      ha_gpus: fc.nat(4),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map(all =>
    all.map(
      ({ gpus_free, ha_gpus, ...host }, n): ReserveHost => ({
        id: `h${n}`,
        ...host,
        hardware_free: new Map([['gpu devices', gpus_free]]),
        ha_hardware: new Map([['gpu devices', ha_gpus]]),
      }),
    ),
  )

/** All subsets of so many. */
function subsets<T>(all: readonly T[], size: number): T[][] {
  if (size === 0) return [[]]
  return all.flatMap((one, n) => subsets(all.slice(n + 1), size - 1).map(rest => [one, ...rest]))
}

test('the room before the reserve is exactly what the worst loss of n hosts leaves, for each resource', () => {
  fc.assert(
    fc.property(hosts, fc.integer({ min: 0, max: 3 }), (all, failures) => {
      const n = Math.min(failures, all.length)
      const left = (lost: ReserveHost[], free: (h: ReserveHost) => number, ha: (h: ReserveHost) => number) =>
        all.filter(host => !lost.includes(host)).reduce((sum, host) => sum + free(host), 0) -
        lost.reduce((sum, host) => sum + ha(host), 0)
      const room = roomBeforeReserve(all, failures)
      const memory = subsets(all, n).map(lost =>
        left(
          lost,
          h => h.memory_free_mib,
          h => h.ha_memory_mib,
        ),
      )
      const vcpus = subsets(all, n).map(lost =>
        left(
          lost,
          h => h.vcpus_free,
          h => h.ha_vcpus,
        ),
      )
      const gpus = subsets(all, n).map(lost =>
        left(
          lost,
          h => h.hardware_free?.get('gpu devices') ?? 0,
          h => h.ha_hardware?.get('gpu devices') ?? 0,
        ),
      )
      assert.equal(room.hardware?.get('gpu devices'), Math.min(...gpus))
      assert.equal(room.memory_mib, Math.min(...memory))
      assert.equal(room.vcpus, Math.min(...vcpus))
    }),
  )
})

test('pieces that fit by their sum and not one by one are found', () => {
  const host = { vcpus_free: 8, ha_vcpus: 0, ha_memory_mib: 0 }
  const all = [
    { ...host, id: 'h1', memory_free_mib: 0, ha_memory_mib: 600 },
    { ...host, id: 'h2', memory_free_mib: 400 },
    { ...host, id: 'h3', memory_free_mib: 400 },
  ]
  const one = { id: 'i1', host_id: 'h1', vcpus: 1, memory_mib: 600 }
  assert.equal(roomBeforeReserve(all, 1).memory_mib, 200)
  assert.deepEqual(withoutPlace(all, [one], new Set(['h1'])), [one])
  const halves = [300, 300].map((memory_mib, n) => ({ ...one, id: `i${n}`, memory_mib }))
  assert.deepEqual(withoutPlace(all, halves, new Set(['h1'])), [])
})

test('the reason of a suspect host says what the opinions say, also while it is not declared dead yet', () => {
  const why = (linked: boolean, ...opinions: Opinion[]) =>
    hostAvailability({ linked, maintenance: false, absence: { ...none, cause: 'late', asked_ms: 2000, opinions } }).why
  const [one, two, three] = [opinion('none', 'h2'), opinion('none', 'h3'), opinion(null, 'h4')]
  assert.match(
    why(true, one, two),
    /h2 and h3 cannot reach it either\. It is declared dead as soon as its link is given/,
  )
  assert.match(why(false, one, two, three), /h2 and h3 cannot reach it either\. It is declared dead in a moment\./)
  assert.match(why(false, one, three), /h2 cannot reach it; a second opinion is lacking, as h4 could not tell\.$/)
  assert.match(why(false, three), /No other host could tell whether it lives\.$/)
  assert.match(why(false, one, opinion('machine', 'h5')), /h5 can reach the machine: it lives/)
  assert.match(why(false), /There is no other host to ask\.$/)
})

test('while the storm brake holds, the reason says so, and how it is released; who vouched for a host is named', () => {
  const seen = { linked: false, maintenance: false, storm_in: 'north' }
  const dead = { ...none, asked_ms: 2000, dead_ms: 2000, opinions: [opinion('none'), opinion('none', 'h3')] }
  assert.match(
    hostAvailability({ ...seen, absence: dead }).why,
    /h2 and h3 cannot reach it either\. So many hosts of the zone north .* nothing of it is fenced .* croft zone override-storm north\.$/,
  )
  assert.equal(hostAvailability({ ...seen, linked: true, absence: null }).why, '')
  assert.doesNotMatch(hostAvailability({ ...seen, linked: true, absence: { ...none, cause: 'late' } }).why, /storm/)
  const vouched = { ...dead, fenced_ms: 3000, fenced_by: 'person' as const }
  const why = (vouched_by: string | null) =>
    hostAvailability({ linked: false, maintenance: false, absence: vouched, vouched_by }).why
  assert.equal(why('ada'), 'The user ada has vouched that it is off, at 1970-01-01T00:00:03.000Z.')
  assert.equal(why(null), 'Somebody has vouched that it is off, at 1970-01-01T00:00:03.000Z.')
})

test('where the storm is told by itself, the reason is told without it', () => {
  const shown = (storm_in: string | null) =>
    hostAvailability({ linked: false, maintenance: false, storm_in, absence: { ...none, cause: 'silent' } }).why
  assert.deepEqual(apartFromStorm(shown('north'), 'north'), { why: shown(null), in_storm: true })
  assert.deepEqual(apartFromStorm(`${shown('north')} And more.`, 'north').why, `${shown(null)} And more.`)
  assert.deepEqual(apartFromStorm(shown(null), 'north'), { why: shown(null), in_storm: false })
})
