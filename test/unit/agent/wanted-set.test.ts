/** What a host refuses of a controller whose database is older than what it was told before, and what it obeys all the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedState } from '../../../sim/state.ts'
import { loadWantedSet } from '../../../src/agent/wanted-set.ts'
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
