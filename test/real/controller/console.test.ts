/** Consoles over HTTP and WebSockets: tickets, who sits there, taking over, links, and what is not let through. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { KyselyPlugin } from 'kysely'
import { WebSocket } from 'ws'
import { consoleLinkRoutes, consoleRoutes, type ConsoleTicket, type ConsoleViewer } from '../../../src/api/console.ts'
import type { Cloud } from '../../../src/controller/cloud.ts'
import { serveConsoles } from '../../../src/controller/http/console-socket.ts'
import type { Database } from '../../../src/controller/store/database.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import { consoleClosed, consoleProtocol, linksMax } from '../../../src/model/console.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { type ConsoleHost, serveConsolesOf } from '../../support/console-host.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'
import { Viewer } from '../../support/viewer.ts'
import { replyOf } from '../../support/reply.ts'

const hello = Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.of(1, 0)])
const update = Buffer.of(3, 0, 0, 0, 0, 0, 2, 128, 1, 144)
const press = (keysym: number) => Buffer.of(4, 1, 0, 0, 0, 0, 0, keysym)
/** ServerInit with its name, and what comes before. */
const greeting_bytes = 12 + 2 + 4 + 24 + 5
const picture_bytes = 16 + 640 * 400 * 4

suite('consoles', () => {
  let own: Awaited<ReturnType<typeof testDatabase>>
  let one: TestCloud
  let other: TestCloud
  let host: ObedientHost
  let served: ConsoleHost
  let stranger: string
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
    host = await addHost(one, 'h1')
    served = await serveConsolesOf(host, [one, other])
    const { body: project } = await one.request('POST', '/v1/projects', {
      body: { name: 'elsewhere', domain_id: one.domain_id },
    })
    const { body: user } = await one.request('POST', '/v1/users', {
      body: { name: 'stranger', domain_id: one.domain_id },
    })
    const grant = { user_id: user.id, role: 'member', scope: 'project', project_id: project.id }
    assert.equal((await one.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    stranger = await one.tokenOf(String(user.id), String(project.id))
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

  async function ticket(body: object = {}, cloud = one, token?: string): Promise<ConsoleTicket> {
    const got = await cloud.request('POST', `/v1/instances/${id}/console`, { body, ...(token && { token }) })
    return replyOf(instanceRoutes.console, got)
  }
  const open = ({ url }: { url: string }, cloud = one) => new Viewer(`ws://127.0.0.1:${ports.get(cloud)}${url}`)
  async function viewers(cloud = one): Promise<ConsoleViewer[]> {
    return (await cloud.call(consoleRoutes.list, { params: { instance: id } })).items
  }
  /** Until the list is as it should be, by the events that a page has, too. */
  async function listed(check: (found: ConsoleViewer[]) => boolean): Promise<ConsoleViewer[]> {
    const late = Date.now() + 30_000
    const news: (() => void)[] = []
    const stop = one.cloud.events.watch(rows => {
      if (rows.some(row => row.noun === 'console' && row.resource_id === id)) for (const hear of news) hear()
    })
    try {
      while (Date.now() < late) {
        const heard = new Promise<void>(resolve => news.push(resolve))
        const found = await viewers()
        if (check(found)) return found
        await Promise.race([heard, new Promise<void>(resolve => setTimeout(resolve, 5000).unref())])
      }
    } finally {
      stop()
    }
    throw new Error(`not as expected: ${JSON.stringify(await viewers())}`)
  }
  const path = (found: { id: string } | undefined) => `/v1/instances/${id}/consoles/${found?.id}`

  test('a ticket is good once, and for a minute', async () => {
    const got = await ticket()
    assert.equal(got.kind, 'serial')
    assert.equal(got.view_only, false)
    const viewer = open(got)
    await viewer.says('login: ')
    viewer.socket.send('root')
    await viewer.says('root')
    const again = open(got)
    await assert.rejects(again.closed, /403/)
    viewer.socket.close()
    const late = await ticket()
    await one.cloud.database.db
      .updateTable('console_ticket')
      .set({ expires_at: new Date(0) })
      .execute()
    await assert.rejects(open(late).closed, /403/)
    await listed(found => found.length === 0)
  })

  test('who sits there is seen by all, over both controllers, and gone when it leaves', async () => {
    const first = open(await ticket({}, other), other)
    const second = open(await ticket({ kind: 'graphical', view_only: true }))
    await first.says('login: ')
    const found = await listed(all => all.length === 2)
    assert.deepEqual(
      found
        .map(({ user, kind, view_only }) => ({ user, kind, view_only }))
        .toSorted((x, y) => (x.kind < y.kind ? 1 : -1)),
      [
        { user: 'admin', kind: 'serial', view_only: false },
        { user: 'admin', kind: 'graphical', view_only: true },
      ],
    )
    first.socket.terminate()
    second.socket.close()
    await listed(all => all.length === 0)
  })

  test('a screen: who looks on sees what another does, and what it presses goes nowhere', async () => {
    const worker = open(await ticket({ kind: 'graphical' }))
    await once(worker.socket, 'open')
    assert.equal(worker.socket.protocol, 'binary')
    worker.socket.send(hello)
    await worker.until(() => worker.bytes === greeting_bytes)
    worker.socket.send(update)
    await worker.until(() => worker.bytes === greeting_bytes + picture_bytes)
    worker.socket.send(Buffer.concat([press(0x61), update]))
    await worker.until(() => worker.bytes === greeting_bytes + 2 * picture_bytes)

    const looker = open(await ticket({ kind: 'graphical', view_only: true }))
    await once(looker.socket, 'open')
    looker.socket.send(Buffer.concat([hello, press(0x62), Buffer.of(6, 0, 0, 0, 0, 0, 0, 1, 65), update]))
    await looker.until(() => looker.bytes === greeting_bytes + picture_bytes)
    const heard = Buffer.concat(served.streams.at(-1)?.heard ?? [])
    const shared = Buffer.from(hello)
    shared[13] = 1
    assert.deepEqual(heard, Buffer.concat([shared, update]), 'no key, no clipboard; and shared, whatever it asked for')
    worker.socket.close()
    looker.socket.close()
    await listed(all => all.length === 0)
  })

  test('a page asks whether the line lives, and that is not the guest’s; others’ text is', async () => {
    const { url } = await ticket()
    const page = new WebSocket(`ws://127.0.0.1:${ports.get(one)}${url}`, [consoleProtocol, 'binary'])
    await once(page, 'message')
    assert.equal(page.protocol, consoleProtocol)
    page.send('ping')
    const [answer, is_binary] = (await once(page, 'message')) as [Buffer, boolean]
    assert.deepEqual([String(answer), is_binary], ['pong', false])
    assert.deepEqual(served.streams.at(-1)?.heard, [])
    page.close()
    const other = open(await ticket())
    await other.says('login: ')
    other.socket.send('typed as text')
    await other.says('typed as text')
    other.socket.close()
    await listed(all => all.length === 0)
  })

  test('that a guest does not read is told by its host in pongs, and to pages that can hear it', async () => {
    const { url } = await ticket()
    const page = new WebSocket(`ws://127.0.0.1:${ports.get(one)}${url}`, [consoleProtocol, 'binary'])
    await once(page, 'message')
    const host = served.streams.at(-1)?.socket
    assert.ok(host)
    const heard: string[] = []
    const all = new Promise<void>(resolve =>
      page.on('message', (data: Buffer, is_binary) => {
        heard.push(`${is_binary ? 'bytes' : 'text'} ${data.toString()}`)
        if (heard.length === 3) resolve()
      }),
    )
    for (const word of ['waiting', 'whatever', 'dropped', 'taken']) host.pong(word)
    await all
    assert.deepEqual(heard, ['text waiting', 'text dropped', 'text taken'])
    page.close()
    const other = open(await ticket())
    await other.says('login: ')
    served.streams.at(-1)?.socket.pong('waiting')
    other.socket.send('typed')
    await other.says('typed')
    assert.doesNotMatch(other.text, /waiting/)
    other.socket.close()
    await listed(all => all.length === 0)
  })

  test('one takes over: the other looks on, lets go of its keys, and gets control back', async () => {
    const viewer = open(await ticket({ kind: 'graphical' }, other), other)
    await once(viewer.socket, 'open')
    viewer.socket.send(Buffer.concat([hello, press(0x61), update]))
    await viewer.until(() => viewer.bytes > greeting_bytes)
    const drawn = viewer.bytes
    const [sitting] = await listed(all => all.length === 1)
    const stream = served.streams.at(-1)
    const heardBefore = Buffer.concat(stream?.heard ?? []).length
    assert.ok(stream)
    const freed = once(stream.socket, 'message')
    assert.equal((await one.request('PATCH', path(sitting), { body: { view_only: true } })).body.view_only, true)
    assert.deepEqual((await freed)[0], Buffer.of(4, 0, 0, 0, 0, 0, 0, 0x61))
    viewer.socket.send(Buffer.concat([press(0x62), update]))
    await once(stream.socket, 'message')
    assert.equal(viewer.bytes, drawn, 'nothing changed, so nothing is drawn')
    assert.equal(Buffer.concat(stream.heard).length, heardBefore + 8 + update.length)
    const back = await one.request('PATCH', path(sitting), { body: { view_only: false } })
    assert.equal(back.body.view_only, false)
    assert.equal((await one.request('DELETE', path(sitting))).status, 204)
    assert.equal((await viewer.closed).code, consoleClosed.ended)
    await listed(all => all.length === 0)
  })

  test('a link lets anybody look on, until it is taken back', async () => {
    const made = await one.request('POST', `/v1/instances/${id}/console-links`, {
      body: { kind: 'serial', minutes: 5 },
    })
    const { secret, url } = replyOf(consoleLinkRoutes.create, made)
    assert.equal(url, `/ui/shared-console#${secret}`)
    const got = await other.request('POST', '/v1/console-links/open', { body: { secret }, token: null })
    const viewer = open(replyOf(consoleLinkRoutes.open, got), other)
    await viewer.says('login: ')
    viewer.socket.send('typed')
    const [sitting] = await listed(all => all.length === 1)
    assert.equal(sitting?.link_id, made.body.id)
    assert.equal(sitting?.view_only, true)
    assert.deepEqual(served.streams.at(-1)?.heard, [])
    const give = await one.request('PATCH', path(sitting), { body: { view_only: false } })
    assert.equal(give.status, 409, JSON.stringify(give.body))
    const links = (await one.call(consoleLinkRoutes.list, { params: { instance: id } })).items
    assert.deepEqual(
      links.map(link => [link.id, link.viewers]),
      [[made.body.id, 1]],
    )
    const spare = await other.request('POST', '/v1/console-links/open', { body: { secret }, token: null })
    assert.equal((await one.request('DELETE', `/v1/instances/${id}/console-links/${String(made.body.id)}`)).status, 204)
    assert.equal((await viewer.closed).code, consoleClosed.ended)
    await assert.rejects(open(replyOf(consoleLinkRoutes.open, spare)).closed, /403/, 'its tickets went with it')
    const late = await one.request('POST', '/v1/console-links/open', { body: { secret }, token: null })
    assert.equal(late.status, 404)
    await listed(all => all.length === 0)
  })

  test('links are bounded, also when many are asked for at once', async () => {
    const links = `/v1/instances/${id}/console-links`
    const made = await Promise.all(Array.from({ length: linksMax + 5 }, () => one.request('POST', links, { body: {} })))
    assert.deepEqual(
      [201, 409].map(status => made.filter(answered => answered.status === status).length),
      [linksMax, 5],
    )
    for (const { status, body } of made)
      if (status === 201) assert.equal((await one.request('DELETE', `${links}/${String(body.id)}`)).status, 204)
  })

  test('others’ consoles are not there, and who only reads looks on', async () => {
    const theirs = await one.request('POST', `/v1/instances/${id}/console`, { body: {}, token: stranger })
    assert.equal(theirs.status, 404)
    assert.equal((await one.request('GET', `/v1/instances/${id}/consoles`, { token: stranger })).status, 404)
    const { body: reader } = await one.request('POST', '/v1/users', {
      body: { name: 'reader', domain_id: one.domain_id },
    })
    const grant = { user_id: reader.id, role: 'reader', scope: 'project', project_id: one.project_id }
    assert.equal((await one.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    const token = await one.tokenOf(String(reader.id), one.project_id)
    const asked = await one.request('POST', `/v1/instances/${id}/console`, { body: { view_only: false }, token })
    assert.equal(asked.status, 403)
    const got = await ticket({}, one, token)
    assert.equal(got.view_only, true)
    const viewer = open(got)
    await viewer.says('login: ')
    viewer.socket.send('x')
    const [sitting] = await listed(all => all.length === 1)
    assert.equal((await one.request('DELETE', path(sitting), { token })).status, 403)
    assert.equal((await one.request('PATCH', path(sitting), { body: { view_only: false } })).status, 409)
    // Who loses the right is cut off when that is next looked at.
    await one.cloud.database.db.deleteFrom('role_grant').where('user_id', '=', String(reader.id)).execute()
    await one.cloud.database.db.transaction().execute(async tx => {
      const { sql } = await import('kysely')
      await sql`select pg_notify('croft_console', ${sitting?.id})`.execute(tx)
    })
    assert.equal((await viewer.closed).code, consoleClosed.ended)
    assert.deepEqual(served.streams.at(-1)?.heard, [])
    await listed(all => all.length === 0)
  })

  test('what is no RFB, and a paste beyond all bounds, ends that console and nothing else', async () => {
    const good = open(await ticket())
    await good.says('login: ')
    for (const said of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([hello, Buffer.of(6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff)]),
      Buffer.concat([hello, Buffer.of(99)]),
    ]) {
      const viewer = open(await ticket({ kind: 'graphical' }))
      await once(viewer.socket, 'open')
      viewer.socket.send(said)
      assert.equal((await viewer.closed).code, consoleClosed.malformed)
    }
    const flood = open(await ticket({ kind: 'graphical' }))
    await once(flood.socket, 'open')
    flood.socket.send(Buffer.alloc(2 * 1024 * 1024))
    assert.equal((await flood.closed).code, 1009)
    good.socket.send('still here')
    await good.says('still here')
    good.socket.close()
    await listed(all => all.length === 0)
  })

  test('who loses the right is cut off by the event of it', async () => {
    const { body: user } = await one.request('POST', '/v1/users', {
      body: { name: 'leaver', domain_id: one.domain_id },
    })
    const grant = { user_id: user.id, role: 'member', scope: 'project', project_id: one.project_id }
    const granted = await one.request('POST', '/v1/role-grants', { body: grant })
    const token = await one.tokenOf(String(user.id), one.project_id)
    const viewer = open(await ticket({}, other, token), other)
    await viewer.says('login: ')
    await listed(all => all.length === 1)
    assert.equal((await one.request('DELETE', `/v1/role-grants/${String(granted.body.id)}`)).status, 204)
    // Sooner than it would be looked at without.
    const late = once(AbortSignal.timeout(12_000), 'abort').then(() => null)
    assert.equal((await Promise.race([viewer.closed, late]))?.code, consoleClosed.ended)
    await listed(all => all.length === 0)
  })

  test('who signs out, or whose key is deleted, sits at no console any more; others go on', async () => {
    const token = await one.tokenOf(one.admin_user_id, one.project_id)
    const made = await one.request('POST', '/v1/api-keys', { body: { name: 'for-a-console' } })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const stays = open(await ticket({}, one), one)
    const viewers = [
      open(await ticket({}, other, token), other),
      open(await ticket({}, other, String(made.body.secret)), other),
    ] as const
    for (const each of [stays, ...viewers]) await each.says('login: ')
    assert.equal((await one.request('DELETE', '/v1/session', { token })).status, 204)
    const late = once(AbortSignal.timeout(12_000), 'abort').then(() => null)
    assert.equal((await Promise.race([viewers[0].closed, late]))?.code, consoleClosed.ended)
    assert.equal(viewers[1].socket.readyState, viewers[1].socket.OPEN)
    assert.equal((await one.request('DELETE', `/v1/api-keys/${String(made.body.id)}`)).status, 204)
    assert.equal((await Promise.race([viewers[1].closed, late]))?.code, consoleClosed.ended)
    await listed(all => all.length === 1)
    stays.socket.close()
    await listed(all => all.length === 0)
  })

  suite('with a clock of its own, and a database that fails', () => {
    /** Another server of the same controller. */
    async function another(change: Partial<Cloud>): Promise<{ pings(): void; at: TestCloud }> {
      const due: (() => void)[] = []
      const after: Clock['after'] = (delay_ms, callback) => {
        if (delay_ms !== 20_000) return one.cloud.clock.after(delay_ms, callback)
        due.push(callback)
        return { cancel: () => undefined }
      }
      const server = http.createServer()
      ends.push(serveConsoles({ ...one.cloud, clock: { ...one.cloud.clock, after }, ...change }, server))
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      ends.push(() => void server.close())
      const at = { ...one }
      ports.set(at, (server.address() as AddressInfo).port)
      return { at, pings: () => due.pop()?.() }
    }

    /** What the viewer has said until now has arrived when this is answered. */
    const answeredBy = async ({ socket }: Viewer) => {
      socket.ping()
      await once(socket, 'pong')
    }

    test('a host that lost power, and says nothing any more, ends the consoles on it', async () => {
      const { at, pings } = await another({})
      const viewer = open(await ticket(), at)
      await viewer.says('login: ')
      const answered = once(served.streams.at(-1)?.socket ?? viewer.socket, 'ping')
      pings()
      await Promise.all([answered, answeredBy(viewer)])
      assert.equal(viewer.socket.readyState, viewer.socket.OPEN, 'both ends live')
      served.streams.at(-1)?.socket.pause()
      for (let n = 0; n < 3 && viewer.socket.readyState === viewer.socket.OPEN; n++) {
        pings()
        await Promise.race([answeredBy(viewer), viewer.closed])
      }
      const late = once(AbortSignal.timeout(30_000), 'abort').then(() => null)
      assert.equal((await Promise.race([viewer.closed, late]))?.code, consoleClosed.gone)
      await listed(all => all.length === 0)
    })

    test('a viewer whose line is slow is not taken for gone, and one that takes nothing is', async () => {
      const { at, pings } = await another({})
      const viewer = open(await ticket(), at)
      await viewer.says('login: ')
      const host = served.streams.at(-1)?.socket ?? viewer.socket
      viewer.socket.pause()
      // Far more than the kernel holds for it: its answer stands behind that.
      for (let n = 0; n < 64 * 16; n++) host.send(Buffer.alloc(64 * 1024, 'x'))
      const taken = async (bytes: number) => {
        const until = viewer.bytes + bytes
        viewer.socket.resume()
        await viewer.until(() => viewer.bytes >= until)
        viewer.socket.pause()
      }
      for (let n = 0; n < 4; n++) {
        // More than the kernels of both ends may hold: what the controller has waiting gets on.
        await taken(12 * 1024 * 1024)
        pings()
      }
      assert.equal(viewer.socket.readyState, viewer.socket.OPEN)
      pings()
      pings()
      viewer.socket.resume()
      assert.equal((await viewer.closed).code, 1006)
      await listed(all => all.length === 0)
    })

    test('who left while the database was away is not shown for ever', async () => {
      let away = false
      const tried = Promise.withResolvers<void>()
      const { database } = one.cloud
      const failing: Database = {
        ...database,
        of: () => failing,
        transaction(work) {
          if (!away) return database.transaction(work)
          setImmediate(tried.resolve)
          return Promise.reject(new Error('it is away'))
        },
      }
      const { at, pings } = await another({ database: failing })
      const viewer = open(await ticket(), at)
      await viewer.says('login: ')
      await listed(all => all.length === 1)
      away = true
      viewer.socket.close()
      await tried.promise
      away = false
      pings()
      await listed(all => all.length === 0)
    })

    test('what was found first counts no more than what was found later', async () => {
      let hold: Promise<void> | null = null
      const held = Promise.withResolvers<void>()
      let looks = 0
      const later = Promise.withResolvers<void>()
      const slow: KyselyPlugin = {
        transformQuery: ({ node }) => node,
        async transformResult({ result }) {
          if (hold && result.rows.some(row => 'view_only' in row)) {
            looks += 1
            if (looks === 1) await hold
            else later.resolve()
          }
          return result
        },
      }
      const { database } = one.cloud
      const slowly: Database = { ...database, of: () => slowly, db: database.db.withPlugin(slow) }
      const { at } = await another({ database: slowly })
      const viewer = open(await ticket(), at)
      await viewer.says('login: ')
      const [sitting] = await listed(all => all.length === 1)
      hold = held.promise
      for (const view_only of [true, false])
        assert.equal((await one.request('PATCH', path(sitting), { body: { view_only } })).status, 200)
      // Either the second look overtakes the first, or it waits for it.
      await Promise.race([later.promise, new Promise(resolve => setTimeout(resolve, 300))])
      held.resolve()
      await later.promise
      // What comes before the last look is done goes nowhere.
      for (let n = 0; n < 50 && !viewer.text.includes('typed'); n++) {
        viewer.socket.send('typed')
        await answeredBy(viewer)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      assert.match(viewer.text, /typed/)
      viewer.socket.close()
      await listed(all => all.length === 0)
    })

    test('guesses at tickets are bounded as requests are', async () => {
      const asked: string[] = []
      // On a machine so busy that a guess takes as long as the next one is allowed after, time must not pass.
      const steady_ms = one.cloud.clock.steady_ms()
      const { at } = await another({ clock: { ...one.cloud.clock, steady_ms: () => steady_ms } })
      const read = Promise.withResolvers<void>()
      one.cloud.settings.changed = read.resolve
      const limit = { body: { value: 10 } }
      assert.equal((await one.request('PUT', '/v1/settings/api.requests_per_s', limit)).status, 200)
      await read.promise
      for (let n = 0; n < 40; n++) {
        const guess = open({ url: `/v1/consoles/${'x'.repeat(43)}` }, at)
        await guess.closed.catch((error: unknown) => asked.push(String(error)))
      }
      assert.match(asked[0] ?? '', /403/)
      assert.match(asked.at(-1) ?? '', /429/)
    })
  })

  test('why a host shows nothing is told as the socket closes', async () => {
    served.refuses = 'The guest was started without a graphics device. Stop it and start it once, and it has one.'
    const { code, reason } = await open(await ticket({ kind: 'graphical' })).closed
    served.refuses = null
    assert.equal(code, consoleClosed.unavailable)
    assert.match(
      reason,
      /cannot show this: The guest was started without a graphics device. Stop it and start it once, and it has one.$/,
    )
    const viewer = open(await ticket())
    await viewer.says('login: ')
    served.streams.at(-1)?.socket.close()
    assert.equal((await viewer.closed).code, consoleClosed.gone)
    await listed(all => all.length === 0)
  })
})
