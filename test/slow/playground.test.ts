/** What a person can do to the hosts of a simulated cloud by hand, and that the cloud answers as a real one: in virtual time. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bmcOf } from '../../sim/bmc.ts'
import { VirtualClock } from '../../sim/clock.ts'
import { Engine } from '../../sim/database.ts'
import { Played } from '../sim/played.ts'

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
    assert.match(restart.reason, new RegExp(`the host ${host.name} was lost; its lease is over`))
    await cloud.do(`power-on ${host.name}`)
    await cloud.pass(40)
    assert.match(await cloud.do('hosts'), new RegExp(`${host.name} +on, 0 guests`))
  })

  test('a network that is cut: it goes on unheard of until its power is cut by its management controller', async () => {
    const [id = ''] = cloud.instances
    const host = cloud.hostOf(id)
    await cloud.tell('PUT', `/v1/hosts/${host.id}/bmc`, bmcOf(host.name))
    await cloud.do(`net-cut ${host.name}`)
    await cloud.pass(8)
    assert.equal(cloud.hostOf(id), host, 'it goes on')
    await cloud.pass(22)
    assert.equal(host.powered, false, 'its power was cut')
    // Somebody switches it on again before long.
    assert.match(await cloud.do('hosts'), new RegExp(`${host.name} +off`))
    assert.notEqual(cloud.hostOf(id), host)
    const restart = (await cloud.restarts()).find(one => one.instance_id === id && one.from_host === host.name)
    assert.equal(restart?.fenced_by, 'ipmi')
    await cloud.do(`net-on ${host.name}`)
    await cloud.do(`power-on ${host.name}`)
    await cloud.pass(40)
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
