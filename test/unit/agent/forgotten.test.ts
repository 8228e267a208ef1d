/** An instance that left by a move is forgotten while the agent looks at it once more: nothing of it is written again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAgent } from '../../../src/agent/agent.ts'
import type { Domain } from '../../../src/agent/ports.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import {
  facts,
  fakeController,
  fakeHost,
  fakeHypervisor,
  fakeState,
  manualClock,
  noGuestData,
  quiet,
  settle,
  uuid,
  wantedInstance,
} from './fakes.ts'

test('what is forgotten while the hypervisor takes its time to answer leaves no record', async () => {
  const host = fakeHost()
  const [clock, controller] = [manualClock(), fakeController()]
  let answers: Promise<Domain | null> = Promise.resolve(null)
  await createAgent({
    hypervisor: { ...fakeHypervisor(host), look: () => answers },
    storage: {
      prepare: () => Promise.resolve([]),
      remove: () => Promise.resolve(),
      present: () => Promise.resolve([]),
      isShared: () => Promise.resolve(false),
    },
    guestData: noGuestData,
    network: { apply: () => Promise.resolve() },
    state: fakeState(host),
    link: controller,
    facts: { read: () => Promise.resolve(facts) },
    clock,
    random: { fraction: () => 0.5 },
    log: quiet,
    boot_id: host.boot_id,
    allNamed: () => Promise.resolve(),
  })
  await settle()
  const want = async (instances: WantedInstance[], forget_instances: string[] = []) => {
    controller.send({ type: 'wanted', whole: true, instances, networks: [], forget_instances, forget_networks: [] })
    await clock.advance(10)
  }
  const records = () => ['wanted', 'done', 'moves'].flatMap(name => [...(host.disk.get(name)?.keys() ?? [])])

  controller.send({ type: 'welcome', protocol: 1, host_id: uuid(500), heartbeat_ms: 1000, last_report: 0 })
  await clock.advance(10)
  const one = wantedInstance()
  const migration = {
    id: uuid(50),
    kind: 'live' as const,
    peer_host_id: uuid(51),
    secret: 's'.repeat(16),
    auto_converge: false,
  }
  await want([{ ...one, migration: { ...migration, step: 'leave', copied_volumes: [] } }])
  assert.ok(records().length > 0)

  const late = Promise.withResolvers<Domain | null>()
  answers = late.promise
  for (const listener of host.listeners) listener({ kind: 'changed', id: one.id })
  await settle()
  await want([], [one.id])
  late.resolve(null)
  await settle()
  await clock.advance(10)
  assert.deepEqual(records(), [])
})
