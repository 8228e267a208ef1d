/** A console survives that its instance moves: whoever sits at it is sent to the new host, at once and not before. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { serveConsoles } from '../../../src/controller/http/console-socket.ts'
import { consoleClosed } from '../../../src/model/console.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { type ConsoleHost, serveConsolesOf } from '../../support/console-host.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { Viewer } from '../../support/viewer.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/console-moved', () => {
  let cloud: TestCloud
  let end: () => void
  let hosts: ObedientHost[]
  let served: ConsoleHost[]
  let id: string

  before(async () => {
    cloud = await testCloud()
    end = serveConsoles(cloud.cloud, cloud.server.server)
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    hosts = [await addHost(cloud, 'h1'), await addHost(cloud, 'h2')]
    served = await Promise.all(hosts.map(host => serveConsolesOf(host, [cloud])))
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = { name: 'shown', flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    id = String(made.body.items?.[0]?.id)
  })
  after(async () => {
    end()
    await Promise.all(served.map(one => one.close()))
    await cloud.close()
  })

  async function open(): Promise<Viewer> {
    const got = await cloud.request('POST', `/v1/instances/${id}/console`, { body: {} })
    const { port } = cloud.server.server.address() as AddressInfo
    return new Viewer(`ws://127.0.0.1:${port}${replyOf(instanceRoutes.console, got).url}`)
  }

  /** Where the instance is, and the other host, each with its end of consoles. */
  async function sides() {
    const { host_id } = (await cloud.request('GET', `/v1/instances/${id}`)).body
    const at = hosts.findIndex(host => host.id === host_id)
    return { source: hosts[at] as ObedientHost, ends: served[at] as ConsoleHost, target: hosts[1 - at] as ObedientHost }
  }

  async function moving(): Promise<void> {
    const { source } = await sides()
    source.sends = 'on-and-on'
    source.sent.clear()
    const begun = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: {} })
    assert.equal(begun.status, 202, JSON.stringify(begun.body))
    await eventually(() => assert.ok(source.sent.has(id)))
  }

  const settled = () =>
    eventually(async () => {
      const { items } = (await cloud.request('GET', `/v1/migrations?instance_id=${id}&open=true`)).body
      assert.deepEqual(items, [])
    })

  test('while it moves its console works, and with the switch its viewers are sent to the new host', async () => {
    const viewer = await open()
    await viewer.says('login: ')
    await moving()
    const second = await open()
    await second.says('login: ')
    viewer.socket.send('still here')
    await viewer.says('still here')
    const { source, target } = await sides()
    source.tellMigration(id, { phase: 'switched' })
    assert.equal((await viewer.closed).code, consoleClosed.moved)
    assert.equal((await second.closed).code, consoleClosed.moved)
    const again = await open()
    await again.says('login: ')
    assert.equal((await sides()).source, target)
    again.socket.close()
    await settled()
  })

  test('a guest that ends on its old host before its new one is known: its viewer waits for that', async () => {
    const viewer = await open()
    await viewer.says('login: ')
    await moving()
    const { source, ends } = await sides()
    for (const { socket } of ends.streams) socket.close()
    await eventually(() => assert.equal(ends.streams.at(-1)?.socket.readyState, 3))
    assert.equal(viewer.socket.readyState, viewer.socket.OPEN)
    source.tellMigration(id, { phase: 'switched' })
    assert.equal((await viewer.closed).code, consoleClosed.moved)
    await settled()
  })

  test('one whose instance stays is left alone', async () => {
    const viewer = await open()
    await viewer.says('login: ')
    await moving()
    const { source } = await sides()
    source.tellMigration(id, { phase: 'failed', reason: 'no' })
    await settled()
    viewer.socket.send('as before')
    await viewer.says('as before')
    viewer.socket.close()
  })
})
