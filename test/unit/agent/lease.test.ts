/** Highly available guests on a host: started only under a lease and told anew that they belong there, guarded before, killed after. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createAgent } from '../../../src/agent/agent.ts'
import type { Armed, Watchdog, WatchdogListener } from '../../../src/agent/ports.ts'
import { hostDeadline_ms, leaseTimes } from '../../../src/model/lease.ts'
import type { InstanceReport } from '../../../src/protocol/messages.ts'
import type { WantedHost, WantedInstance } from '../../../src/protocol/wanted.ts'
import { simulatedSamples } from '../../../sim/samples.ts'
import {
  type FakeHost,
  facts,
  fakeController,
  fakeHost,
  fakeHypervisor,
  fakeState,
  manualClock,
  powerOff,
  quiet,
  settle,
  uuid,
  wantedInstance,
  noGuestData,
} from './fakes.ts'

const id = uuid(1)
const high = (change: Partial<WantedInstance> = {}) => wantedInstance({ availability: 'high', ...change })
const { lease_ms } = leaseTimes

class FakeWatchdog implements Watchdog {
  up = true
  armed: Armed | null = null
  readonly killed = new Map<string, string>()
  /** The number of the act before which each order came. */
  readonly orders: number[] = []
  private readonly listeners = new Set<WatchdogListener>()
  private readonly host: FakeHost
  private readonly clock: { steady_ms(): number; now_ms(): number }

  constructor(host: FakeHost, clock: { steady_ms(): number; now_ms(): number }) {
    this.host = host
    this.clock = clock
  }
  steady_ms = () => this.clock.steady_ms()
  arm(armed: Armed): Promise<void> {
    if (!this.up) return Promise.reject(new Error('away'))
    this.orders.push(this.host.acts.length)
    this.armed = armed
    return Promise.resolve()
  }
  killedAt = (one: string) => this.killed.get(one) ?? null
  kill(ids: readonly string[]): string[] {
    const there = ids.filter(one => this.host.domains.get(one)?.power === 'running')
    for (const one of there) {
      this.killed.set(one, new Date(this.clock.now_ms()).toISOString())
      powerOff(this.host, one, 'crashed')
    }
    return there
  }
  subscribe(listener: WatchdogListener): void {
    this.listeners.add(listener)
  }
  set(up: boolean): void {
    this.up = up
    for (const listener of this.listeners) listener(up ? 'up' : 'down')
  }
}

async function boot(
  host: FakeHost,
  given: { watchdog?: FakeWatchdog; clock?: ReturnType<typeof manualClock>; measures?: boolean } = {},
) {
  const clock = given.clock ?? manualClock()
  const controller = fakeController()
  const watchdog = given.watchdog ?? new FakeWatchdog(host, clock)
  host.listeners.clear()
  const agent = await createAgent({
    hypervisor: fakeHypervisor(host),
    storage: {
      prepare: () => Promise.resolve([]),
      remove: () => Promise.resolve(),
      present: () => Promise.resolve([]),
    },
    guestData: noGuestData,
    network: { apply: () => Promise.resolve() },
    state: fakeState(host),
    link: controller,
    facts: { read: () => Promise.resolve(facts) },
    watchdog,
    clock,
    ...(given.measures && {
      samples: simulatedSamples('h1', clock, { running: () => [] }, { cpus: 1, memory_mib: 1024 }),
    }),
    random: { fraction: () => 0.5 },
    log: quiet,
    boot_id: host.boot_id,
  })
  await settle()
  const want = async (instances: WantedInstance[], whole = true, host?: WantedHost) => {
    const rest = { networks: [], forget_instances: [], forget_networks: [] }
    controller.send({ type: 'wanted', whole, instances, ...(host && { host }), ...rest })
    await clock.advance(10)
  }
  const welcome = async () => {
    controller.send({ type: 'welcome', protocol: 1, host_id: uuid(500), heartbeat_ms: 5000, last_report: 7 })
    await clock.advance(10)
  }
  const grant = async () => {
    controller.send({ type: 'pong', sent_ms: clock.steady_ms(), lease_ms })
    await clock.advance(10)
  }
  const said = (): InstanceReport | undefined =>
    controller.got.flatMap(frame => (frame.type === 'report' ? frame.instances : [])).findLast(one => one.id === id)
  const starts = () => host.acts.filter(act => act.startsWith('start')).length
  return { agent, clock, controller, watchdog, want, welcome, grant, said, starts }
}

