import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAgent } from '../../../src/agent/agent.ts'
import { Failure, type Network, type Storage } from '../../../src/agent/ports.ts'
import type { AgentFrame, ControllerFrame, InstanceReport } from '../../../src/protocol/messages.ts'
import type { WantedDisk, WantedHost, WantedInstance } from '../../../src/protocol/wanted.ts'
import {
  domain,
  type FakeHost,
  facts,
  fakeController,
  fakeHost,
  fakeHypervisor,
  fakeState,
  Killed,
  manualClock,
  powerOff,
  quiet,
  settle,
  uuid,
  wantedInstance,
  noGuestData,
} from './fakes.ts'

interface BootOptions {
  prepare?: Storage['prepare']
  removed?: Volume[]
  /** Volumes whose files are there. */
  present?: string[]
  /** As often the removal of a disk fails. */
  removalFails?: number
  network?: Network
  hostEnds?: () => Promise<boolean>
  waits_for_word?: boolean
  /** Other hosts reach its disks. */
  shared?: boolean
  /** Called when a controller has named all that is on disk. */
  allNamed?: () => void
}

type Volume = Pick<WantedDisk, 'volume_id' | 'role'>

async function boot(host: FakeHost, options: BootOptions = {}) {
  const clock = manualClock()
  const controller = fakeController()
  let failures = options.removalFails ?? 0
  const removeDisks = (disks: readonly Volume[]) =>
    failures-- > 0 ? Promise.reject(new Error('no such device')) : Promise.resolve(void options.removed?.push(...disks))
  host.listeners.clear()
  const agent = await createAgent({
    hypervisor: fakeHypervisor(host),
    storage: {
      prepare: options.prepare ?? (() => Promise.resolve([])),
      remove: removeDisks,
      present: ids => Promise.resolve(ids.filter(id => options.present?.includes(id))),
      isShared: () => Promise.resolve(options.shared === true),
    },
    guestData: noGuestData,
    network: options.network ?? { apply: () => Promise.resolve() },
    state: fakeState(host),
    link: controller,
    facts: { read: () => Promise.resolve(facts) },
    clock,
    random: { fraction: () => 0.5 },
    log: quiet,
    boot_id: host.boot_id,
    ...(options.hostEnds && { hostEnds: options.hostEnds }),
    ...(options.waits_for_word && { waits_for_word: true }),
    allNamed: () => Promise.resolve(options.allNamed?.()),
  })
  await settle()
  const want = async (whole: boolean, instances: WantedInstance[], forget_instances: string[] = []) => {
    controller.send({ type: 'wanted', whole, instances, networks: [], forget_instances, forget_networks: [] })
    await clock.advance(10)
  }
  const welcome = async () => {
    controller.send({ type: 'welcome', protocol: 1, host_id: uuid(500), heartbeat_ms: 1000, last_report: 7 })
    await clock.advance(10)
  }
  return { agent, clock, controller, want, welcome }
}

function reports(got: AgentFrame[]): Extract<AgentFrame, { type: 'report' }>[] {
  return got.filter(frame => frame.type === 'report')
}

function last(got: AgentFrame[], id = uuid(1)): InstanceReport | undefined {
  return reports(got)
    .flatMap(frame => frame.instances)
    .findLast(each => each.id === id)
}

test('hello, welcome, a whole report first, then only changes, numbered above what the controller has', async () => {
  const { agent, controller, want, welcome } = await boot(fakeHost())
  assert.equal(controller.got[0]?.type, 'hello')
  await welcome()
  const [whole] = reports(controller.got)
  assert.deepEqual([whole?.whole, whole?.instances], [true, []])
  assert.ok((whole?.report ?? 0) > 7)
  await want(true, [wantedInstance()])
  assert.equal(last(controller.got)?.power, 'running')
  const numbers = reports(controller.got).map(frame => frame.report)
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  )
  assert.ok(
    reports(controller.got)
      .slice(1)
      .every(frame => !frame.whole),
  )
  const before = controller.got.length
  await want(false, [wantedInstance()])
  assert.equal(controller.got.length, before, 'the same again says nothing')
  await agent.stop()
})

