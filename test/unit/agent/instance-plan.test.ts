import assert from 'node:assert/strict'
import { test } from 'node:test'
import { powerOf } from '../../../src/agent/drivers/libvirt/power.ts'
import type { Domain } from '../../../src/agent/ports.ts'
import { type Done, nothingDone } from '../../../src/agent/reconcilers/done.ts'
import {
  crashesMax,
  planInstance,
  reportInstance,
  type Situation,
  started,
} from '../../../src/agent/reconcilers/instance-plan.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { domain, wantedInstance } from './fakes.ts'

const ran: Done = { ...nothingDone, applied_generation: 1, ran_in_boot: 'b1', started_at: '2026-01-01T00:00:00.000Z' }
const off = (off_reason: Domain['off_reason']): Domain => domain({ power: 'off', off_reason })

function at(wanted: Partial<WantedInstance>, done: Done, has: Domain | null, now_ms = 1000): Situation {
  return { wanted: wantedInstance(wanted), done, domain: has, now_ms, boot_id: 'b1' }
}

test('a new instance is started, and reported as applied once it runs', () => {
  const situation = at({}, nothingDone, null)
  assert.equal(planInstance(situation).act, 'start')
  const done = started(situation)
  const settled = planInstance(at({}, done, domain()))
  assert.deepEqual([settled.act, settled.done], [null, done])
  assert.equal(reportInstance({ wanted: situation.wanted, done, domain: domain() }, null).power, 'running')
})

test('a guest that powers itself off stays off and says so, until something new is wanted', () => {
  const plan = planInstance(at({}, ran, off('guest')))
  assert.equal(plan.act, null)
  const report = reportInstance({ wanted: wantedInstance(), done: plan.done, domain: off('guest') }, null)
  assert.deepEqual([report.power, report.stopped_by_guest, report.applied_generation], ['stopped', true, 1])
  assert.equal(planInstance(at({}, plan.done, off('guest'))).act, null)
  assert.equal(planInstance(at({}, plan.done, off('unknown'))).act, null)
  assert.equal(planInstance(at({ generation: 2 }, plan.done, off('guest'))).act, 'start')
})

test('after a power cut of the host the guest is started, whatever libvirt says of it', () => {
  for (const reason of ['unknown', 'guest', 'crashed'] as const) {
    const plan = planInstance({ ...at({}, ran, off(reason)), boot_id: 'b2' })
    assert.equal(plan.act, 'start', reason)
    assert.equal(plan.done.crashes, 0)
  }
})

test('a crash is followed by a start at once, then later and later, then not at all', () => {
  let done = ran
  let now_ms = 1000
  const waits: (number | null)[] = []
  for (let crash = 1; crash <= crashesMax; crash++) {
    let plan = planInstance(at({}, done, off('crashed'), now_ms))
    waits.push(plan.again_at_ms === null ? 0 : plan.again_at_ms - now_ms)
    now_ms = plan.again_at_ms ?? now_ms
    plan = planInstance(at({}, plan.done, off('crashed'), now_ms))
    assert.equal(plan.act, 'start')
    done = started(at({}, plan.done, null, now_ms))
  }
  assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000])
  const plan = planInstance(at({}, done, off('crashed'), now_ms))
  assert.equal(plan.act, null)
  assert.equal(plan.again_at_ms, null)
  const report = reportInstance({ wanted: wantedInstance(), done: plan.done, domain: off('crashed') }, null)
  assert.equal(report.power, 'crashed')
  assert.match(report.failure ?? '', /crashed 6 times/)
  assert.equal(planInstance(at({ generation: 2 }, plan.done, off('crashed'), now_ms)).act, 'start')
})

test('stopping asks, waits, asks again, and cuts at the deadline that an agent restart does not move', () => {
  const wanted = { power: 'stopped', generation: 2, stop_timeout_s: 25 } as const
  const first = planInstance(at(wanted, ran, domain(), 1000))
  assert.deepEqual([first.act, first.again_at_ms], ['askShutdown', 11_000])
  const second = planInstance(at(wanted, first.done, domain(), 21_000))
  assert.deepEqual([second.act, second.again_at_ms], ['askShutdown', 26_000])
  assert.equal(planInstance(at(wanted, first.done, domain(), 26_000)).act, 'cut')
  const rest = planInstance(at(wanted, first.done, off('cut'), 26_001))
  assert.equal(rest.act, null)
  assert.deepEqual([rest.done.applied_generation, rest.done.shutdown, rest.done.ran_in_boot], [2, null, null])
})

