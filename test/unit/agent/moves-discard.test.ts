/**
 * A target that made ready for an instance and is told to clear that. After a restore of the database a controller may tell it before it has
 * heard what was to be copied there: then the host's own word counts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nothingDone } from '../../../src/agent/reconcilers/done.ts'
import { createMoves } from '../../../src/agent/reconcilers/moves.ts'
import type { WantedDisk } from '../../../src/protocol/wanted.ts'
import { fakeArrivals, fakeHost, fakeHypervisor, fakeState, manualClock, quiet, uuid, wantedInstance } from './fakes.ts'

const nothing = async () => undefined
const never = () => Promise.reject(new Error('not here'))
const arrivals = fakeArrivals()
const move = {
  id: uuid(50),
  kind: 'cold' as const,
  peer_host_id: uuid(51),
  secret: 's'.repeat(16),
  auto_converge: false,
}
const disk = (n: number, role: WantedDisk['role']): WantedDisk => ({
  volume_id: uuid(n),
  role,
  size_gib: 1,
  image: null,
  bus: 'virtio',
})
const disks = [disk(60, 'root'), disk(61, 'ephemeral'), disk(1, 'cdrom')]

/** What is left on a host that made ready with these copied, and then was told to clear it with those. */
async function leftOf(copied_then: readonly string[], copied_now: readonly string[]): Promise<string[]> {
  const host = fakeHost()
  const left = new Set<string>(['config', ...disks.map(one => one.volume_id)])
  const prepare = { ...move, step: 'prepare' as const, copied_volumes: [...copied_then] }
  const discard = { ...move, step: 'discard' as const, copied_volumes: [...copied_now] }
  const wanted = wantedInstance({ disks, config_drive: true })
  const hypervisor = fakeHypervisor(host)
  const moves = await createMoves({
    hypervisor,
    storage: {
      prepare: async () => [],
      remove: async gone => gone.forEach(one => left.delete(one.volume_id)),
      present: async () => [],
    },
    guestData: {
      prepare: async () => '/config',
      prepared: async () => '/config',
      remove: async () => void left.delete('config'),
    },
    mover: {
      expect: async () => ({ address: '192.0.2.1:7072' }),
      isComing: () => false,
      dismiss: nothing,
      send: never,
      ask: never,
      abort: never,
      stop: nothing,
    },
    arrivals,
    state: fakeState(host),
    clock: manualClock(),
    log: quiet,
    boot_id: host.boot_id,
    instances: new Map(),
    networkReady: nothing,
    doneOf: () => nothingDone,
    noteDone: nothing,
    wake() {},
    wakeAfter() {},
  })
  for (const migration of [prepare, discard]) {
    const now = { ...wanted, migration }
    for (let acts = 0; acts < 10; acts++)
      if ((await moves.step(now, null, () => undefined, new AbortController().signal)) !== 'again') break
  }
  return [...left]
}

describe('agent/moves-discard', () => {
  const own = [uuid(60), uuid(61)]

  test('what was made here goes, config drive and all', async () => {
    assert.deepEqual(await leftOf(own, own), [])
  })

  test('so it does when who tells it does not know what was to be copied', async () => {
    assert.deepEqual(await leftOf(own, []), [])
  })

  test('in a shared pool all of it is the other host’s, whatever is told', async () => {
    const all = ['config', uuid(60), uuid(61), uuid(1)]
    assert.deepEqual(await leftOf([], []), all)
    assert.deepEqual(await leftOf([], own), all)
    assert.deepEqual(await leftOf([uuid(61)], [uuid(61)]), ['config', uuid(60), uuid(1)])
  })
})