test('after a reboot the pool is told which disks it once made, so that it can miss them', async () => {
  const host = fakeHost()
  const disk = { volume_id: uuid(40), role: 'root', size_gib: 1, image: null, bus: 'virtio' } as const
  const told: (readonly string[])[] = []
  const prepare: Storage['prepare'] = (_instance, _show, _signal, made = []) => {
    told.push(made)
    return Promise.resolve([{ wanted: disk, path: '/x', format: 'qcow2' as const, direct_io: false }])
  }
  const first = await boot(host, { prepare })
  await first.welcome()
  await first.want(true, [wantedInstance({ disks: [disk] })])
  await first.agent.stop()
  host.domains.clear()
  host.boot_id = 'boot-2'
  const second = await boot(host, { prepare })
  assert.deepEqual(told, [[], [uuid(40)]])
  await second.agent.stop()
})

test('without any controller, what is wanted on disk runs', async () => {
  const host = fakeHost()
  const first = await boot(host)
  await first.welcome()
  await first.want(true, [wantedInstance(), wantedInstance({ id: uuid(2), power: 'stopped' })])
  await first.agent.stop()
  host.domains.clear()
  host.acts.length = 0
  host.boot_id = 'boot-2'
  const second = await boot(host)
  assert.equal(host.domains.get(uuid(1))?.power, 'running')
  assert.equal(host.domains.has(uuid(2)), false)
  assert.deepEqual(host.acts, ['define 01', 'start 01'])
  await second.agent.stop()
})

for (const options of [{ waits_for_word: true }, { shared: true }]) {
  test(`${options.shared ? 'where others reach its disks, after a boot' : 'on hardware that it has only just become the host of'}, a guest starts when a controller names it, and not before`, async () => {
    const host = fakeHost()
    const first = await boot(host)
    await first.welcome()
    await first.want(true, [wantedInstance({ placement: 2 }), wantedInstance({ id: uuid(2), placement: 2 })])
    await first.agent.stop()
    host.domains.clear()
    host.acts.length = 0
    // In the same boot what ran is nobody else's, whoever is there to say so.
    if (options.shared) await (await boot(host, options)).agent.stop()
    assert.deepEqual(host.acts.splice(0), options.shared ? ['define 01', 'define 02', 'start 01', 'start 02'] : [])
    host.domains.clear()
    host.boot_id = 'boot-2'
    const second = await boot(host, options)
    assert.deepEqual(host.acts, [])
    await second.welcome()
    assert.match(
      last(second.controller.got)?.progress?.step ?? '',
      /waiting for a controller to say that it belongs here/,
    )
    // The other one has gone elsewhere meanwhile: what names it is refused or of a later placement, and it is not this host's.
    await second.want(true, [wantedInstance({ placement: 2 })])
    assert.deepEqual(host.acts, ['define 01', 'start 01'])
    await second.want(false, [wantedInstance({ id: uuid(2), placement: 1 })])
    assert.equal(host.domains.has(uuid(2)), false)
    await second.agent.stop()
  })
}

test('the word is out only when a whole frame was taken and nothing on disk is unnamed', async () => {
  const host = fakeHost()
  const first = await boot(host)
  await first.welcome()
  await first.want(true, [wantedInstance({ placement: 2 }), wantedInstance({ id: uuid(2), placement: 2 })])
  await first.agent.stop()
  host.domains.clear()
  host.boot_id = 'boot-2'
  let told = 0
  const second = await boot(host, { waits_for_word: true, allNamed: () => told++ })
  await second.welcome()
  // The one that no controller knows is what the next start must not start either.
  await second.want(true, [wantedInstance({ placement: 2 })])
  await second.want(false, [wantedInstance({ id: uuid(2), placement: 1 })])
  assert.equal(told, 0)
  await second.agent.stop()
  const third = await boot(host, { waits_for_word: true, allNamed: () => told++ })
  await third.welcome()
  await third.want(false, [wantedInstance({ placement: 2 }), wantedInstance({ id: uuid(2), placement: 2 })])
  assert.deepEqual([told, third.agent.wanted.instances.size], [0, 2], 'what is changed alone is not all')
  await third.want(true, [wantedInstance({ placement: 2 }), wantedInstance({ id: uuid(2), placement: 2 })])
  await third.want(true, [wantedInstance({ placement: 2 }), wantedInstance({ id: uuid(2), placement: 2 })])
  assert.equal(told, 1)
  await third.agent.stop()
  const fourth = await boot(host, { allNamed: () => told++ })
  await fourth.welcome()
  await fourth.want(true, [])
  assert.equal(told, 1, 'who waits for nothing hears of nothing')
  await fourth.agent.stop()
})

