/**
 * A guest that has come, and whose host loses its power (or its libvirtd) at that very moment: it never says that it did not have it, and
 * takes it up from its disks.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Arrivals, Coming, Mover } from '../../../src/agent/ports.ts'
import { type Done, nothingDone } from '../../../src/agent/reconcilers/done.ts'
import { createMoves } from '../../../src/agent/reconcilers/moves.ts'
import { domain, type FakeHost, fakeHost, fakeHypervisor, fakeState, manualClock, quiet, uuid } from './fakes.ts'
import { wantedInstance } from './fakes.ts'

const migration = {
  id: uuid(50),
  step: 'prepare' as const,
  kind: 'live' as const,
  peer_host_id: uuid(51),
  secret: 's'.repeat(16),
  copied_volumes: [],
  auto_converge: false,
}
const wanted = wantedInstance({ migration })

/** The target, from its agent's start on; what it holds on disk and what runs is the host's. */
async function target(host: FakeHost) {
  let coming: Coming | null = null
  let done: Done = nothingDone
  let is_coming = false
  const never = () => Promise.reject(new Error('not here'))
  const mover: Mover = {
    expect: async given => {
      coming = given
      return { address: '192.0.2.1:7072' }
    },
    isComing: () => is_coming,
    dismiss: async () => undefined,
    send: never,
    ask: never,
    abort: never,
    stop: async () => undefined,
  }
  const nothing = async () => undefined
  const arrivals: Arrivals = {
    prepare: nothing,
    fit: async () => true,
    files: async () => [],
    settle: nothing,
    located: async () => [],
    leaving: async () => [],
    drop: nothing,
  }
  const hypervisor = fakeHypervisor(host)
  const moves = await createMoves({
    hypervisor,
    storage: { prepare: async () => [], remove: nothing, present: async () => [] },
    guestData: { prepare: async () => null, prepared: async () => null, remove: nothing },
    mover,
    arrivals,
    state: fakeState(host),
    clock: manualClock(),
    log: quiet,
    boot_id: host.boot_id,
    instances: new Map([[wanted.id, wanted]]),
    networkReady: nothing,
    doneOf: () => done,
    noteDone: async (_id, given) => void (done = given),
    wake() {},
    wakeAfter() {},
  })
  /** Passes until there is nothing to do. */
  async function settle(now = wanted): Promise<string> {
    for (let acts = 0; acts < 10; acts++) {
      const step = await moves.step(now, await hypervisor.look(now.id), () => undefined, new AbortController().signal)
      if (step !== 'again') return step
    }
    throw new Error('it goes in circles')
  }
  await settle()
  return {
    settle,
    report: (now = wanted) => moves.report(now).migration,
    come(now: boolean) {
      is_coming = now
    },
    get coming(): Coming {
      assert.ok(coming)
      return coming
    },
    get done() {
      return done
    },
  }
}

/** Power is lost: what ran is gone, what is on disk is there. */
function nextBoot(host: FakeHost): void {
  host.domains.clear()
  host.boot_id = 'boot-2'
}

describe('agent/moves-taking', () => {
  test('the power is lost after the guest began to run here, before that was written: it is this host’s, and starts anew', async () => {
    const host = fakeHost()
    const first = await target(host)
    assert.equal(await first.coming.standing(), 'never')
    await first.coming.mayRun(true)
    host.domains.set(wanted.id, domain())
    nextBoot(host)
    const second = await target(host)
    assert.equal(await second.coming.standing(), 'here')
    assert.equal(second.report()?.phase, 'switched')
    assert.match(second.report()?.reason ?? '', /lost on its new host/)
    // Told that it is its own, it decides as for any other, and knows of no crash.
    const { migration: _, ...own } = wanted
    assert.equal(await second.settle(own), 'usual')
    assert.deepEqual([second.done.ran_in_boot, second.done.crashes, second.done.applied_generation], [null, 0, 1])
  })

  test('libvirt says that it did not let it run: it never had it', async () => {
    const host = fakeHost()
    const first = await target(host)
    first.come(true)
    await first.coming.mayRun(true)
    assert.equal(await first.coming.standing(), 'unsettled', 'while libvirt is asked')
    await first.coming.mayRun(false)
    first.come(false)
    assert.equal(await first.coming.standing(), 'never')
    nextBoot(host)
    const second = await target(host)
    assert.equal(await second.coming.standing(), 'never')
    assert.equal(second.report()?.phase, 'ready')
  })

  test('it runs here when the agent is back', async () => {
    const host = fakeHost()
    const first = await target(host)
    await first.coming.mayRun(true)
    host.domains.set(wanted.id, domain())
    const second = await target(host)
    assert.equal(await second.coming.standing(), 'here')
    assert.equal(second.report()?.phase, 'switched')
    assert.equal(second.report()?.reason, null)
    assert.equal(second.done.ran_in_boot, 'boot-1')
  })

  test('only what is ready is let run', async () => {
    const host = fakeHost()
    const first = await target(host)
    await first.coming.arrived({ started_at: null, progress: null })
    await assert.rejects(first.coming.mayRun(true), /could come to/)
    assert.equal(await first.coming.standing(), 'here')
  })
})
