/** Hosts that are away and come back, their management controllers too: whose power is cut, and whose is not. In virtual time. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bmcOf } from '../../sim/bmc.ts'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { Played } from './played.ts'

describe('hosts that come back', () => {
  let engine: Engine
  let cloud: Played
  before(async () => {
    engine = await Engine.open(new VirtualClock(0))
    cloud = new Played(engine, { seed: 'back again', highly_available: true })
    await cloud.makeInstances()
  })
  after(async () => {
    await cloud.end()
    await engine.pglite.close()
  })

  test('most hosts vanish: nothing is fenced until they are back, nor while they come back one after the other', async () => {
    for (const host of cloud.machines) await cloud.tell('PUT', `/v1/hosts/${host.id}/bmc`, bmcOf(host.name))
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
})