test('a controller from an old backup destroys nothing', async () => {
  const host = fakeHost()
  const { agent, controller, want, welcome } = await boot(host)
  await welcome()
  await want(true, [wantedInstance({ generation: 5 }), wantedInstance({ id: uuid(2) })])
  await want(true, [wantedInstance({ generation: 3, power: 'stopped' })], [uuid(2)])
  assert.equal(host.domains.get(uuid(1))?.power, 'running')
  assert.equal(host.domains.get(uuid(2))?.power, 'running')
  assert.equal(last(controller.got)?.applied_generation, 5)
  controller.drop()
  await want(true, [])
  assert.equal(agent.wanted.instances.size, 2)
  await agent.stop()
})

test('purged, absent, forgotten: then nothing of it is on disk', async () => {
  const host = fakeHost()
  const { agent, controller, want, welcome } = await boot(host)
  await welcome()
  await want(true, [wantedInstance()])
  await want(false, [wantedInstance({ generation: 2, power: 'deleted' })])
  assert.deepEqual([last(controller.got)?.power, host.domains.size], ['stopped', 0])
  await want(false, [], [uuid(1)])
  assert.equal(agent.wanted.instances.size, 1, 'not gone yet, so not forgotten')
  await want(false, [wantedInstance({ generation: 3, power: 'purged' })])
  assert.equal(last(controller.got)?.power, 'absent')
  await want(false, [], [uuid(1)])
  assert.equal(host.disk.get('wanted')?.size, 0)
  assert.equal(host.disk.get('done')?.size, 0)
  await agent.stop()
})

test('a failure is told once with its reason, tried again with back-off however clocks are set, and taken back when it works', async () => {
  const host = fakeHost()
  host.failStart = new Failure('no room')
  const { agent, clock, controller, want, welcome } = await boot(host)
  await welcome()
  await want(true, [wantedInstance()])
  assert.deepEqual([last(controller.got)?.failure, last(controller.got)?.applied_generation], ['no room', 1])
  clock.setWall(-3_600_000)
  await clock.advance(120_000)
  const starts = host.acts.filter(each => each.startsWith('start')).length
  assert.ok(starts >= 6 && starts <= 8, `${starts} starts in two minutes`)
  host.failStart = null
  await clock.advance(300_000)
  assert.deepEqual([last(controller.got)?.failure, last(controller.got)?.power], [null, 'running'])
  await agent.stop()
})

test('a delete does not wait for the image that a start waits for', async () => {
  const host = fakeHost()
  const { agent, clock, controller, want, welcome } = await boot(host, {
    prepare: (_instance, _show, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('given up')))),
  })
  await welcome()
  await want(true, [wantedInstance()])
  await clock.advance(300)
  assert.equal(last(controller.got)?.progress?.step, 'preparing disks')
  await want(false, [wantedInstance({ generation: 2, power: 'deleted' })])
  const report = last(controller.got)
  assert.deepEqual([report?.power, report?.applied_generation, report?.progress], ['stopped', 2, null])
  await agent.stop()
})

test('foreign domains are told and untouched', async () => {
  const host = fakeHost()
  host.domains.set(uuid(7), domain({ id: uuid(7), name: 'by hand', ours: false }))
  const { agent, controller, welcome, want } = await boot(host)
  await welcome()
  await want(true, [wantedInstance({ id: uuid(7), power: 'purged' })])
  const told = controller.got.find(frame => frame.type === 'foreign')
  assert.deepEqual(told, { type: 'foreign', domains: [{ uuid: uuid(7), name: 'by hand', state: 'running' }] })
  assert.match(last(controller.got, uuid(7))?.failure ?? '', /did not make it/)
  assert.deepEqual(host.acts, [])
  await agent.stop()
})

