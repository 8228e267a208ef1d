/** SPICE over tickets and WebSockets, and the socket that the CLI makes of it; the host's end echoes. A real one: test/lab/hello/console.ts. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { dirname } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { consoleRoutes, type ConsoleTicket, type ConsoleViewer } from '../../../src/api/console.ts'
import { serveSpice } from '../../../src/cli/spice-relay.ts'
import { serveConsoles } from '../../../src/controller/http/console-socket.ts'
import { consoleClosed } from '../../../src/model/console.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { type ConsoleHost, serveConsolesOf } from '../../support/console-host.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'
import { linkMessage, spiceChannel } from '../../support/spice.ts'
import { Viewer } from '../../support/viewer.ts'
import { replyOf } from '../../support/reply.ts'

suite('consoles by SPICE', () => {
  let own: Awaited<ReturnType<typeof testDatabase>>
  let one: TestCloud
  let other: TestCloud
  let served: ConsoleHost
  let id: string
  const ends: (() => void)[] = []
  const ports = new Map<TestCloud, number>()

  before(async () => {
    own = await testDatabase()
    one = await testCloud({ database_url: own.url })
    other = await testCloud({ database_url: own.url })
    for (const cloud of [one, other]) {
      ends.push(serveConsoles(cloud.cloud, cloud.server.server))
      await cloud.server.listen({ host: '127.0.0.1', port: 0 })
      ports.set(cloud, (cloud.server.server.address() as AddressInfo).port)
    }
    served = await serveConsolesOf(await addHost(one, 'h1'), [one, other])
    const flavors = await one.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(one) }]
    const body = { name: 'shown', flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(one), networks }
    const made = await one.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    id = String(made.body.items?.[0]?.id)
  })
  after(async () => {
    for (const end of ends) end()
    await served.close()
    await other.close()
    await one.close()
    await own.drop()
  })

  async function ticket(body: object, cloud = one): Promise<ConsoleTicket> {
    const got = await cloud.request('POST', `/v1/instances/${id}/console`, { body })
    return replyOf(instanceRoutes.console, got)
  }
  const open = ({ url }: { url: string }, cloud = one) => new Viewer(`ws://127.0.0.1:${ports.get(cloud)}${url}`)
  async function viewers(): Promise<ConsoleViewer[]> {
    return (await one.call(consoleRoutes.list, { params: { instance: id } })).items
  }
  /** Until as many sit there, by events. */
  async function listed(count: number): Promise<ConsoleViewer[]> {
    const late = AbortSignal.timeout(30_000)
    for (;;) {
      const news = new Promise<void>(resolve => {
        const stop = one.cloud.events.watch(rows => {
          if (!rows.some(row => row.noun === 'console' && row.resource_id === id)) return
          stop()
          resolve()
        })
        late.addEventListener('abort', stop)
      })
      const found = await viewers()
      if (found.length === count) return found
      await Promise.race([news, once(late, 'abort').then(() => Promise.reject(new Error(JSON.stringify(found))))])
    }
  }
  const path = (found: { id: string } | undefined) => `/v1/instances/${id}/consoles/${found?.id}`

  test('SPICE: where the instance has it, one viewer with all its connections, and nobody only looks on', async () => {
    const asked = { kind: 'spice' }
    const none = await one.request('POST', `/v1/instances/${id}/console`, { body: asked })
    assert.equal(none.status, 409)
    assert.match(String(none.body.detail), /has no SPICE.*--graphics spice/)
    const set = await one.request('PATCH', `/v1/instances/${id}`, { body: { graphics: 'spice', clipboard: 'shared' } })
    assert.deepEqual([set.status, set.body.graphics, set.body.clipboard], [200, 'spice', 'shared'])
    for (const [body, status] of [
      [{ ...asked, view_only: true }, 422],
      [{ ...asked, viewer_id: id }, 404],
      [{ kind: 'serial', viewer_id: id }, 404],
    ] as const) {
      assert.equal((await one.request('POST', `/v1/instances/${id}/console`, { body })).status, status)
    }
    const links = await one.request('POST', `/v1/instances/${id}/console-links`, { body: asked })
    assert.equal(links.status, 422)

    const made = await ticket(asked)
    const main = open(made)
    await once(main.socket, 'open')
    const hello = linkMessage(spiceChannel.main, 0)
    main.socket.send(hello.subarray(0, 20))
    main.socket.send(hello.subarray(20))
    await main.until(() => main.bytes === hello.length)
    const [sitting] = await listed(1)
    assert.deepEqual([sitting?.id, sitting?.kind, sitting?.view_only], [made.console_id, 'spice', false])
    assert.equal(served.streams.at(-1)?.kind, 'spice')

    // Through the other controller, as a balancer may have it.
    const further = await ticket({ ...asked, viewer_id: made.console_id }, other)
    assert.equal(further.console_id, made.console_id)
    const inputs = open(further, other)
    await once(inputs.socket, 'open')
    inputs.socket.send(linkMessage(spiceChannel.inputs, 7))
    await inputs.until(() => inputs.bytes > 0)
    assert.equal((await viewers()).length, 1)
    const taken = await one.request('PATCH', path(sitting), { body: { view_only: true } })
    assert.equal(taken.status, 409)
    assert.match(String(taken.body.detail), /End that console instead/)

    // What the ticket is not for, and what guests of a cloud are not given.
    for (const said of [
      linkMessage(spiceChannel.main, 0),
      linkMessage(spiceChannel.usb, 7),
      Buffer.from('RFB 003.008\n\n\n\n'),
    ]) {
      const viewer = open(await ticket({ ...asked, viewer_id: made.console_id }))
      await once(viewer.socket, 'open')
      viewer.socket.send(said)
      assert.equal((await viewer.closed).code, consoleClosed.malformed)
    }
    assert.equal((await viewers()).length, 1, 'the viewer is still there')

    assert.equal((await one.request('DELETE', path(sitting))).status, 204)
    assert.equal((await main.closed).code, consoleClosed.ended)
    assert.equal((await inputs.closed).code, consoleClosed.ended, 'all of it ends with its first')
    const late = await one.request('POST', `/v1/instances/${id}/console`, {
      body: { ...asked, viewer_id: made.console_id },
    })
    assert.equal(late.status, 404)
    await listed(0)
  })

  test('by SPICE from a program on one’s own machine: a socket that only its owner reaches, one ticket a connection', async () => {
    const told: string[] = []
    const relay = await serveSpice({
      title: 'shown',
      open: async viewer_id => {
        const got = await ticket({ kind: 'spice', ...(viewer_id && { viewer_id }) })
        const { socket } = open(got)
        await once(socket, 'open')
        return { socket, console_id: got.console_id }
      },
      said: text => told.push(text),
    })
    const socket_path = relay.url.replace('spice+unix://', '')
    assert.equal((await stat(dirname(socket_path))).mode & 0o777, 0o700)
    assert.match(
      await readFile(relay.file, 'utf8'),
      new RegExp(`^type=spice\nunix-path=${socket_path}\ntitle=shown$`, 'm'),
    )
    const main = connect(socket_path)
    const said = linkMessage(spiceChannel.main, 0)
    main.write(said.subarray(0, 3))
    main.write(said.subarray(3))
    assert.deepEqual((await once(main, 'data'))[0], said)
    const inputs = connect(socket_path)
    inputs.write(linkMessage(spiceChannel.inputs, 5))
    await once(inputs, 'data')
    const [sitting] = await listed(1)
    const stranger = connect(socket_path)
    stranger.write('GET / HTTP/1.1\r\n\r\n')
    await once(stranger, 'close')
    assert.deepEqual(told, ['it does not begin as SPICE does'])
    const ended = [once(main, 'close'), once(inputs, 'close')]
    main.resume()
    inputs.resume()
    await one.request('DELETE', path(sitting))
    await Promise.all(ended)
    assert.equal(told.at(-1), 'This console was ended.')
    await relay.close()
    await assert.rejects(stat(dirname(socket_path)), { code: 'ENOENT' })
    await listed(0)
  })
})
