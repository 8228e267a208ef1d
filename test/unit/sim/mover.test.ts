/** Moves between simulated hosts take the time that they are given, say how long they took, and are given up when it is over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { VirtualClock } from '../../../sim/clock.ts'
import { factsOf } from '../../../sim/facts.ts'
import { SimulatedHost } from '../../../sim/host.ts'
import { MovingGround, simulatedMover } from '../../../sim/mover.ts'
import { Wires } from '../../../sim/network.ts'
import { seeded } from '../../../sim/random.ts'
import type { Coming, Leaving, Sent } from '../../../src/agent/ports.ts'
import type { WantedMigration } from '../../../src/protocol/migration.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'

const id = '00000000-0000-7000-8000-00000000000a'

/** What comes of a live move with these options, by a clock that goes on as soon as nobody is at work. */
async function moved(options: { bandwidth_mib_s?: number; timeout_s?: number }) {
  const clock = new VirtualClock(0)
  const ground = new MovingGround()
  const dialler = new Wires(clock, seeded('wires')).dialler([])
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const [source, target] = ['h1', 'h2'].map(name => {
    const parts = { id: `id-${name}`, name, facts: factsOf(name), random: seeded(name), log, dialler }
    const host = new SimulatedHost({ ...parts, clockOf: alive => clock.of(alive) })
    host.powerOn()
    const common = { ground, host, alive: () => true, clock, random: seeded(name) }
    return { host, mover: simulatedMover({ ...common, pause: async () => undefined }) }
  })
  assert.ok(source && target)
  source.host.put({ id, name: id, ours: true, power: 'running', off_reason: null, paused_reason: null })
  const asked: Partial<WantedMigration> = {
    kind: 'live',
    peer_host_id: target.host.id,
    secret: 'x'.repeat(16),
    ...options,
  }
  const instance: Partial<WantedInstance> = { id, disks: [] }
  const parts = { instance: instance as WantedInstance, migration: asked as WantedMigration }
  const coming = { ...parts, refused: () => false, mayRun: async () => undefined, arrived: async () => undefined }
  await target.mover.expect(coming as Partial<Coming> as Coming)
  const shown: number[] = []
  const leaving = {
    ...parts,
    signal: new AbortController().signal,
    show: ({ elapsed_ms }: { elapsed_ms: number }) => void shown.push(elapsed_ms),
    handingOver: async () => undefined,
  }
  const began_ms = clock.now_ms()
  const ended: { sent?: Sent } = {}
  void source.mover.send(leaving as Partial<Leaving> as Leaving).then(sent => (ended.sent = sent))
  for (let n = 0; n < 10_000 && !ended.sent; n++) {
    await setImmediate()
    if (!ended.sent) clock.step(3_600_000)
  }
  const { sent } = ended
  assert.ok(sent)
  return { sent, shown, took_ms: clock.now_ms() - began_ms }
}

test('sent slowly, a simulated move says that it took as long as it did', async () => {
  const { sent, shown, took_ms } = await moved({ bandwidth_mib_s: 1 })
  assert.equal(sent.outcome, 'switched')
  assert.ok(took_ms >= 128_000, String(took_ms))
  const elapsed_ms = sent.outcome === 'switched' ? (sent.progress?.elapsed_ms ?? 0) : 0
  assert.ok(elapsed_ms >= 128_000 && elapsed_ms <= took_ms, `${elapsed_ms} of ${took_ms}`)
  assert.ok((shown.at(-1) ?? 0) > 100_000, 'also while it goes on')
})

test('a simulated move that does not end in its time is given up, and says why', async () => {
  const { sent, took_ms } = await moved({ bandwidth_mib_s: 1, timeout_s: 1 })
  assert.deepEqual(sent, {
    outcome: 'stayed',
    reason: 'The move did not end within 1 s. Allow more bandwidth or time, and try again.',
  })
  assert.ok(took_ms >= 1000 && took_ms < 5000, String(took_ms))
})
