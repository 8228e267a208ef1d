/** What a host refuses of a controller whose database is older than what it was told before, and what it obeys all the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedState } from '../../../sim/state.ts'
import { loadWantedSet, type WantedFrame } from '../../../src/agent/wanted-set.ts'
import type { WantedMigration } from '../../../src/protocol/migration.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'

const id = '00000000-0000-7000-8000-000000000001'
const log = { debug() {}, info() {}, warn() {}, error() {} }
const wanted = (more: Partial<WantedInstance> = {}): WantedInstance => ({
  id,
  generation: 7,
  details_version: 1,
  placement: 2,
  power: 'running',
  reboot_count: 0,
  reboot_kind: 'soft',
  stop_timeout_s: 1,
  vcpus: 1,
  memory_mib: 128,
  cpu_model: 'default',
  disks: [],
  ports: [],
  config_drive: false,
  watchdog_action: 'none',
  metadata: {
    hostname: 'a',
    name: 'a',
    project_id: id,
    zone: 'z',
    flavor: 'f',
    image: '',
    public_keys: [],
    user_data: null,
    tags: {},
    created_at: '2026-01-01T00:00:00Z',
    floating_addresses: [],
    security_groups: [],
  },
  ...more,
})
const step = (what: WantedMigration['step'], move = 'm'): { migration: WantedMigration } => ({
  migration: {
    id: move,
    step: what,
    kind: 'live',
    peer_host_id: id,
    secret: '0123456789abcdef',
    copied_volumes: [],
    auto_converge: true,
  },
})

/** What is held after the one and then the other were told, and whether the other was taken for what belongs here. */
async function afterBoth(first: WantedInstance, second: WantedInstance) {
  const set = await loadWantedSet(
    simulatedState(new Map(), async () => undefined),
    log,
  )
  const tell = (one: WantedInstance, as_of: number) =>
    set.take(
      { type: 'wanted', whole: true, as_of, instances: [one], networks: [], forget_instances: [], forget_networks: [] },
      () => false,
    )
  await tell(first, 5)
  const { confirmed } = await tell(second, 3)
  assert.equal(set.heard_as_of, 5)
  return { held: set.instances.get(id), confirmed: confirmed.includes(id) }
}

test('an older generation is refused, and confirms nothing', async () => {
  const { held, confirmed } = await afterBoth(wanted(), wanted({ generation: 6, power: 'stopped' }))
  assert.deepEqual([held?.power, held?.generation, confirmed], ['running', 7, false])
})

test('leave and discard are obeyed whatever generation and details, which are not lowered', async () => {
  for (const what of ['leave', 'discard'] as const) {
    for (const less of [{ generation: 3 }, { details_version: 0 }]) {
      const { held } = await afterBoth(wanted(), wanted({ ...less, placement: 3, ...step(what) }))
      assert.deepEqual(
        [held?.migration?.step, held?.generation, held?.details_version, held?.placement],
        [what, 7, 1, 3],
      )
    }
  }
})

test('an earlier placement is refused, whatever it says', async () => {
  for (const more of [step('leave'), step('prepare'), { generation: 9, power: 'purged' as const }]) {
    const { held, confirmed } = await afterBoth(wanted(), wanted({ placement: 1, ...more }))
    assert.deepEqual([held?.migration, held?.power, confirmed], [undefined, 'running', false])
  }
})

test('what was left is sent or run here again only by a later placement', async () => {
  const left = wanted(step('leave'))
  for (const more of [step('send'), {}]) {
    assert.equal((await afterBoth(left, wanted(more))).held?.migration?.step, 'leave')
    const again = await afterBoth(left, wanted({ placement: 4, details_version: 2, ...more }))
    assert.notEqual(again.held?.migration?.step, 'leave')
  }
  const back = await afterBoth(wanted(step('discard')), wanted(step('prepare', 'm2')))
  assert.equal(back.held?.migration?.id, 'm2')
})

test('a controller that does not count placements is heard as before', async () => {
  const { placement: _, ...older } = wanted({ generation: 8, power: 'stopped' })
  assert.equal((await afterBoth(wanted(), older)).held?.power, 'stopped')
})

/** A set that is told whole frames. */
async function toldSet(warnings: unknown[] = []) {
  const set = await loadWantedSet(
    simulatedState(new Map(), async () => undefined),
    { ...log, warn: detail => warnings.push(detail) },
  )
  const tell = (frame: Partial<WantedFrame>, isGone = false) => {
    const nothing = { instances: [], networks: [], forget_instances: [], forget_networks: [] }
    return set.take({ type: 'wanted', whole: true, ...nothing, ...frame }, () => isGone)
  }
  return { set, tell }
}

const named = ({ id, generation, details_version, placement = 0 }: WantedInstance) => ({
  id,
  generation,
  details_version,
  placement,
})

test('of equal generation, details, placement and migration nothing is taken: controllers rely on it', async () => {
  const { set, tell } = await toldSet()
  const held = wanted()
  await tell({ instances: [held] })
  const other = wanted({
    power: 'purged',
    reboot_count: 9,
    reboot_kind: 'hard',
    stop_timeout_s: 99,
    vcpus: 64,
    memory_mib: 4096,
    cpu_model: 'host-model',
    os_family: 'windows',
    config_drive: true,
    boot_order: ['network'],
    watchdog_action: 'dump',
    graphics: 'spice',
    availability: 'high',
    on_crash: 'stop',
    metadata: { ...held.metadata, name: 'b', zone: 'elsewhere', tags: { of: 'another' } },
  })
  assert.deepEqual((await tell({ instances: [other] })).instances, [])
  assert.deepEqual(set.instances.get(id), held)
})

test('what is said to be unchanged is confirmed and kept as it is, and not taken for what may be forgotten', async () => {
  const warnings: unknown[] = []
  const { set, tell } = await toldSet(warnings)
  const held = [wanted(), wanted({ id: '00000000-0000-7000-8000-000000000002' })] as const
  await tell({ instances: [...held] })
  // Of both nothing is left here: the silence about one would be the word to forget it.
  const next = wanted({ generation: 8 })
  assert.deepEqual(await tell({ instances: [next], unchanged: [named(held[1])] }, true), {
    instances: [id],
    forgotten: [],
    confirmed: [id, held[1].id],
    network: false,
  })
  assert.deepEqual([...set.instances.values()], [next, held[1]])
  assert.deepEqual(warnings, [])
})

test('what is not held just so cannot be unchanged: the link is to end, and nothing is confirmed', async () => {
  const { set, tell } = await toldSet()
  await tell({ instances: [wanted()] })
  for (const unlike of [
    { id: '00000000-0000-7000-8000-000000000003' },
    { generation: 6 },
    { details_version: 2 },
    { placement: 1 },
  ])
    await assert.rejects(tell({ unchanged: [{ ...named(wanted()), ...unlike }] }), /for unchanged, and it is not/)
  assert.deepEqual(set.instances.get(id), wanted())
  // A word of the link before, on which the hello of this one had not waited.
  await tell({ instances: [wanted(step('send'))] })
  await assert.rejects(tell({ unchanged: [named(wanted())] }), /for unchanged, and it is not/)
})
