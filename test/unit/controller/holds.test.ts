/** What a host holds beside what the database knows: every way in which the two can differ. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareHolds, type Holds } from '../../../src/controller/agents/holds.ts'
import type { KnownInstance } from '../../../src/controller/store/held.ts'
import { factsOf } from '../../../sim/facts.ts'
import { BadFrame, parseAgentFrame } from '../../../src/protocol/messages.ts'

const row = (change: Partial<KnownInstance> = {}): KnownInstance => ({
  id: 'i',
  host_id: 'h',
  generation: 5,
  details_version: 2,
  wanted_power: 'running',
  deleted_at: null,
  purging: false,
  reboot_count: 1,
  held_generation: null,
  ...change,
})
const hold = (change: Partial<Holds[number]> = {}): Holds[number] => ({
  id: 'i',
  generation: 5,
  details_version: 2,
  power: 'running',
  reboot_count: 1,
  ...change,
})
const kindOf = (known: KnownInstance[], held: Holds[number]) =>
  compareHolds('h', known, [held]).differing[0]?.kind ?? null

test('what is as it should be, or only late, is no difference', () => {
  assert.equal(kindOf([row()], hold()), null)
  assert.equal(kindOf([row()], hold({ generation: 4, power: 'stopped' })), null)
})

test('a newer generation is ahead, and marks the instance', () => {
  assert.equal(kindOf([row()], hold({ generation: 6 })), 'ahead')
  assert.deepEqual(compareHolds('h', [row()], [hold({ generation: 6 })]).marks, [{ id: 'i', generation: 6 }])
})

test('the same generation given twice for different things is ahead', () => {
  assert.equal(kindOf([row()], hold({ power: 'stopped' })), 'ahead')
  assert.equal(kindOf([row()], hold({ reboot_count: 2 })), 'ahead')
  assert.equal(kindOf([row({ deleted_at: new Date() })], hold({ power: 'deleted' })), null)
  assert.equal(kindOf([row({ deleted_at: new Date(), purging: true })], hold({ power: 'deleted' })), 'ahead')
})

test('without a row it is orphaned, unless its purge goes on or the agent is too old to say', () => {
  assert.equal(kindOf([], hold()), 'orphaned')
  assert.equal(kindOf([], hold({ power: 'deleted' })), 'orphaned')
  assert.equal(kindOf([], hold({ power: 'purged' })), null)
  const { power: _, ...old } = hold()
  assert.equal(kindOf([], old), null)
})

test('a row on another host is said, and marks nothing', () => {
  const compared = compareHolds('h', [row({ host_id: 'other' })], [hold({ generation: 9 })])
  assert.equal(compared.differing[0]?.kind, 'elsewhere')
  assert.deepEqual(compared.marks, [])
})

test('a mark goes when the host holds nothing newer any more', () => {
  assert.deepEqual(compareHolds('h', [row({ held_generation: 7 })], [hold()]).marks, [{ id: 'i', generation: null }])
  assert.deepEqual(compareHolds('h', [row({ held_generation: 7 })], []).marks, [{ id: 'i', generation: null }])
  assert.deepEqual(compareHolds('h', [row({ held_generation: 7 })], [hold({ generation: 7 })]).marks, [])
})

test('later details of the same generation are passed by themselves', () => {
  const compared = compareHolds('h', [row()], [hold({ details_version: 4 })])
  assert.deepEqual([compared.differing, compared.details], [[], [{ id: 'i', details_version: 4 }]])
})

test('a host cannot say numbers beyond which the database could not be read any more', () => {
  const id = crypto.randomUUID()
  const said = (change: object) =>
    JSON.stringify({
      type: 'held',
      instances: [{ ...shown, id, disks: [{ ...disk, volume_id: id }], ...change }],
    })
  assert.equal(parseAgentFrame(said({})).type, 'held')
  const beyond = Number.MAX_SAFE_INTEGER
  const whole = { ...shown, id }
  for (const change of [
    { generation: beyond },
    { generation: -1 },
    { details_version: beyond },
    { reboot_count: 2 ** 31 - 1 },
    { memory_mib: beyond },
    { vcpus: beyond },
    { disks: [{ ...disk, volume_id: id, size_gib: beyond }] },
    { disks: [{ ...disk, volume_id: id, size_mib: beyond }] },
  ])
    assert.throws(() => parseAgentFrame(said(change)), BadFrame, JSON.stringify(change))
  const hello = (held: object) =>
    JSON.stringify({ type: 'hello', protocol: 1, facts: factsOf('h', { memory_mib: 1024 }), holds: [held] })
  const holds = { id, generation: whole.generation, details_version: whole.details_version }
  assert.equal(parseAgentFrame(hello(holds)).type, 'hello')
  for (const change of [{ generation: beyond }, { details_version: beyond }, { reboot_count: beyond }])
    assert.throws(() => parseAgentFrame(hello({ ...holds, ...change })), BadFrame, JSON.stringify(change))
})

const disk = { role: 'root', size_gib: 1, image: null, bus: 'virtio' }
const shown = {
  generation: 5,
  details_version: 2,
  power: 'running',
  reboot_count: 1,
  reboot_kind: 'soft',
  stop_timeout_s: 60,
  vcpus: 1,
  memory_mib: 128,
  cpu_model: 'default',
  ports: [],
  config_drive: false,
  watchdog_action: 'none',
  metadata: {
    hostname: 'web',
    name: 'web',
    project_id: crypto.randomUUID(),
    zone: 'z',
    flavor: 'tiny',
    image: 'tiny',
    public_keys: [],
    user_data: null,
    tags: {},
    created_at: '2026-01-01T00:00:00Z',
    floating_addresses: [],
    security_groups: [],
  },
}
