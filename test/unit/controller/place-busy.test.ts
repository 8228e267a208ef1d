/** Hosts that are busy: told of those alone that nothing else speaks against, an operator's module included. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Filter } from '../../../src/controller/scheduler/filter.ts'
import { place } from '../../../src/controller/scheduler/place.ts'
import type { HostSnapshot, PlacementAsked } from '../../../src/controller/scheduler/snapshot.ts'

const host = (id: string, memory_limit_mib: number): HostSnapshot => ({
  id,
  name: id,
  zone_id: 'z',
  cluster_id: 'c',
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

const busy = new Map(['h1', 'h2', 'h3'].map(id => [id, 'has 2 migrations, and may have 2 at once']))
const asked: PlacementAsked = {
  vcpus: 1,
  memory_mib: 100,
  disk_gib: 1,
  zone_id: null,
  host_id: null,
  arch: null,
  cpu_flags: [],
  labels: {},
  around: { busy },
}

test('what is too small, or refused by a module, is not only busy', () => {
  const module: Filter = { fault: 'no', refuses: ({ id }) => id === 'h2', why: () => 'is not to be used' }
  const hosts = [host('h1', 50), host('h2', 200), host('h3', 200)]
  const [decision] = place(hosts, asked, 1, { filters: { 'module:mine.js': module } })
  assert.equal(decision?.host_id, null)
  assert.deepEqual(decision?.refusals, { memory: 1, 'module:mine.js': 1, busy: 1 })
  assert.equal(decision?.hosts.find(one => one.filter === 'busy')?.host, 'h3')
})

test('who is not busy is chosen, whoever would be liked better', () => {
  const [decision] = place([host('h1', 900), host('h4', 200)], asked)
  assert.equal(decision?.host_id, 'h4')
})