test('a silent controller is left after its heartbeats; the next address is tried with back-off', async () => {
  const { agent, clock, controller, welcome } = await boot(fakeHost())
  await welcome()
  assert.equal(agent.connected, true)
  controller.silent = true
  // An answer is wanted after three heartbeats; three later without one it is given up.
  await clock.advance(7500)
  assert.ok(controller.got.some(frame => frame.type === 'ping'))
  assert.equal(controller.dials, 2)
  controller.refuse = true
  controller.drop()
  await clock.advance(120_000)
  assert.ok(controller.dials > 5 && controller.dials < 20, `${controller.dials} dials in two minutes`)
  await agent.stop()
})

const frames: Record<string, Partial<WantedInstance>> = {
  create: {},
  'soft reboot': { generation: 2, reboot_count: 1 },
  'hard reboot': { generation: 2, reboot_count: 1, reboot_kind: 'hard' },
  stop: { generation: 2, power: 'stopped' },
  purge: { generation: 2, power: 'purged' },
}

for (const [name, change] of Object.entries(frames)) {
  test(`killed at each write and act of a ${name}, the next agent ends it, and nothing happens twice`, async () => {
    for (let at = 0; ; at++) {
      const host = fakeHost()
      const first = await boot(host)
      await first.welcome()
      if (name !== 'create') await first.want(true, [wantedInstance()])
      host.acts.length = 0
      let steps = 0
      let dead = false
      host.hook = () => {
        if (dead || steps++ === at) {
          dead = true
          throw new Killed()
        }
      }
      await first.want(false, [wantedInstance(change)])
      // The dead agent's timers and events end with it.
      await first.agent.stop()
      host.hook = () => undefined
      const second = await boot(host)
      await second.welcome()
      await second.want(true, [wantedInstance(change)])
      assert.equal(last(second.controller.got)?.applied_generation, change.generation ?? 1, `killed at step ${at}`)
      const wantsRunning = change.power === undefined
      assert.equal(host.domains.get(uuid(1))?.power === 'running', wantsRunning, `killed at step ${at}`)
      const starts = host.acts.filter(each => each.startsWith('start')).length
      assert.ok(starts <= (wantsRunning ? (name === 'create' ? 2 : 1) : 0), `${host.acts.join()} killed at ${at}`)
      if (name.endsWith('reboot')) assert.equal(starts, 1, `${host.acts.join()} killed at ${at}`)
      await second.agent.stop()
      if (!dead) break
      assert.ok(at < 60)
    }
  })
}

test('a guest that powers itself off: told to the controller, not started by a restart of the agent', async () => {
  const host = fakeHost()
  const first = await boot(host)
  await first.welcome()
  await first.want(true, [wantedInstance()])
  powerOff(host, uuid(1), 'guest')
  await first.clock.advance(10)
  assert.deepEqual([last(first.controller.got)?.power, last(first.controller.got)?.stopped_by_guest], ['stopped', true])
  await first.agent.stop()
  const second = await boot(host)
  assert.equal(host.domains.get(uuid(1))?.power, 'off')
  await second.agent.stop()
})

test('frames that do not fit the protocol end the link, not the agent', async () => {
  const { agent, clock, controller, welcome } = await boot(fakeHost())
  await welcome()
  controller.send(JSON.parse('{ "type": "wanted", "whole": "yes" }') as ControllerFrame)
  await clock.advance(1000)
  assert.equal(controller.dials, 2)
  await agent.stop()
})

const host_wanted: WantedHost = {
  version: 1,
  ovn_southbound: 'unix:/x',
  physical_networks: {},
  external_gateway: null,
}
const withPort = wantedInstance({
  ports: [
    {
      port_id: uuid(20),
      network_id: uuid(21),
      mac: 'fa:16:3e:0:0:1',
      mtu: 1442,
      addresses: [],
      dns: [],
      model: 'virtio',
    },
  ],
})

