/** What a person can do to the hosts of a simulated cloud by hand, and that the cloud answers as a real one: in virtual time. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import type { SimulatedHost } from '../../sim/host.ts'
import { Run } from '../../sim/run.ts'
import { Switchboard } from '../../sim/switchboard.ts'

interface Restart {
  instance_id: string
  from_host: string
  fenced_by: string
  outcome: string | null
  reason: string
}

/** A cloud at rest with highly available instances, for someone to play with. */
class Played extends Run {
  readonly switchboard = new Switchboard({
    hosts: this.byName,
    wires: this.wires,
    instancesOf: async name => this.ids.filter(id => id === name),
  })

  async makeInstances(): Promise<void> {
    await this.prepare(1)
    for (const host of this.hosts) host.failing = 0
    await this.pass(60)
    const { network_id, flavor_id, image_id } = this.records ?? {}
    const body = { name: 'ha', count: 2, flavor_id, image_id, networks: [{ network_id }], availability: 'high' }
    const made = this.ask('POST', '/v1/instances', body)
    await this.pass(20)
    const items = ((await made)?.body.items ?? []) as { id: string }[]
    this.ids.push(...items.map(one => one.id))
    assert.deepEqual(
      this.ids.map(id => this.placesOf(id).length),
      [1, 1],
    )
  }

  /** Gives their ids. */
  async make(name: string, count: number): Promise<string[]> {
    const { network_id, flavor_id, image_id } = this.records ?? {}
    const made = this.ask('POST', '/v1/instances', { name, count, flavor_id, image_id, networks: [{ network_id }] })
    await this.pass(20)
    return (((await made)?.body.items ?? []) as { id: string }[]).map(one => one.id)
  }

  /** Simulated seconds. */
  pass(s: number): Promise<void> {
    return this.advance(s * 1000)
  }

  do(line: string): Promise<string> {
    return this.switchboard.do(line)
  }

  get machines(): readonly SimulatedHost[] {
    return this.hosts
  }

  get instances(): readonly string[] {
    return this.ids
  }

  placesOf(id: string): SimulatedHost[] {
    return this.hosts.filter(host => host.powered && host.domains.get(id)?.power === 'running')
  }

  hostOf(id: string): SimulatedHost {
    const [host, other] = this.placesOf(id)
    assert.ok(host && !other, `${id} runs on one host`)
    return host
  }

  async look(path: string): Promise<Record<string, unknown>> {
    const answer = this.ask('GET', path)
    await this.pass(2)
    return (await answer)?.body ?? {}
  }

  async restarts(): Promise<Restart[]> {
    return ((await this.look('/v1/ha-restarts')).items ?? []) as Restart[]
  }

  async storm(): Promise<{ gone: number } | null> {
    const [zone] = (await this.look('/v1/zones')).items as { storm: { gone: number } | null }[]
    return zone?.storm ?? null
  }

  async tell(method: string, path: string, body: unknown): Promise<void> {
    const answer = this.ask(method, path, body)
    await this.pass(2)
    assert.equal((await answer)?.status, 200, `${method} ${path}`)
  }

  async end(): Promise<void> {
    await this.stop()
    assert.deepEqual([...this.doubled], [])
  }
}

const bmcOf = ({ name }: SimulatedHost) => ({ kind: 'ipmi', address: `${name}.bmc`, user: 'sim', password: 'sim' })