describe('a lease on a host', () => {
  test('nothing starts without one, and everybody is told what it waits for', async () => {
    const on = await boot(fakeHost())
    await on.welcome()
    await on.want([high()])
    await on.clock.advance(1000)
    assert.equal(on.starts(), 0)
    assert.match(on.said()?.progress?.step ?? '', /lease/)
    await on.grant()
    assert.equal(on.starts(), 1)
    assert.equal(on.said()?.power, 'running')
    assert.equal(on.said()?.guarded_version, high().details_version)
    assert.ok((on.watchdog.orders[0] ?? 99) === 0, 'guarded before anything is done with it')
    assert.deepEqual(on.watchdog.armed?.guarded, [id])
    await on.agent.stop()
  })

  test('others start as ever, and are not guarded', async () => {
    const on = await boot(fakeHost())
    await on.welcome()
    await on.want([wantedInstance()])
    assert.equal(on.starts(), 1)
    await on.grant()
    assert.deepEqual(on.watchdog.armed?.guarded, [])
    assert.equal(on.said()?.guarded_version, undefined)
    await on.agent.stop()
  })

  test('the first ping goes out with the welcome, and the lease counts from a ping', async () => {
    const on = await boot(fakeHost())
    await on.welcome()
    const ping = on.controller.got.find(frame => frame.type === 'ping')
    assert.ok(ping?.type === 'ping')
    await on.clock.advance(4000)
    on.controller.send({ type: 'pong', sent_ms: ping.sent_ms, lease_ms })
    await on.clock.advance(10)
    assert.equal(on.watchdog.armed?.deadline_ms, hostDeadline_ms(ping.sent_ms, lease_ms))
    await on.agent.stop()
  })

  test('past the deadline the agent kills, too; it comes back with the next lease, and that was no crash', async () => {
    const host = fakeHost()
    const on = await boot(host)
    await on.welcome()
    await on.want([high()])
    await on.grant()
    await on.clock.advance(28_000)
    assert.equal(host.domains.get(id)?.power, 'running')
    await on.clock.advance(1600)
    assert.equal(host.domains.get(id)?.power, 'off')
    await on.clock.advance(60_000)
    assert.equal(on.starts(), 1)
    await on.welcome()
    await on.want([high()])
    await on.grant()
    assert.equal(on.starts(), 2)
    assert.equal(on.said()?.crashes ?? null, null)
    await on.agent.stop()
  })

  test('after a restart of the agent what runs goes on under the old deadline, and nothing starts by the old wish', async () => {
    const host = fakeHost()
    const first = await boot(host)
    await first.welcome()
    await first.want([high()])
    await first.grant()
    await first.agent.stop()
    const { clock, watchdog } = first
    const second = await boot(host, { clock, watchdog })
    assert.equal(host.domains.get(id)?.power, 'running')
    powerOff(host, id, 'crashed')
    await clock.advance(5000)
    assert.equal(second.starts(), 1, 'not before a controller has said anew that it belongs here')
    await second.welcome()
    await second.want([high()])
    assert.equal(second.starts(), 2, 'the lease of before still holds')
    await second.agent.stop()
  })

  test('without its watchdog a host gets no longer lease', async () => {
    const host = fakeHost()
    const on = await boot(host)
    await on.welcome()
    await on.want([high()])
    await on.grant()
    on.watchdog.set(false)
    await on.clock.advance(10_000)
    await on.grant()
    await on.clock.advance(19_000)
    assert.equal(host.domains.get(id)?.power, 'off')
    assert.equal(on.starts(), 1)
    // What was granted meanwhile counts once the watchdog has it.
    on.watchdog.set(true)
    await on.clock.advance(1500)
    await on.welcome()
    await on.want([high()])
    assert.equal(on.starts(), 2)
    await on.agent.stop()
  })

  test('one that becomes highly available while it runs is guarded from then on, until it no longer is', async () => {
    const on = await boot(fakeHost())
    await on.welcome()
    await on.want([wantedInstance()])
    await on.grant()
    await on.want([high({ details_version: 5 })], false)
    assert.deepEqual(on.watchdog.armed?.guarded, [id])
    assert.equal(on.said()?.guarded_version, 5)
    await on.want([wantedInstance({ details_version: 6 })], false)
    assert.deepEqual(on.watchdog.armed?.guarded, [])
    assert.equal(on.said()?.guarded_version, undefined)
    assert.equal(on.starts(), 1)
    await on.agent.stop()
  })

  test('where nothing needs one, few pings ask for it, yet one is always at hand; for the first that does, each asks', async () => {
    const on = await boot(fakeHost())
    on.controller.lease_ms = lease_ms
    await on.welcome()
    await on.want([wantedInstance()])
    await on.clock.advance(100_000)
    const pings = () => on.controller.got.filter(frame => frame.type === 'ping')
    const asking = pings().filter(frame => !frame.quiet)
    assert.ok(pings().length >= 16, `${pings().length} pings: it is heard of within each heartbeat and a little`)
    assert.ok(asking.length <= 8, `${asking.length} of them want an answer`)
    const before = pings().length
    await on.want([high({ details_version: 5 })])
    assert.equal(on.starts(), 1)
    assert.deepEqual(on.watchdog.armed?.guarded, [id])
    await on.clock.advance(30_000)
    const since = pings().slice(before)
    assert.ok(since.length >= 6 && since.every(frame => !frame.quiet), `${since.length} pings in 30 s, each asks`)
    await on.agent.stop()
  })

  test('what is sent says that the host is there: with samples every two heartbeats there is one ping between them', async () => {
    const on = await boot(fakeHost(), { measures: true })
    on.controller.lease_ms = lease_ms
    await on.welcome()
    const host = {
      version: 1,
      ovn_southbound: '',
      physical_networks: {},
      external_gateway: null,
      metrics_interval_s: 10,
    }
    await on.want([], true, { ...host, packed_samples: true })
    await on.clock.advance(100_000)
    const count = (type: string) => on.controller.got.filter(frame => frame.type === type).length
    assert.ok(count('samples') >= 10)
    assert.ok(count('ping') <= count('samples') + 2, `${count('ping')} pings, ${count('samples')} samples`)
    await on.agent.stop()
  })

  test('one that becomes highly available when the last lease is over is guarded under the next, and not killed by the last', async () => {
    const host = fakeHost()
    const on = await boot(host)
    await on.welcome()
    await on.want([wantedInstance()])
    await on.grant()
    await on.clock.advance(40_000)
    await on.welcome()
    await on.want([high({ details_version: 5 })])
    await on.clock.advance(2000)
    assert.equal(host.domains.get(id)?.power, 'running')
    assert.deepEqual(on.watchdog.armed?.guarded, [])
    await on.grant()
    assert.deepEqual(on.watchdog.armed?.guarded, [id])
    assert.equal(host.domains.get(id)?.power, 'running')
    await on.agent.stop()
  })
})
