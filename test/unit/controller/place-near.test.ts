/** Who is placed anew keeps to its own cluster: whatever else is liked there or elsewhere, and though its hosts are busy just now. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeNear } from '../../../src/controller/scheduler/near.ts'
import { place } from '../../../src/controller/scheduler/place.ts'
import type { Around, HostSnapshot, PlacementAsked } from '../../../src/controller/scheduler/snapshot.ts'

const host = (id: string, cluster_id: string, memory_limit_mib: number): HostSnapshot => ({
  id,
  name: id,
  zone_id: 'z',
  cluster_id,
  answers: true,
  schedulable: true,
  maintenance: false,
  arch: 'x86_64',
  virtualisation: 'kvm',
  pool_id: null,
  cpu_flags: [],
  labels: {},
  aggregates: [],
  vcpus_limit: 4,
  memory_limit_mib,
  disk_limit_gib: 10,
  vcpus_claimed: 0,
  memory_claimed_mib: 0,
  disk_claimed_gib: 0,
})

const group = { id: 'g', name: 'g', policy: 'soft-affinity' } as const
const asked = (around: Around): PlacementAsked => ({
  vcpus: 1,
  memory_mib: 100,
  disk_gib: 1,
  zone_id: null,
  host_id: null,
  arch: null,
  cpu_flags: [],
  labels: {},
  group,
  around,
})

/** Elsewhere there is more of everything, and the others of its group. */
const near = { own_host_id: 'h1', near_host_id: 'h1', group_hosts: new Map([['o1', 50]]) }
const own = [host('h1', 'mine', 110), host('h2', 'mine', 110)]
const full = { ...host('h2', 'mine', 110), memory_claimed_mib: 100 }
const other = { ...host('o1', 'other', 9000), vcpus_limit: 90 }

function chosen(hosts: readonly HostSnapshot[], around: Around, own_cluster = 100) {
  const factors = { own_cluster }
  const [decision] = placeNear(hosts, asked(around), one => place(hosts, one, 1, { factors }), own_cluster > 0)
  return decision
}

test('a host of its own cluster comes first, whoever else is there; another cluster only when none of its own has room', () => {
  assert.equal(chosen([...own, other], near)?.host_id, 'h2')
  assert.equal(chosen([host('h1', 'mine', 110), full, other], near)?.host_id, 'o1')
  assert.equal(chosen([...own, other], near, 0)?.host_id, 'o1')
})

test('who is new, or has no cluster of its own yet, is placed as ever, and nothing of it is told', () => {
  const { near_host_id: _, ...anywhere } = near
  const decision = chosen([...own, other], anywhere)
  assert.equal(decision?.host_id, 'o1')
  assert.equal(decision.hosts[0]?.weights.own_cluster, undefined)
})

test('while hosts of its own are only busy it waits for them; not for those that are full', () => {
  const busy = new Map([['h2', 'has 2 migrations, and may have 2 at once']])
  const waits = chosen([...own, other], { ...near, busy })
  assert.equal(waits?.host_id, null)
  assert.deepEqual(waits.refusals, { own_host: 1, busy: 2 })
  assert.match(waits.hosts.find(one => one.host === 'o1')?.refused ?? '', /is of another cluster/)
  assert.equal(chosen([host('h1', 'mine', 110), full, other], { ...near, busy })?.host_id, 'o1')
  assert.equal(chosen([...own, other], { ...near, busy }, 0)?.host_id, 'o1')
})