describe('a playground with high availability', { timeout: 300_000 }, () => {
  let engine: Engine
  let cloud: Played
  before(async () => {
    engine = await Engine.open(new VirtualClock(0))
    cloud = new Played(engine, { seed: 'played', highly_available: true })
    await cloud.makeInstances()
  })
  after(async () => {
    await cloud.end()
    await engine.pglite.close()
  })

  test('a guest that crashes is started again', async () => {
    const [id = ''] = cloud.instances
    assert.match(await cloud.do(`crash ${id}`), /has crashed on h\d/)
    assert.deepEqual(cloud.placesOf(id), [])
    await cloud.pass(10)
    assert.equal(cloud.placesOf(id).length, 1)
  })

  test('a power cut: the lease runs out, and the instance runs elsewhere, with the reason', async () => {
    const [id = ''] = cloud.instances
    const host = cloud.hostOf(id)
    assert.match(await cloud.do(`power-cut ${host.name}`), /is off, and with it [12] guests?/)
    assert.match(await cloud.do(`power-cut ${host.name}`), /is off already/)
    await cloud.pass(30)
    assert.deepEqual(cloud.placesOf(id), [], 'nobody may know that it is dead')
    await cloud.pass(30)
    assert.notEqual(cloud.hostOf(id).name, host.name)
    const restart = (await cloud.restarts()).find(one => one.instance_id === id)
    assert.equal(restart?.fenced_by, 'lease')
    assert.equal(restart.outcome, 'running')
    assert.match(restart.reason, new RegExp(`the host ${host.name} was lost; its lease was over`))
    await cloud.do(`power-on ${host.name}`)
    await cloud.pass(40)
    assert.match(await cloud.do('hosts'), new RegExp(`${host.name} +on, 0 guests`))
  })

  test('a network that is cut: it goes on unheard of until its power is cut by its management controller', async () => {
    const [id = ''] = cloud.instances
    const host = cloud.hostOf(id)
    await cloud.tell('PUT', `/v1/hosts/${host.id}/bmc`, bmcOf(host))
    await cloud.do(`net-cut ${host.name}`)
    await cloud.pass(8)
    assert.equal(cloud.hostOf(id), host, 'it goes on')
    await cloud.pass(22)
    assert.equal(host.powered, false, 'its power was cut')
    assert.notEqual(cloud.hostOf(id), host)
    const restart = (await cloud.restarts()).find(one => one.instance_id === id && one.from_host === host.name)
    assert.equal(restart?.fenced_by, 'ipmi')
    assert.match(await cloud.do('hosts'), new RegExp(`${host.name} +off`))
    await cloud.do(`net-on ${host.name}`)
    await cloud.do(`power-on ${host.name}`)
    await cloud.pass(40)
  })

  test('most hosts vanish: nothing is fenced until they are back, nor while they come back one after the other', async () => {
    for (const host of cloud.machines) await cloud.tell('PUT', `/v1/hosts/${host.id}/bmc`, bmcOf(host))
    const before = (await cloud.restarts()).length
    await cloud.do('net-cut h1 h2 h3')
    await cloud.pass(60)
    assert.equal((await cloud.storm())?.gone, 3)
    assert.equal((await cloud.restarts()).length, before, 'nothing was started elsewhere')
    await cloud.do('net-on all')
    await cloud.pass(120)
    assert.equal(await cloud.storm(), null)
    assert.equal((await cloud.restarts()).length, before, 'nor when it was over')
    for (const host of cloud.machines) assert.ok(host.powered, `${host.name} keeps its power`)
    for (const id of cloud.instances) assert.equal(cloud.placesOf(id).length, 1)
  })

  test('one of them is truly gone: once the others have been back for a while it is asked about anew, and fenced', async () => {
    const [id = ''] = cloud.instances
    const host = cloud.hostOf(id)
    const [other = host] = cloud.machines.filter(one => one !== host)
    await cloud.do(`power-cut ${host.name}`)
    await cloud.do(`net-cut ${other.name}`)
    await cloud.pass(40)
    assert.equal((await cloud.storm())?.gone, 2)
    await cloud.do(`net-on ${other.name}`)
    await cloud.pass(40)
    assert.deepEqual(cloud.placesOf(id), [], 'the others may be about to come back still')
    await cloud.pass(80)
    assert.equal(await cloud.storm(), null)
    assert.notEqual(cloud.hostOf(id), host)
    await cloud.do(`power-on ${host.name}`)
    await cloud.pass(40)
  })

  test('a management controller that is lost with its host: the lease decides, as soon as it is over', async () => {
    const [id = ''] = cloud.instances
    const host = cloud.hostOf(id)
    await cloud.do(`bmc-cut ${host.name}`)
    await cloud.do(`power-cut ${host.name}`)
    // Attempts to cut its power end after 29 and 43 s.
    await cloud.pass(41)
    assert.notEqual(cloud.hostOf(id), host)
    const restart = (await cloud.restarts()).find(one => one.instance_id === id && one.from_host === host.name)
    assert.equal(restart?.fenced_by, 'lease')
    await cloud.do(`bmc-on ${host.name}`)
    await cloud.do(`power-on ${host.name}`)
    await cloud.pass(60)
  })

  test('a switch that starts anew takes host and management controller away for a while: who is back keeps its power', async () => {
    const [id = ''] = cloud.instances
    const host = cloud.hostOf(id)
    await cloud.do(`net-cut ${host.name}`)
    await cloud.do(`bmc-cut ${host.name}`)
    // Others were asked, and its power is being cut: its management controller is asked again and again.
    while ((await cloud.look(`/v1/hosts/${host.id}`)).availability !== 'dead') await cloud.pass(1)
    await cloud.do(`net-on ${host.name}`)
    while ((await cloud.look(`/v1/hosts/${host.id}`)).availability !== 'up') await cloud.pass(0.1)
    await cloud.do(`bmc-on ${host.name}`)
    await cloud.pass(60)
    assert.ok(host.powered)
    assert.equal(cloud.hostOf(id), host)
  })

  test('what is placed on a host that starts no guest goes elsewhere', async () => {
    await cloud.do('refuse h1 h2')
    const made = await cloud.make('elsewhere', 6)
    await cloud.pass(40)
    assert.equal(made.length, 6)
    for (const id of made) assert.ok(!['h1', 'h2'].includes(cloud.hostOf(id).name))
    const moves = (await cloud.look('/v1/migrations')).items as { cause: string }[]
    assert.ok(
      moves.some(one => one.cause === 'refused'),
      'some were placed there first',
    )
    await cloud.do('accept h1 h2')
  })

  test('an agent that is killed costs no guest anything', async () => {
    const [id = ''] = cloud.instances
    const host = cloud.hostOf(id)
    assert.match(await cloud.do(`agent-kill ${host.name}`), /has no agent, with [12] guests? going on/)
    await cloud.pass(5)
    assert.match(await cloud.do('hosts'), new RegExp(`${host.name} +no agent, [12] guest`))
    await cloud.do(`agent-start ${host.name}`)
    await cloud.pass(20)
    assert.equal(cloud.hostOf(id), host)
    assert.equal((await cloud.look(`/v1/instances/${id}`)).state, 'running')
  })
})