test('a guest with a NIC waits for the host to be joined, and says so when that fails', async () => {
  const host = fakeHost()
  const first = Promise.withResolvers<void>()
  let works = false
  const network: Network = {
    async apply(wanted) {
      if (wanted === null || works) return
      await first.promise
      throw new Error('no Open vSwitch')
    },
  }
  const { agent, clock, controller, welcome } = await boot(host, { network })
  await welcome()
  controller.send({
    type: 'wanted',
    whole: true,
    host: host_wanted,
    instances: [withPort],
    networks: [],
    forget_instances: [],
    forget_networks: [],
  })
  await clock.advance(300)
  assert.equal(last(controller.got)?.progress?.step, 'waiting for the network')
  first.resolve()
  await clock.advance(1000)
  assert.equal(last(controller.got)?.failure, null, 'it may pass')
  await clock.advance(4000)
  assert.match(last(controller.got)?.failure ?? '', /network is not ready: no Open vSwitch/)
  assert.deepEqual(host.acts, [])
  works = true
  await clock.advance(120_000)
  assert.deepEqual([last(controller.got)?.power, last(controller.got)?.failure], ['running', null])
  await agent.stop()
})

test('a purge removes every disk that was ever wanted here', async () => {
  const removed: Volume[] = []
  const { agent, want, welcome } = await boot(fakeHost(), { removed })
  const disk: WantedDisk = { volume_id: uuid(40), role: 'root', size_gib: 1, image: null, bus: 'virtio' }
  await welcome()
  await want(true, [wantedInstance({ disks: [disk] })])
  await want(false, [wantedInstance({ generation: 2, power: 'purged', disks: [] })])
  assert.deepEqual(removed, [disk])
  await agent.stop()
})

test('new metadata is taken without touching the guest', async () => {
  const host = fakeHost()
  const { agent, want, welcome } = await boot(host)
  await welcome()
  await want(true, [wantedInstance()])
  host.acts.length = 0
  const plain = wantedInstance({ details_version: 2 })
  await want(false, [{ ...plain, metadata: { ...plain.metadata, hostname: 'renamed' } }])
  assert.equal(agent.wanted.instances.get(uuid(1))?.metadata.hostname, 'renamed')
  assert.deepEqual(host.acts, [])
  await agent.stop()
})

test('guests that go off while the host shuts down are no news, and run again after the boot', async () => {
  const host = fakeHost()
  let ends = false
  const first = await boot(host, { hostEnds: () => Promise.resolve(ends) })
  await first.welcome()
  await first.want(true, [wantedInstance(), wantedInstance({ id: uuid(2) })])
  ends = true
  host.acts.length = 0
  // What libvirt-guests asks of them, and what systemd does to those that do not listen.
  powerOff(host, uuid(1), 'guest')
  powerOff(host, uuid(2), 'crashed')
  await first.clock.advance(60_000)
  assert.equal(host.acts.length, 0)
  assert.equal(last(first.controller.got)?.stopped_by_guest, false)
  await first.agent.stop()
  host.boot_id = 'boot-2'
  const second = await boot(host)
  assert.deepEqual(
    host.acts.filter(each => each.startsWith('start')),
    ['start 01', 'start 02'],
  )
  await second.agent.stop()
})

test('a purge never takes a data disk that was taken off, nor a disk that another instance here has now', async () => {
  const host = fakeHost()
  const disk = (n: number, role: 'root' | 'data') =>
    ({ volume_id: uuid(n), role, size_gib: 1, image: null, bus: 'virtio' }) as const
  const removed: Volume[] = []
  const { agent, want, welcome } = await boot(host, { removed })
  await welcome()
  const [root, data, moved] = [disk(40, 'root'), disk(41, 'data'), disk(42, 'data')]
  await want(true, [wantedInstance({ disks: [root, data, moved] })])
  const other = wantedInstance({ id: uuid(2), disks: [disk(50, 'root'), moved] })
  await want(false, [other, wantedInstance({ generation: 2, power: 'purged', disks: [moved] })])
  assert.deepEqual(
    removed.map(each => each.volume_id),
    [root.volume_id],
  )
  await agent.stop()
})

