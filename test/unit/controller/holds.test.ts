/** What a host holds beside what the database knows: every way in which the two can differ. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareHolds, type Holds, type KnownOfHost } from '../../../src/controller/agents/holds.ts'
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
  placement: 3,
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
const compare = (instances: KnownInstance[], holds: Holds, more: Partial<KnownOfHost> = {}) =>
  compareHolds('h', { instances, moves: [], forgot: false, lacked: new Set(), ...more }, holds)
const kindOf = (known: KnownInstance[], held: Holds[number], more: Partial<KnownOfHost> = {}) =>
  compare(known, [held], more).differing[0]?.kind ?? null
const move = { id: 'm', instance_id: 'i', phase: 'sending', source_host_id: 'h', target_host_id: 't' } as const

test('what is as it should be, or only late, is no difference', () => {
  assert.equal(kindOf([row()], hold()), null)
  assert.equal(kindOf([row()], hold({ generation: 4, power: 'stopped' })), null)
})

test('a newer generation is ahead', () => {
  assert.equal(kindOf([row()], hold({ generation: 6 })), 'ahead')
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

test('a row on another host is said', () => {
  assert.equal(kindOf([row({ host_id: 'other' })], hold({ generation: 9 })), 'elsewhere')
})

test('what a host lacks is missing only if it has heard of more than the database counts', () => {
  const lacks = (more: Partial<KnownOfHost>) => compare([row()], [], more).differing.map(one => one.kind)
  assert.deepEqual(lacks({}), [], 'made just now, or its host was installed anew')
  assert.deepEqual(lacks({ forgot: true }), ['missing'])
  assert.deepEqual(lacks({ lacked: new Set(['i']) }), ['missing'], 'as before')
  assert.deepEqual(compare([row()], [hold()], { forgot: true, lacked: new Set(['i']) }).differing, [])
  assert.deepEqual(compare([row({ host_id: 'other' })], [], { forgot: true }).differing, [])
})

test('a host that was told to leave what the database has on it lacks it, unless that is an older word', () => {
  for (const step of ['leave', 'discard', 'prepare'] as const) {
    const held = (placement: number) => hold({ placement, migration: { id: 'm2', step } })
    assert.equal(kindOf([row()], held(3)), 'missing', step)
    assert.equal(kindOf([row()], held(4)), 'missing', step)
    assert.equal(kindOf([row()], held(2)), null, step)
  }
  assert.equal(kindOf([row()], hold({ placement: 3, here: true, migration: { id: 'm2', step: 'prepare' } })), null)
})

test('a move of which the database does not know, or knows less, is one that its source is in', () => {
  const sends = hold({ placement: 3, migration: { id: 'm', step: 'send' } })
  assert.equal(kindOf([row()], sends), 'moving')
  assert.equal(kindOf([row()], sends, { moves: [{ ...move, phase: 'preparing' }] }), 'moving')
  assert.equal(kindOf([row()], sends, { moves: [move] }), null)
  assert.equal(kindOf([row()], sends, { moves: [{ ...move, phase: 'ended' }] }), null, 'it has not heard of the end')
})

test('a host that is to clear what it was told of later is believed first', () => {
  const moves = [{ ...move, phase: 'leaving' as const }]
  const elsewhere = [row({ host_id: 't' })]
  assert.equal(kindOf(elsewhere, hold({ placement: 2 }), { moves }), null)
  assert.equal(kindOf(elsewhere, hold({ placement: 4 }), { moves }), 'elsewhere')
  const leaves = { id: 'm', step: 'leave' as const }
  assert.equal(kindOf(elsewhere, hold({ placement: 4, migration: leaves }), { moves }), null)
  assert.deepEqual(compare(elsewhere, [hold({ placement: 4, migration: leaves })]).cleared, ['i'])
})

test('what came back to its host is counted so', () => {
  assert.deepEqual(compare([row()], [hold({ placement: 5 })]).placements, [{ id: 'i', placement: 5 }])
  assert.deepEqual(compare([row()], [hold({ placement: 3 })]).placements, [])
})

test('later details of the same generation are passed by themselves', () => {
  const compared = compare([row()], [hold({ details_version: 4 })])
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
