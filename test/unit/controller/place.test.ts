/** Placing, for any hosts and anything asked: never over a limit, the same every time, and always explained. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { filters } from '../../../src/controller/scheduler/filters/index.ts'
import { place } from '../../../src/controller/scheduler/place.ts'
import type { HostSnapshot, PlacementAsked } from '../../../src/controller/scheduler/snapshot.ts'

const zones = ['z1', 'z2'] as const
const flags = ['avx2', 'sse4', 'vmx'] as const

/** Small numbers, so that what is asked often just fits and often just does not. */
const limit = fc.integer({ min: 0, max: 16 })
const claimed = fc.integer({ min: 0, max: 6 })
const host = fc.record({
  zone_id: fc.constantFrom(...zones),
  cluster_id: fc.constant('c'),
  answers: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
  schedulable: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
  arch: fc.oneof({ weight: 5, arbitrary: fc.constant('x86_64') }, fc.constant('aarch64')),
  cpu_flags: fc.subarray([...flags]),
  labels: fc.oneof(fc.constant({}), fc.constant({ disk: 'ssd' }), fc.constant({ disk: 'hdd' })),
  vcpus_limit: limit,
  memory_limit_mib: limit,
  disk_limit_gib: limit,
  vcpus_claimed: claimed,
  memory_claimed_mib: claimed,
  disk_claimed_gib: claimed,
})
const hosts = fc
  .array(host, { maxLength: 8, size: 'max' })
  .map(all => all.map((one, n): HostSnapshot => ({ ...one, id: `id-${n}`, name: `h${n}` })))
const sometimes = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: value })
const asked: fc.Arbitrary<PlacementAsked> = fc.record({
  vcpus: fc.integer({ min: 1, max: 4 }),
  memory_mib: fc.integer({ min: 1, max: 4 }),
  disk_gib: fc.integer({ min: 0, max: 4 }),
  zone_id: sometimes(fc.constantFrom(...zones)),
  host_id: sometimes(fc.constantFrom('id-0', 'id-1', 'id-9')),
  arch: sometimes(fc.constantFrom('x86_64', 'aarch64')),
  cpu_flags: fc.oneof({ weight: 4, arbitrary: fc.constant<string[]>([]) }, fc.subarray([...flags], { maxLength: 1 })),
  labels: fc.oneof(
    { weight: 6, arbitrary: fc.constant<Record<string, string>>({}) },
    fc.constant<Record<string, string>>({ disk: 'ssd' }),
  ),
})
const count = fc.integer({ min: 1, max: 12 })

function claimsOf(one: HostSnapshot) {
  return { vcpus: one.vcpus_claimed, memory_mib: one.memory_claimed_mib, disk_gib: one.disk_claimed_gib }
}

/** The host after `n` more of what was asked have been promised on it. */
function loaded(one: HostSnapshot, ask: PlacementAsked, n: number): HostSnapshot {
  return {
    ...one,
    vcpus_claimed: one.vcpus_claimed + n * ask.vcpus,
    memory_claimed_mib: one.memory_claimed_mib + n * ask.memory_mib,
    disk_claimed_gib: one.disk_claimed_gib + n * ask.disk_gib,
  }
}

function fits(one: HostSnapshot, ask: PlacementAsked): boolean {
  return Object.values(filters).every(
    filter => (filter.applies && !filter.applies(ask)) || !filter.refuses(one, claimsOf(one), ask),
  )
}

test('the cases are worth trying: many are placed in part, some wholly, some not at all', () => {
  const cases = fc.sample(fc.tuple(hosts, asked, count), { numRuns: 1000, seed: 1 })
  const shares = cases.map(([all, ask, n]) => place(all, ask, n).filter(one => one.host_id !== null).length / n)
  const part = shares.filter(share => share > 0 && share < 1).length
  const whole = shares.filter(share => share === 1).length
  assert.ok(part > 150 && whole > 100 && part + whole < 900, `${part} in part, ${whole} wholly, of 1000`)
})

test('no host is promised more than it has, and none takes what its filters refuse', () => {
  fc.assert(
    fc.property(hosts, asked, count, (all, ask, n) => {
      const chosen = place(all, ask, n).flatMap(({ host_id }) => host_id ?? [])
      for (const one of all) {
        const taken = chosen.filter(id => id === one.id).length
        if (taken === 0) continue
        assert.ok(fits(loaded(one, ask, taken - 1), ask), `${one.name} took one too many`)
        const after = loaded(one, ask, taken)
        assert.ok(after.vcpus_claimed <= one.vcpus_limit)
        assert.ok(after.memory_claimed_mib <= one.memory_limit_mib)
        if (ask.disk_gib > 0) assert.ok(after.disk_claimed_gib <= one.disk_limit_gib)
        assert.ok(one.answers && one.schedulable)
      }
    }),
  )
})