test('a purge leaves the volumes that are to be kept, and tells those that are there, after a restart too', async () => {
  const host = fakeHost()
  const removed: Volume[] = []
  const disk = { volume_id: uuid(40), role: 'root', size_gib: 1, image: null, bus: 'virtio', keep: true } as const
  const swap = { ...disk, volume_id: uuid(41), role: 'swap', keep: false } as const
  const never_made = { ...disk, volume_id: uuid(42), role: 'data' } as const
  const options = { removed, present: [uuid(40)] }
  const first = await boot(host, options)
  await first.welcome()
  await first.want(true, [wantedInstance({ disks: [disk, swap] })])
  await first.want(false, [wantedInstance({ generation: 2, power: 'purged', disks: [disk, never_made] })])
  assert.deepEqual(
    removed.map(each => each.volume_id),
    [uuid(41)],
    'the swap disk, though it was not named again',
  )
  const told = [last(first.controller.got)?.power, last(first.controller.got)?.kept_volumes]
  assert.deepEqual(told, ['absent', [uuid(40)]])
  await first.agent.stop()
  const second = await boot(host, { removed })
  await second.welcome()
  assert.deepEqual(last(second.controller.got)?.kept_volumes, [uuid(40)])
  await second.agent.stop()
})

test('volumes of no instance are removed when told so, tried again, and told to be gone; never one that is used', async () => {
  const removed: Volume[] = []
  const { agent, clock, controller, want, welcome } = await boot(fakeHost(), { removed, removalFails: 1 })
  await welcome()
  const disk = { volume_id: uuid(40), role: 'root', size_gib: 1, image: null, bus: 'virtio' } as const
  await want(true, [wantedInstance({ disks: [disk] })])
  const gone = () => controller.got.flatMap(frame => (frame.type === 'volumes_gone' ? frame.ids : []))
  const remove_volumes = [uuid(40), uuid(41)]
  const nothing = { instances: [], networks: [], forget_instances: [], forget_networks: [] }
  controller.send({ type: 'wanted', whole: false, ...nothing, remove_volumes })
  await clock.advance(10)
  assert.deepEqual([removed, gone()], [[], []])
  await clock.advance(2000)
  assert.deepEqual(gone(), [uuid(41)])
  controller.send({ type: 'wanted', whole: false, ...nothing, remove_volumes: [uuid(41)] })
  await clock.advance(10)
  assert.deepEqual(gone(), [uuid(41), uuid(41)], 'asked again it answers again')
  assert.deepEqual(
    removed.map(each => each.volume_id),
    [uuid(41), uuid(41)],
  )
  await agent.stop()
})

test('what is gone and what no guest uses is forgotten when a new link does not name it', async () => {
  const host = fakeHost()
  const { agent, controller, want, welcome } = await boot(host)
  await welcome()
  const network = (n: number) => ({
    network_id: uuid(n),
    version: 1,
    metadata_port_id: uuid(n + 1),
    metadata_mac: 'fa:16:3e:00:00:01',
    metadata_addresses: [],
    mtu: 1442,
  })
  const instances = [wantedInstance(), wantedInstance({ id: uuid(2) })]
  const none = { forget_instances: [], forget_networks: [] }
  controller.send({ type: 'wanted', whole: true, instances, networks: [network(60), network(70)], ...none })
  await settle()
  await want(false, [wantedInstance({ generation: 2, power: 'purged' })])
  assert.equal(last(controller.got)?.power, 'absent')
  controller.send({ type: 'wanted', whole: true, instances: [], networks: [network(70)], ...none })
  await settle()
  assert.deepEqual([...agent.wanted.instances.keys()], [uuid(2)], 'what is still here stays')
  assert.deepEqual([...agent.wanted.networks.keys()], [uuid(70)])
  await agent.stop()
})

test('a controller that takes the host in and drops it at once is not stormed', async () => {
  const { agent, clock, controller, welcome } = await boot(fakeHost())
  const before = controller.dials
  for (let n = 0; n < 60; n++) {
    await welcome()
    controller.drop()
    await clock.advance(990)
  }
  assert.ok(controller.dials - before < 15, `${controller.dials - before} dials in a minute`)
  for (const dials = controller.dials; controller.dials === dials; ) await clock.advance(100)
  await welcome()
  await clock.advance(60_000)
  const steady = controller.dials
  controller.drop()
  await clock.advance(500)
  assert.equal(controller.dials, steady + 1, 'after a link that lasted, the next is tried at once')
  await agent.stop()
})