test('a clock that is set back lengthens a stop by no more than its time', () => {
  const wanted = { power: 'stopped', generation: 2, stop_timeout_s: 25 } as const
  const first = planInstance(at(wanted, ran, domain(), 4_000_000))
  const later = planInstance(at(wanted, first.done, domain(), 400_000))
  assert.deepEqual([later.act, later.done.shutdown?.deadline_ms], ['askShutdown', 425_000])
  assert.equal(planInstance(at(wanted, later.done, domain(), 425_000)).act, 'cut')
})

test('a stop taken back while the guest goes down ends with a running guest', () => {
  const asked = planInstance(at({ power: 'stopped', generation: 2 }, ran, domain())).done
  const back = planInstance(at({ generation: 3 }, asked, domain(), 2000))
  assert.deepEqual([back.act, back.again_at_ms], [null, 61_000])
  assert.equal(planInstance(at({ generation: 3 }, back.done, off('guest'), 3000)).act, 'start')
})

test('a reboot goes down and up once, known after a kill at any point', () => {
  const wanted = { generation: 2, reboot_count: 1 } as const
  const down = planInstance(at(wanted, ran, domain()))
  assert.equal(down.act, 'askShutdown')
  assert.deepEqual(down.done.reboot, { count: 1, stage: 'down' })
  const up = planInstance(at(wanted, down.done, off('guest')))
  assert.equal(up.act, 'start')
  assert.deepEqual(up.done.reboot, { count: 1, stage: 'up' })
  // Killed after the start and before the record of it: the running guest is the new one.
  const found = planInstance(at(wanted, up.done, domain()))
  assert.deepEqual([found.act, found.done.reboots_done, found.done.reboot], [null, 1, null])
  assert.equal(planInstance(at(wanted, found.done, domain())).act, null)
  assert.equal(planInstance(at({ ...wanted, reboot_kind: 'hard' }, ran, domain())).act, 'cut')
  assert.equal(planInstance(at({ ...wanted, reboot_kind: 'hard' }, down.done, domain())).act, 'cut')
})

test('deleting cuts, undefines and keeps the disks; purging removes and then says absent', () => {
  const deleted = { power: 'deleted', generation: 2 } as const
  assert.equal(planInstance(at(deleted, ran, domain())).act, 'cut')
  assert.equal(planInstance(at(deleted, ran, off('cut'))).act, 'undefine')
  assert.equal(planInstance(at(deleted, ran, null)).act, null)
  const purged = { power: 'purged', generation: 3 } as const
  assert.equal(planInstance(at(purged, ran, domain())).act, 'cut')
  assert.equal(planInstance(at(purged, ran, null)).act, 'purge')
  const gone = planInstance(at(purged, { ...ran, purged: true }, null))
  assert.equal(gone.act, null)
  assert.equal(reportInstance({ wanted: wantedInstance(purged), done: gone.done, domain: null }, null).power, 'absent')
})

test('a domain that Croft did not make is never touched, whatever is wanted', () => {
  for (const power of ['running', 'stopped', 'deleted', 'purged'] as const) {
    for (const has of [domain({ ours: false }), { ...off('unknown'), ours: false }]) {
      const plan = planInstance(at({ power }, nothingDone, has))
      assert.equal(plan.act, null)
      assert.match(plan.refused ?? '', /did not make it/)
    }
  }
})

test('a paused guest is left alone until something new is wanted', () => {
  const paused = domain({ power: 'paused', paused_reason: 'its disk cannot be written' })
  const plan = planInstance(at({}, ran, paused))
  assert.deepEqual([plan.act, plan.done.failure], [null, 'its disk cannot be written'])
  assert.equal(planInstance(at({ generation: 2 }, plan.done, paused)).act, 'resume')
})

test('a guest that was left paused in the middle of its start goes on', () => {
  const left = domain({ ...powerOf('paused', 'starting_up') })
  assert.equal(planInstance(at({}, ran, left)).act, 'resume')
  for (const reason of ['user', 'ioerror', 'watchdog', 'migration']) {
    const asked = domain({ ...powerOf('paused', reason) })
    assert.equal(planInstance(at({}, ran, asked)).act, null, reason)
  }
})

test('a guest that runs is given more once, less waits for its next start', () => {
  const done = started(at({ vcpus: 2, memory_mib: 128 }, ran, null))
  const wish = { generation: 2, vcpus: 3, memory_mib: 128 }
  assert.equal(planInstance(at(wish, done, domain())).act, 'grow')
  const grown = { ...done, size: { vcpus: 3, memory_mib: 128 } }
  assert.equal(planInstance(at(wish, grown, domain())).act, null)
  assert.equal(planInstance(at({ ...wish, vcpus: 1 }, grown, domain())).act, null)
  // It came from another host: nobody noted what it has.
  const came = { ...done, size: null }
  assert.equal(planInstance(at({ ...wish, hardware: { vcpus_max: 4 } }, came, domain())).act, 'grow')
  assert.equal(planInstance(at(wish, came, domain())).act, null)
})
