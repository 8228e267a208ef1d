/** What agents tell, and when, while an instance moves between them: whoever waits is told at once, and nobody of what is no news. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createAgent } from '../../../src/agent/agent.ts'
import type { Coming, Mover, Sent } from '../../../src/agent/ports.ts'
import { batch_ms } from '../../../src/agent/reporter.ts'
import type { InstanceReport } from '../../../src/protocol/messages.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import {
  domain,
  type FakeHost,
  facts,
  fakeArrivals,
  fakeController,
  fakeHost,
  fakeHypervisor,
  fakeState,
} from './fakes.ts'
import { manualClock, noGuestData, quiet, settle, uuid, wantedInstance } from './fakes.ts'

const id = uuid(1)
const nothing = async () => undefined
const never = () => Promise.reject(new Error('not here'))
const arrivals = fakeArrivals()
const migration = {
  id: uuid(50),
  kind: 'live' as const,
  peer_host_id: uuid(51),
  secret: 's'.repeat(16),
  copied_volumes: [],
  auto_converge: false,
}
const prepare = { ...migration, step: 'prepare' as const }
const send = { ...migration, step: 'send' as const, peer_address: '192.0.2.2:7072' }

/** A host whose guests have an agent that can be asked, linked to a controller. */
async function start(host: FakeHost, part: Partial<Mover>) {
  const clock = manualClock()
  const controller = fakeController()
  const asked = { times: 0 }
  const agent = await createAgent({
    hypervisor: {
      ...fakeHypervisor(host),
      guestAgent: async () => true,
      guestFacts: async () => {
        asked.times++
        return { addresses: ['10.0.0.5'], os: 'Debian' }
      },
    },
    storage: { prepare: async () => [], remove: nothing, present: async () => [] },
    guestData: noGuestData,
    network: { apply: nothing },
    mover: {
      expect: async () => ({ address: '192.0.2.1:7072' }),
      isComing: () => false,
      dismiss: nothing,
      send: never,
      ask: never,
      abort: never,
      stop: nothing,
      ...part,
    },
    arrivals,
    state: fakeState(host),
    link: controller,
    facts: { read: () => Promise.resolve(facts) },
    clock,
    random: { fraction: () => 0.5 },
    log: quiet,
    boot_id: host.boot_id,
  })
  await settle()
  controller.send({ type: 'welcome', protocol: 1, host_id: uuid(500), heartbeat_ms: 60_000, last_report: 0 })
  await clock.advance(10)
  const want = (instance: WantedInstance) =>
    controller.send({
      type: 'wanted',
      whole: false,
      instances: [instance],
      networks: [],
      forget_instances: [],
      forget_networks: [],
    })
  const told = () => controller.got.flatMap(frame => (frame.type === 'report' ? frame.instances : []))
  return { agent, clock, want, told, asked }
}

const phaseOf = ({ migration: said }: InstanceReport) => said?.phase

describe('agent/moves-told', () => {
  test('a target that is ready says so at once', async () => {
    const { agent, clock, want, told } = await start(fakeHost(), {})
    want(wantedInstance({ migration: prepare }))
    await settle()
    await clock.advance(batch_ms)
    assert.deepEqual(told().map(phaseOf), ['ready'])
    await agent.stop()
  })

  test('that a guest has come is told before it is defined', async () => {
    const host = fakeHost()
    let coming: Coming | null = null
    const expect: Mover['expect'] = async given => {
      coming = given
      return { address: '192.0.2.1:7072' }
    }
    const { agent, clock, want, told } = await start(host, { expect })
    want(wantedInstance({ migration: prepare }))
    await clock.advance(10)
    const defining = Promise.withResolvers<void>()
    const { located } = arrivals
    arrivals.located = async () => {
      await defining.promise
      return []
    }
    host.domains.set(id, domain())
    const here = coming as Coming | null
    assert.ok(here)
    await here.mayRun(true)
    await here.arrived({ started_at: null, progress: null })
    await clock.advance(10)
    assert.deepEqual(told().map(phaseOf), ['ready', 'switched'])
    assert.ok(!host.acts.some(act => act.startsWith('define')))
    defining.resolve()
    await clock.advance(10)
    assert.ok(host.acts.some(act => act.startsWith('define')))
    arrivals.located = located
    await agent.stop()
  })

  test('a guest that stands still to be handed over is not asked, and nothing of what it said is taken back', async () => {
    const host = fakeHost()
    const sent = Promise.withResolvers<Sent>()
    const { agent, clock, want, told, asked } = await start(host, { send: () => sent.promise })
    want(wantedInstance())
    await clock.advance(10)
    for (const listener of host.listeners) listener({ kind: 'guest', id })
    await clock.advance(10)
    assert.equal(told().at(-1)?.guest_agent, 'connected')
    want(wantedInstance({ migration: send }))
    await clock.advance(10_000)
    const [times, reports] = [asked.times, told().length]
    host.domains.set(id, domain({ power: 'paused', moving: 'paused' }))
    for (const listener of host.listeners) listener({ kind: 'changed', id })
    await clock.advance(5000)
    assert.equal(asked.times, times)
    assert.deepEqual(told().slice(reports), [])
    const now = told().at(-1)
    assert.deepEqual([now?.power, now?.guest_agent, now?.guest_addresses], ['running', 'connected', ['10.0.0.5']])
    sent.resolve({ outcome: 'switched', progress: null })
    await clock.advance(1000)
    assert.deepEqual([told().at(-1)?.power, told().at(-1)?.guest_agent], ['stopped', 'disconnected'])
    await agent.stop()
  })

  test('a guest that changed during a move that came to nothing is asked once that has ended', async () => {
    const host = fakeHost()
    const sent = Promise.withResolvers<Sent>()
    const { agent, clock, want, asked } = await start(host, { send: () => sent.promise })
    want(wantedInstance())
    await clock.advance(10)
    for (const listener of host.listeners) listener({ kind: 'guest', id })
    await clock.advance(10)
    want(wantedInstance({ migration: send }))
    await clock.advance(10_000)
    const { times } = asked
    for (const listener of host.listeners) listener({ kind: 'changed', id })
    sent.resolve({ outcome: 'stayed', reason: 'so' })
    await clock.advance(1000)
    assert.equal(asked.times, times)
    want(wantedInstance())
    await clock.advance(1000)
    assert.equal(asked.times, times + 1)
    await agent.stop()
  })
})
