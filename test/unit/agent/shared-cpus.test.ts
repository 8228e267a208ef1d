/** Which CPUs are somebody's own, and that guests that run are moved off them once, and back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pinsOf } from '../../../src/agent/drivers/libvirt/pins.ts'
import { offlineBlocks } from '../../../src/agent/drivers/libvirt/growth.ts'
import { createSharedCpus, ownCpus, sharedOf } from '../../../src/agent/reconcilers/shared-cpus.ts'
import type { SharedCpus } from '../../../src/agent/ports.ts'
import { realClock } from '../../../src/lib/clock.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { uuid, wantedInstance } from './fakes.ts'

const cpus = {
  all: [0, 1, 2, 3],
  nodes: [
    { node: 0, cpus: [0, 1] },
    { node: 1, cpus: [2, 3] },
  ],
}
const cell = (own: number[], host_node = 1) => ({ vcpus: own.map((_, n) => n), memory_mib: 64, host_node, cpus: own })
const pinned = wantedInstance({ id: uuid(2), hardware: { cells: [cell([3])], idle_cpus: [2] } })
const plain = wantedInstance({ id: uuid(1) })

test('own are those of all that may run here, stopped ones too, and idle ones', () => {
  assert.deepEqual([...ownCpus([plain, { ...pinned, power: 'stopped' }])].sort(), [2, 3])
  assert.equal(ownCpus([{ ...pinned, power: 'deleted' }]).size, 0)
  assert.deepEqual(sharedOf(cpus, new Set([2, 3])).all, [0, 1])
  assert.deepEqual(sharedOf(cpus, new Set([0, 1, 2, 3])).all, [0, 1, 2, 3], 'somewhere they must run')
})

test('a guest on a node shares what is left of it, or else all that is shared', () => {
  const shared = sharedOf(cpus, new Set([3]))
  const on = (host_node: number) =>
    pinsOf({ vcpus: 1, hardware: { cells: [{ ...cell([], host_node), vcpus: [0] }] } }, shared)?.vcpus[0]?.cpus
  assert.deepEqual(on(1), [2])
  assert.deepEqual(on(7), [0, 1, 2])
  assert.equal(pinsOf({ vcpus: 1 }, null), null)
})

test('guests that run are moved when that changes, and only then', async () => {
  const instances = new Map<string, WantedInstance>([[plain.id, plain]])
  const moves: [string, SharedCpus][] = []
  let moved = Promise.withResolvers<void>()
  const shared = createSharedCpus({
    hypervisor: {
      confine: (instance: WantedInstance, to: SharedCpus) => {
        moves.push([instance.id, to])
        moved.resolve()
        return Promise.resolve()
      },
    } as never,
    clock: realClock,
    log: console,
    instances,
    cpus,
    runs: () => true,
  })
  assert.equal(shared.now(), null)
  shared.wake()
  instances.set(pinned.id, pinned)
  shared.wake()
  await moved.promise
  assert.deepEqual(
    moves.map(([id, to]) => [id, to.all]),
    [[plain.id, [0, 1]]],
  )
  assert.deepEqual(shared.now()?.all, [0, 1])
  moved = Promise.withResolvers<void>()
  instances.delete(pinned.id)
  shared.wake()
  await moved.promise
  assert.deepEqual(moves.at(-1)?.[1].all, [0, 1, 2, 3])
  assert.equal(moves.length, 2)
  await shared.stop()
})

test('memory blocks of a guest that says anything', () => {
  assert.deepEqual(offlineBlocks('no'), [])
  const said = [
    { 'phys-index': 3, online: false },
    { 'phys-index': 4, online: true },
    { 'phys-index': -1, online: false },
    null,
    {},
  ]
  assert.deepEqual(offlineBlocks(said), [3])
})
