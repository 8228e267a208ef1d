/** Placing, for any hosts and anything asked: never over a limit, the same every time, and always explained. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { filters } from '../../../src/controller/scheduler/filters/index.ts'
import { Placer } from '../../../src/controller/scheduler/placer.ts'
import { place } from '../../../src/controller/scheduler/place.ts'
import {
  type AggregateSnapshot,
  claimsOf,
  type HostSnapshot,
  type PlacementAsked,
  roundOf,
} from '../../../src/controller/scheduler/snapshot.ts'
import { nothingTaken } from '../../../src/controller/scheduler/hardware-fit.ts'
import { type Hardware, plainHardware } from '../../../src/model/hardware.ts'
import { groupPolicies } from '../../../src/model/instance-group.ts'

const zones = ['z1', 'z2'] as const
const flags = ['avx2', 'sse4', 'vmx'] as const

/** Small numbers, so that what is asked often just fits and often just does not. */
const limit = fc.integer({ min: 0, max: 16 })
const claimed = fc.integer({ min: 0, max: 6 })
const aggregates: AggregateSnapshot[] = [
  { id: 'a1', name: 'gpus', metadata: { gpu: 'yes', exclusive: 'true' } },
  { id: 'a2', name: 'theirs', metadata: { projects: 'p2 p3' } },
  { id: 'a3', name: 'fast', metadata: { disk: 'nvme' } },
]
const host = fc.record({
  zone_id: fc.constantFrom(...zones),
  cluster_id: fc.constantFrom('c1', 'c2'),
  maintenance: fc.oneof({ weight: 15, arbitrary: fc.constant(false) }, fc.constant(true)),
  virtualisation: fc.constantFrom('kvm', 'tcg'),
  pool_id: fc.constant(null),
  aggregates: fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, fc.subarray(aggregates)),
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
const someHosts = fc.subarray(['id-0', 'id-1', 'id-2', 'id-3'])
/** As often as not nothing of it is asked. */
const group = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 4,
    arbitrary: fc.record({
      policy: fc.constantFrom(...groupPolicies),
      hosts: fc.oneof(fc.constant<string[]>([]), someHosts),
    }),
  },
)
const around = fc.record({
  different: fc.oneof({ weight: 7, arbitrary: fc.constant<string[]>([]) }, someHosts),
  excluded: fc.oneof({ weight: 7, arbitrary: fc.constant<string[]>([]) }, someHosts),
  image: fc.oneof(fc.constant<string[]>([]), someHosts),
  room: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, fc.integer({ min: 0, max: 12 })),
})
const plain: fc.Arbitrary<PlacementAsked> = fc.record({
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
const asked = fc.tuple(plain, group, around).map(
  ([ask, ofGroup, { different, excluded, image, room }]): PlacementAsked => ({
    ...ask,
    project_id: 'p1',
    ...('policy' in ofGroup && { group: { id: 'g', name: 'g', policy: ofGroup.policy } }),
    ...(different.length > 0 && { different_from: ['i'] }),
    around: {
      ...('hosts' in ofGroup && { group_hosts: new Map(ofGroup.hosts.map(id => [id, 1])) }),
      different_hosts: new Set(different),
      excluded: new Map(excluded.map(id => [id, 'has refused it before'])),
      image_hosts: new Set(image),
      ...(room !== null && { cluster_room: new Map([['c1', { vcpus: room, memory_mib: room }]]) }),
    },
  }),
)
const count = fc.integer({ min: 1, max: 12 })

const some: HostSnapshot = {
  id: '',
  name: '',
  zone_id: 'z1',
  cluster_id: 'c',
  answers: true,
  schedulable: true,
  maintenance: false,
  virtualisation: 'kvm',
  pool_id: null,
  aggregates: [],
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
const plainAsk: PlacementAsked = {
  vcpus: 1,
  memory_mib: 1,
  disk_gib: 1,
  zone_id: null,
  host_id: null,
  arch: null,
  cpu_flags: [],
  labels: {},
}

/** What is asked, once these hosts have been chosen for as many of it. */
function askedAfter(all: readonly HostSnapshot[], ask: PlacementAsked, chosen: readonly string[]): PlacementAsked {
  const group_hosts = new Map(ask.around?.group_hosts)
  const cluster_room = new Map(ask.around?.cluster_room)
  for (const id of chosen) {
    if (ask.group) group_hosts.set(id, (group_hosts.get(id) ?? 0) + 1)
    const cluster_id = all.find(one => one.id === id)?.cluster_id ?? ''
    const room = cluster_room.get(cluster_id)
    if (room) {
      const [vcpus, memory_mib] = [room.vcpus - ask.vcpus, room.memory_mib - ask.memory_mib]
      cluster_room.set(cluster_id, { ...room, vcpus, memory_mib })
    }
  }
  return { ...ask, around: { ...ask.around, group_hosts, cluster_room } }
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
    filter => (filter.applies && !filter.applies(ask)) || !filter.refuses(one, claimsOf(one, ask, roundOf(ask)), ask),
  )
}

test('the cases are worth trying: many are placed in part, some wholly, some not at all', () => {
  const cases = fc.sample(fc.tuple(hosts, asked, count), { numRuns: 1000, seed: 1 })
  const shares = cases.map(([all, ask, n]) => place(all, ask, n).filter(one => one.host_id !== null).length / n)
  const part = shares.filter(share => share > 0 && share < 1).length
  const whole = shares.filter(share => share === 1).length
  assert.ok(part > 120 && whole > 80 && part + whole < 900, `${part} in part, ${whole} wholly, of 1000`)
})

test('no host is promised more than it has, and none takes what its filters refuse', () => {
  fc.assert(
    fc.property(hosts, asked, count, (all, ask, n) => {
      const chosen = place(all, ask, n).flatMap(({ host_id }) => host_id ?? [])
      for (const one of all) {
        const taken = chosen.filter(id => id === one.id).length
        if (taken === 0) continue
        // As when the last that came here was placed, all else as it is in the end.
        const others = chosen.toSpliced(chosen.lastIndexOf(one.id), 1)
        const before = askedAfter(all, ask, others)
        assert.ok(fits(loaded(one, ask, taken - 1), before), `${one.name} took one too many`)
        const after = loaded(one, ask, taken)
        assert.ok(after.vcpus_claimed <= one.vcpus_limit)
        assert.ok(after.memory_claimed_mib <= one.memory_limit_mib)
        if (ask.disk_gib > 0) assert.ok(after.disk_claimed_gib <= one.disk_limit_gib)
        assert.ok(one.answers && one.schedulable)
      }
    }),
  )
})

test('a group that stays apart shares no host, one that stays together only one, from wherever it began', () => {
  fc.assert(
    fc.property(hosts, asked, count, (all, ask, n) => {
      fc.pre(ask.group !== undefined)
      const before = [...(ask.around?.group_hosts?.keys() ?? [])]
      const chosen = place(all, ask, n).flatMap(({ host_id }) => host_id ?? [])
      if (ask.group?.policy === 'anti-affinity') {
        assert.equal(new Set([...before, ...chosen]).size, before.length + chosen.length)
      }
      if (ask.group?.policy === 'affinity' && chosen.length > 0) {
        assert.ok(chosen.every(id => (before.length > 0 ? before.includes(id) : id === chosen[0])))
      }
    }),
    { numRuns: 1000 },
  )
})

test('a group that would rather stay together does, and one that would rather not spreads, as far as there is room', () => {
  const four = ['id-0', 'id-1', 'id-2', 'id-3'].map(id => ({ ...some, id, name: id }))
  const spread = (policy: 'soft-affinity' | 'soft-anti-affinity', n: number) => {
    const ask = { ...plainAsk, group: { id: 'g', name: 'g', policy } }
    return Map.groupBy(place(four, ask, n), ({ host_id }) => host_id)
  }
  assert.deepEqual(
    [...spread('soft-affinity', 8).values()].map(one => one.length),
    [8],
  )
  assert.deepEqual(
    [...spread('soft-affinity', 10).values()].map(one => one.length),
    [8, 2],
  )
  assert.deepEqual(
    [...spread('soft-anti-affinity', 8).values()].map(one => one.length),
    [2, 2, 2, 2],
  )
})

test('what is remembered of a wish changes no decision, whatever hosts do meanwhile', () => {
  fc.assert(
    fc.property(hosts, fc.array(fc.tuple(plain, count, fc.array(fc.tuple(fc.nat(9), host)))), (all, rounds) => {
      const placer = new Placer()
      let now = all
      for (const [ask, n, changes] of [...rounds, ...rounds]) {
        assert.deepEqual(placer.place(now, ask, n, {}), place(now, ask, n))
        for (const [at, changed] of changes) now = now.map((one, k) => (k === at ? { ...one, ...changed } : one))
        if (changes.length === 3) now = now.slice(1)
      }
    }),
  )
})

test('factors turn weights up, down and round', () => {
  const [full, empty] = [
    { ...some, id: 'a', name: 'a', memory_claimed_mib: 4 },
    { ...some, id: 'b', name: 'b' },
  ]
  const chosen = (factors: Record<string, number>) => place([full, empty], plainAsk, 1, { factors })[0]?.host_id
  assert.equal(chosen({}), 'b')
  assert.equal(chosen({ free_memory: -1 }), 'a')
  assert.equal(chosen({ free_memory: 0, free_vcpus: 0, free_disk: 0 }), 'a', 'all the same: the first by id')
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
      const last = askedAfter(
        all,
        ask,
        placed.flatMap(({ host_id }) => host_id ?? []),
      )
      if (placed.length < n) assert.ok(after.every(one => !fits(one, last)))
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
        const before = askedAfter(
          all,
          ask,
          singly.flatMap(id => id ?? []),
        )
        const host_id = place(now, before)[0]?.host_id ?? null
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
      assert.equal(decision.fitting + counted, all.length)
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

test('firmware and TPM: only hosts that have said that they have them, and words of what to install', () => {
  const hardware: Hardware = { ...plainHardware, firmware: 'uefi', secure_boot: true, tpm: '2.0' }
  const told = (features: string[] | null) => ({
    ...{ nodes: [], cores: [], kept_cpus: [], devices: [], taken: nothingTaken, cpu_models: null },
    features,
  })
  const around = {
    hardware: new Map([
      ['whole', told(['uefi', 'secure_boot', 'tpm'])],
      ['bare', told([])],
      ['late', told(null)],
      ['half', told(['uefi', 'secure_boot'])],
    ]),
  }
  const all = ['silent', 'late', 'bare', 'half', 'whole'].map(id => ({ ...some, id, name: id }))
  const [decision] = place(all, { ...plainAsk, hardware, around }, 1)
  assert.equal(decision?.host_id, 'whole')
  const why = new Map(decision?.hosts.map(one => [one.host_id, one.refused]))
  assert.match(why.get('half') ?? '', /^has no program for TPMs \(install swtpm and swtpm-tools\)$/)
  assert.match(why.get('bare') ?? '', /UEFI firmware \(install ovmf.*secure boot.*TPMs/)
  for (const id of ['silent', 'late']) {
    assert.match(why.get(id) ?? '', /^has not told what its machines can have \(uefi, secure_boot, tpm\): its libvirt/)
  }
  const bios = { ...plainHardware, firmware: 'bios' as const }
  const arm = { ...some, id: 'arm', arch: 'aarch64' }
  assert.ok(!fits(arm, { ...plainAsk, hardware: bios }))
  assert.ok(fits(some, { ...plainAsk, hardware: bios }))
})

test('an explanation stays small, whatever the number of hosts', () => {
  const many = Array.from({ length: 1000 }, (_, n) => ({ ...some, id: `id-${n}`, name: `h${n}`, answers: n % 2 === 0 }))
  const [decision] = place(many, plainAsk)
  assert.ok((decision?.hosts.length ?? 0) <= 20)
  assert.deepEqual(decision?.refusals, { answers: 500 })
  assert.equal(decision?.fitting, 500)
})

test('of up to a hundred hosts each is told of: to the first of a batch, and to one that finds none', () => {
  const each = (count: number, decisions = 1, ask = plainAsk) => {
    const all = Array.from({ length: count }, (_, n) => ({ ...some, id: `id-${n}`, name: `h${n}`, answers: n % 3 > 0 }))
    return place(all, ask, decisions).map(({ hosts: told }) => new Set(told.map(one => one.host)).size)
  }
  assert.deepEqual(each(30), [30])
  assert.deepEqual(each(100), [100])
  assert.deepEqual(each(101), [20])
  assert.deepEqual(each(60, 3), [60, 20, 20])
  assert.deepEqual(each(60, 21), [60, ...Array.from({ length: 20 }, () => 6)])
  const found = each(60, 10_000)
  assert.equal(found.at(-1), 60, 'which the last one is not found')
})
