/**
 * A copy of a host's whole disk has its key, its machine id and what is wanted of it. It takes nothing from the host that it was copied from,
 * and starts nothing, until an operator says that it is the host: then its board was exchanged.
 */
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { createAgent } from '../../../src/agent/agent.ts'
import { createControllerClient } from '../../../src/agent/drivers/controller-client.ts'
import { createStateDirectory } from '../../../src/agent/drivers/state-directory.ts'
import { passGate } from '../../../src/agent/hardware-gate.ts'
import { keepHardware } from '../../../src/agent/hardware.ts'
import { readIdentity } from '../../../src/agent/identity.ts'
import { type JoinOptions, joinHost, type Waiting } from '../../../src/agent/join.ts'
import { leaveCloud } from '../../../src/agent/join-request.ts'
import { forgetUnconfirmed, isUnconfirmed } from '../../../src/agent/unconfirmed.ts'
import { hostRoutes } from '../../../src/api/host.ts'
import { buildLinkServer } from '../../../src/controller/agents/link-server.ts'
import { forgetSilentHardware } from '../../../src/controller/app/host-identity.ts'
import { serverCertificate } from '../../../src/controller/app/authority.ts'
import { realClock } from '../../../src/lib/clock.ts'
import type { HardwareId } from '../../../src/model/hardware-id.ts'
import { factsOf } from '../../../sim/facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'
import { scratch } from '../../support/scratch.ts'
import { fakeHost, fakeHypervisor, noGuestData, quiet } from '../../unit/agent/fakes.ts'

const boardOf = (n: number): HardwareId => ({ board: `01890000-0000-4000-8000-${String(n).padStart(12, '0')}` })
const [board_1, board_2, board_3] = [boardOf(1), boardOf(2), boardOf(3)]