test('it gives up only when no host can take it, and then says so once, last', () => {
  fc.assert(
    fc.property(hosts, asked, count, (all, ask, n) => {
      const decisions = place(all, ask, n)
      const placed = decisions.filter(one => one.host_id !== null)
      if (placed.length === n) assert.equal(decisions.length, n)
      else {
        assert.equal(decisions.length, placed.length + 1)
        assert.equal(decisions.at(-1)?.host_id, null)
      }
      const after = all.map(one => loaded(one, ask, placed.filter(({ host_id }) => host_id === one.id).length))
      if (placed.length < n) assert.ok(after.every(one => !fits(one, ask)))
    }),
  )
})

test('the same hosts in another order give the same plan, and are left as they were', () => {
  fc.assert(
    fc.property(hosts, asked, count, fc.infiniteStream(fc.nat()), (all, ask, n, order) => {
      const before = structuredClone(all)
      const plan = place(all, ask, n).map(({ host_id }) => host_id)
      assert.deepEqual(all, before)
      const keyed = all.map(one => ({ one, key: Number(order.next().value) }))
      const shuffled = keyed.toSorted((a, b) => a.key - b.key).map(({ one }) => one)
      assert.deepEqual(
        place(shuffled, ask, n).map(({ host_id }) => host_id),
        plan,
      )
    }),
  )
})

test('a batch is placed as the same instances one after the other would be', () => {
  fc.assert(
    fc.property(hosts, asked, count, (all, ask, n) => {
      const batch = place(all, ask, n).map(({ host_id }) => host_id)
      const singly: (string | null)[] = []
      let now = all
      for (let k = 0; k < n && singly.at(-1) !== null; k++) {
        const host_id = place(now, ask)[0]?.host_id ?? null
        singly.push(host_id)
        now = now.map(one => (one.id === host_id ? loaded(one, ask, 1) : one))
      }
      assert.deepEqual(batch, singly)
    }),
  )
})

test('a refusal names every host and why, in words; a choice the best that fits', () => {
  fc.assert(
    fc.property(hosts, asked, (all, ask) => {
      const [decision] = place(all, ask)
      assert.ok(decision)
      assert.deepEqual(decision.hosts.map(one => one.host_id).toSorted(), all.map(one => one.id).toSorted())
      const refused = decision.hosts.filter(one => one.refused !== null)
      for (const { host_id, refused: why } of decision.hosts) {
        const one = all.find(({ id }) => id === host_id)
        assert.ok(one)
        assert.equal(why === null, fits(one, ask))
        if (why !== null) assert.match(why, /^[a-zA-Z].{5,}$/)
      }
      const counted = Object.values(decision.refusals).reduce((sum, many) => sum + many, 0)
      assert.equal(counted, refused.length)
      for (const filter of Object.keys(decision.refusals)) assert.ok(filter in filters)
      const scores = decision.hosts.flatMap(one => one.score ?? [])
      assert.deepEqual(
        scores,
        scores.toSorted((a, b) => b - a),
      )
      assert.equal(decision.host_id, decision.hosts.find(one => one.refused === null)?.host_id ?? null)
    }),
  )
})

test('an explanation stays small, whatever the number of hosts', () => {
  const some: HostSnapshot = {
    id: '',
    name: '',
    zone_id: 'z1',
    cluster_id: 'c',
    answers: true,
    schedulable: true,
    arch: 'x86_64',
    cpu_flags: [],
    labels: {},
    vcpus_limit: 8,
    memory_limit_mib: 8,
    disk_limit_gib: 8,
    vcpus_claimed: 0,
    memory_claimed_mib: 0,
    disk_claimed_gib: 0,
  }
  const many = Array.from({ length: 1000 }, (_, n) => ({ ...some, id: `id-${n}`, name: `h${n}`, answers: n % 2 === 0 }))
  const ask: PlacementAsked = {
    vcpus: 1,
    memory_mib: 1,
    disk_gib: 1,
    zone_id: null,
    host_id: null,
    arch: null,
    cpu_flags: [],
    labels: {},
  }
  const [decision] = place(many, ask)
  assert.ok((decision?.hosts.length ?? 0) <= 20)
  assert.deepEqual(decision?.refusals, { answers: 500 })
})