describe('controller/other-hardware', () => {
  let cloud: TestCloud
  let link: FastifyInstance
  let controller_url: string
  let folder: string
  const running = new Set<{ stop(): Promise<void> }>()

  before(async () => {
    folder = await scratch('croft-other-hardware')
    cloud = await testCloud()
    const tls = await serverCertificate(cloud.cloud, ['localhost', '127.0.0.1'])
    link = buildLinkServer(cloud.cloud, { tls, rate: { per_s: 1000, burst: 1000 } })
    controller_url = await link.listen({ host: '127.0.0.1', port: 0 })
  })
  after(async () => {
    for (const one of running) await one.stop()
    await link.close()
    await cloud.close()
    await rm(folder, { recursive: true })
  })

  const newState = () => mkdtemp(join(folder, 'state-'))
  const link_urls = () => [`${controller_url.replace('https', 'wss')}/agent/v1/link`]
  const shown = (id: string) => cloud.call(hostRoutes.get, { params: { host: id } })
  const adopt = (id: string, body: object = {}) => cloud.request('POST', `/v1/hosts/${id}/adopt-hardware`, { body })

  async function enrol(options: Partial<JoinOptions> & { machine_id: string; state_dir: string }) {
    const invited = await cloud.request('POST', '/v1/host-invitations', { body: {} })
    return await joinHost({ controller_url, token: String(invited.body.token), name: options.machine_id, ...options })
  }

  /** A machine that was switched on: the real agent over a hypervisor in memory, behind the real gate. */
  function boot(state_dir: string, hardware: HardwareId) {
    const host = fakeHost()
    const off = new AbortController()
    const aside = Promise.withResolvers<void>()
    const started = (async () => {
      const joined = await readIdentity(state_dir)
      assert.ok(joined)
      const identity = { ...joined, link_urls: link_urls() }
      const stepAside = () => Promise.resolve(aside.resolve())
      const gate = { state_dir, identity, hardware, link_urls: link_urls(), stepAside, clock: realClock, log: quiet }
      const passed = await passGate({ ...gate, signal: off.signal })
      const client = createControllerClient(identity)
      const agent = await createAgent({
        hypervisor: fakeHypervisor(host),
        storage: {
          prepare: () => Promise.resolve([]),
          remove: () => Promise.resolve(),
          present: () => Promise.resolve([]),
        },
        guestData: noGuestData,
        network: { apply: () => Promise.resolve() },
        state: createStateDirectory(state_dir, quiet),
        link: { ...client, urls: client.urls },
        facts: { read: () => Promise.resolve(factsOf(identity.name)) },
        clock: realClock,
        random: { fraction: () => 0.1 },
        log: quiet,
        boot_id: crypto.randomUUID(),
        hardware,
        waits_for_word: passed === 'new',
        allNamed: () => forgetUnconfirmed(state_dir),
      })
      return { passed, agent, client }
    })()
    started.catch(() => undefined)
    const machine = {
      host,
      started,
      /** It knows that it is a copy. */
      aside: aside.promise,
      runs: () => [...host.domains.values()].filter(one => one.power === 'running').map(one => one.id),
      async stop() {
        running.delete(machine)
        off.abort()
        const parts = await started.catch(() => null)
        await parts?.agent.stop()
        parts?.client.close()
      },
    }
    running.add(machine)
    return machine
  }

  const isUp = (id: string) => untilEvent(cloud, async () => (await shown(id)).state === 'up')

  async function instanceOn(name: string): Promise<string> {
    const [flavor] = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items ?? []
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = { name, flavor_id: flavor?.id, image_id: await addImage(cloud, name), networks }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    const [instance] = made.body.items ?? []
    assert.equal(instance?.state, 'running', JSON.stringify(made.body))
    return String(instance.id)
  }

  test('the original keeps its link and its guests, the copy starts nothing; and after the yes it is the host', async () => {
    const state_dir = await newState()
    const { host_id } = await enrol({ state_dir, machine_id: 'machine-original', hardware: board_1 })
    assert.equal((await shown(host_id)).hardware_id, `board ${board_1.board}`)
    const original = boot(state_dir, board_1)
    await isUp(host_id)
    const instance_id = await instanceOn('guest')
    assert.deepEqual(original.runs(), [instance_id])
    const epoch = async () =>
      (
        await cloud.cloud.database.db
          .selectFrom('host')
          .select('session_epoch')
          .where('id', '=', host_id)
          .executeTakeFirstOrThrow()
      ).session_epoch
    const before_copy = await epoch()

    const copied = await newState()
    await cp(state_dir, copied, { recursive: true })
    const copy = boot(copied, board_2)
    const asking = await untilEvent(cloud, async () => (await shown(host_id)).other_hardware ?? undefined)
    await copy.aside
    assert.deepEqual([asking.hardware, asking.address], [`board ${board_2.board}`, '127.0.0.1'])
    const { state, availability_reason } = await shown(host_id)
    assert.equal(state, 'up')
    assert.match(
      availability_reason,
      /has its key since .* starts nothing: .*croft host adopt-hardware machine-original/,
    )
    const { items = [] } = (await cloud.request('GET', '/v1/hosts?attention=true')).body
    assert.deepEqual(
      items.map(one => one.id),
      [host_id],
    )
    // What is linked is not replaced, and the instance does as its owner says, on the original.
    const linked = await adopt(host_id)
    assert.deepEqual([linked.status, linked.body.code], [409, 'wrong_state'])
    const stop = await cloud.request('POST', `/v1/instances/${instance_id}/stop`, { headers: { prefer: 'wait=20' } })
    assert.equal(stop.status, 202)
    const start = await cloud.request('POST', `/v1/instances/${instance_id}/start`, { headers: { prefer: 'wait=20' } })
    assert.equal(start.status, 202)
    await untilEvent(
      cloud,
      async () => (await cloud.request('GET', `/v1/instances/${instance_id}`)).body.state === 'running',
    )
    assert.deepEqual(original.runs(), [instance_id])
    assert.equal(await epoch(), before_copy, 'it is the same link all the time')
    assert.deepEqual([copy.host.acts, copy.host.listeners.size], [[], 0], 'not so much as a look at the hypervisor')

    await original.stop()
    await untilEvent(cloud, async () => (await shown(host_id)).state === 'unreachable')
    const wrong = await adopt(host_id, { hardware: `board ${board_3.board}` })
    assert.deepEqual([wrong.status, wrong.body.code], [409, 'conflict'])
    const adopted = await adopt(host_id, { hardware: asking.hardware })
    assert.equal(adopted.status, 200, JSON.stringify(adopted.body))
    assert.deepEqual([adopted.body.hardware_id, adopted.body.other_hardware], [asking.hardware, null])
    assert.equal((await copy.started).passed, 'new')
    await isUp(host_id)
    await eventually(() => assert.deepEqual(copy.runs(), [instance_id]))

    await eventually(async () => assert.equal(await isUnconfirmed(copied), false))

    // Switched on again, the old one is another machine than the host: it gets no link, and takes none.
    const old = boot(state_dir, board_1)
    const back = await untilEvent(cloud, async () => (await shown(host_id)).other_hardware ?? undefined)
    assert.equal(back.hardware, `board ${board_1.board}`)
    assert.equal((await shown(host_id)).state, 'up')
    await old.stop()
    await copy.stop()
    // Once it knows what it is, it is that over any restart.
    const again = boot(copied, board_2)
    assert.equal((await again.started).passed, 'own')
    await isUp(host_id)
    await again.stop()
  })

  test('a yes is no word of the guests: whatever ends the agent before it has heard that, its next life waits as well', async () => {
    const state_dir = await newState()
    const { host_id, ...joined } = await enrol({ state_dir, machine_id: 'machine-cut-off', hardware: board_1 })
    const identity = { ...joined, host_id, link_urls: link_urls() }
    const stepAside = () => Promise.resolve()
    const gate = { state_dir, identity, hardware: board_2, link_urls: link_urls(), stepAside, clock: realClock }
    const pass = () => passGate({ ...gate, log: quiet })
    // Its power is cut between the two notes: then it asks again, and knows what it waits for.
    const cut = join(state_dir, 'hardware.json.tmp')
    await mkdir(cut)
    const passed = pass()
    passed.catch(() => undefined)
    const asking = await untilEvent(cloud, async () => (await shown(host_id)).other_hardware ?? undefined)
    assert.equal(await isUnconfirmed(state_dir), false)
    assert.equal((await adopt(host_id, { hardware: asking.hardware })).status, 200)
    await assert.rejects(passed, /EISDIR/)
    assert.equal(await isUnconfirmed(state_dir), true)
    await rmdir(cut)
    assert.deepEqual([await pass(), await pass()], ['new', 'new'])
    const machine = boot(state_dir, board_2)
    assert.equal((await machine.started).passed, 'new')
    await isUp(host_id)
    await eventually(async () => assert.equal(await isUnconfirmed(state_dir), false))
    await machine.stop()
    assert.equal(await pass(), 'own')
  })

  test('a machine that says nothing of its hardware is as it was before', async () => {
    const state_dir = await newState()
    const { host_id } = await enrol({ state_dir, machine_id: 'machine-in-a-container', hardware: {} })
    assert.deepEqual(await readdir(state_dir), ['identity.json'])
    const one = boot(state_dir, {})
    await isUp(host_id)
    const copied = await newState()
    await cp(state_dir, copied, { recursive: true })
    const other = boot(copied, {})
    assert.equal((await other.started).passed, 'own')
    assert.equal((await shown(host_id)).hardware_id, null)
    await other.stop()
    await one.stop()
  })

  test('an agent that is updated says for the first time what it is on, and only another machine is another', async () => {
    const state_dir = await newState()
    const { host_id } = await enrol({ state_dir, machine_id: 'machine-updated', hardware: {} })
    const first = boot(state_dir, { nics: ['52:54:00:00:00:01', '52:54:00:00:00:02'] })
    await isUp(host_id)
    await eventually(async () =>
      assert.equal((await shown(host_id)).hardware_id, 'NICs 52:54:00:00:00:01 52:54:00:00:00:02'),
    )
    await first.stop()
    // A card was exchanged, another one stayed; and its firmware tells the board now.
    const second = boot(state_dir, { ...board_3, nics: ['52:54:00:00:00:02'] })
    assert.equal((await second.started).passed, 'own')
    await eventually(async () => assert.equal((await shown(host_id)).hardware_id, `board ${board_3.board}`))
    await second.stop()
  })

  test('a link of another machine that says hello all the same ends nothing, and hears nothing', async () => {
    const host = await addHost(cloud, 'greeted')
    await cloud.cloud.database.db
      .updateTable('host')
      .set({ hardware_id: JSON.stringify(board_1) })
      .where('id', '=', host.id)
      .execute()
    const told: string[] = []
    const closed = Promise.withResolvers<string>()
    host.onClosed = () => closed.reject(new Error('the host lost its link'))
    const { agents } = cloud.cloud
    const session = agents.accept(host.id, {
      address: '192.0.2.9',
      send: one => told.push(one.type),
      close: closed.resolve,
    })
    // Nor is it told by a call what only the host may know, before or after.
    const asked = cloud.cloud.calls.ask(
      host.id,
      { method: 'probe', address: '192.0.2.1', ports: [22], timeout_ms: 100 },
      { timeout_ms: 20_000 },
    )
    host.onCall = () => ({ result: { reached: 'none' } })
    assert.deepEqual(await asked, { reached: 'none' })
    const hello = { type: 'hello', protocol: 1, facts: host.facts, holds: [], hardware: board_2 }
    void session.receive(JSON.stringify(hello))
    assert.match(await closed.promise, /has the key of a host whose hardware is another/)
    await agents.closed(session)
    assert.deepEqual(told, [])
    assert.equal(agents.get(host.id)?.begun, true)
    const { state, other_hardware } = await shown(host.id)
    assert.deepEqual([state, other_hardware?.address], ['up', '192.0.2.9'])
    await cloud.cloud.agents.reconcile()
    assert.equal((await shown(host.id)).state, 'up')
    // It asks no more: an hour later nobody is shown any.
    await forgetSilentHardware(cloud.cloud)
    assert.ok((await shown(host.id)).other_hardware)
    await cloud.cloud.database.db
      .updateTable('host')
      .set({
        other_hardware: JSON.stringify({ hardware: board_2, address: '', since: new Date(0), last_at: new Date(0) }),
      })
      .where('id', '=', host.id)
      .execute()
    await forgetSilentHardware(cloud.cloud)
    assert.equal((await shown(host.id)).other_hardware, null)
    assert.equal((await adopt(host.id)).body.code, 'wrong_state')
    await host.disconnect()
  })

  test('a copy neither joins again by the key that it has, nor leaves in the name of its host', async () => {
    const state_dir = await newState()
    const machine_id = 'machine-joined'
    const first = await enrol({ state_dir, machine_id, hardware: board_1 })
    const copied = await newState()
    await cp(state_dir, copied, { recursive: true })
    const waits = Promise.withResolvers<Waiting>()
    const end = new AbortController()
    const copy = enrol({
      ...{ state_dir: copied, machine_id, hardware: board_2 },
      ...{ waiting: waits.resolve, signal: end.signal },
    })
    copy.catch(() => undefined)
    assert.match((await waits.promise).why, /has the key of the host machine-joined, and not its hardware/)
    await assert.rejects(leaveCloud({ ...first, link_urls: link_urls() }, board_2), /is not on its hardware/)
    const { items = [] } = (await cloud.request('GET', '/v1/host-registrations?state=pending')).body
    const approved = await cloud.request('POST', `/v1/host-registrations/${String(items[0]?.id)}/approve`, {
      body: { replaces_host_id: first.host_id },
    })
    assert.equal(approved.status, 200, JSON.stringify(approved.body))
    assert.equal((await copy).host_id, first.host_id)
    assert.equal((await shown(first.host_id)).hardware_id, `board ${board_2.board}`)
    // On its own board a host joins again as ever.
    assert.equal((await enrol({ state_dir: copied, machine_id, hardware: board_2 })).host_id, first.host_id)
    assert.equal(await leaveCloud({ ...(await copy), link_urls: link_urls() }, board_2).catch(() => 'refused'), false)
  })

  test('a damaged or missing note of the hardware is never taken for another machine', async () => {
    const state_dir = await newState()
    const identity = { ...(await enrol({ state_dir, machine_id: 'machine-noted', hardware: board_1 })), link_urls: [] }
    const gate = { state_dir, identity, hardware: board_2, link_urls: [], clock: realClock, log: quiet }
    const stepAside = () => Promise.reject(new Error('there is no switch'))
    await rm(join(state_dir, 'hardware.json'))
    assert.equal(await passGate({ ...gate, stepAside }), 'own')
    await keepHardware(state_dir, { board: 'nonsense' })
    await assert.rejects(passGate({ ...gate, stepAside }), /is damaged/)
  })
})
