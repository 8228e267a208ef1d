/** Sockets of people and agents that behave badly: whoever hangs up, holds out or floods harms nobody but themselves. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { createControllerClient } from '../../../src/agent/drivers/controller-client.ts'
import type { Identity } from '../../../src/agent/identity.ts'
import { type JoinOptions, joinHost } from '../../../src/agent/join.ts'
import { buildLinkServer } from '../../../src/controller/agents/link-server.ts'
import { serverCertificate } from '../../../src/controller/app/authority.ts'
import { serveConsoles } from '../../../src/controller/http/console-socket.ts'
import { handlers } from '../../../src/controller/http/index.ts'
import { buildServer } from '../../../src/controller/http/server.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addImage } from '../../support/obedient-host.ts'
import { scratch } from '../../support/scratch.ts'

describe('controller/sockets', () => {
  let cloud: TestCloud
  let link: FastifyInstance
  let api: URL
  let agents: URL
  let ca: string
  let folder: string
  const crashes: unknown[] = []
  const crashed = (error: unknown) => void crashes.push(error)

  before(async () => {
    process.on('uncaughtException', crashed)
    folder = await scratch('croft-agent')
    cloud = await testCloud()
    const tls = await serverCertificate(cloud.cloud, ['localhost', '127.0.0.1'])
    ca = tls.ca
    link = buildLinkServer(cloud.cloud, { tls })
    serveConsoles(cloud.cloud, cloud.server.server)
    api = new URL(await cloud.server.listen({ host: '127.0.0.1', port: 0 }))
    agents = new URL(await link.listen({ host: '127.0.0.1', port: 0 }))
  })
  after(async () => {
    process.off('uncaughtException', crashed)
    await cloud.close()
    await rm(folder, { recursive: true })
  })

  const upgrade = (path: string) =>
    `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
    'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

  /** Still answers, and nothing went past everybody who could have caught it. */
  async function alive(): Promise<void> {
    assert.equal((await cloud.request('GET', '/v1/flavors')).status, 200)
    assert.deepEqual(crashes, [])
  }

  test('the certificate that the API hands out is the one that verifies it', async () => {
    const tls = await serverCertificate(cloud.cloud, ['127.0.0.1'])
    await using server = await buildServer(cloud.cloud, handlers, { ui: { folder, ca_pem: tls.ca }, tls })
    const url = new URL('/ui/ca.pem', await server.listen({ host: '127.0.0.1', port: 0 }))
    const pem = (await server.inject('/ui/ca.pem')).body
    const ask = (trusted: string | undefined) =>
      new Promise<number | undefined>((resolve, reject) => {
        get(url, { ca: trusted, agent: false }, answer => resolve(answer.resume().statusCode)).once('error', reject)
      })
    assert.equal(await ask(pem), 200)
    await assert.rejects(ask(undefined), { code: /SELF_SIGNED|UNABLE_TO/ })
  })

  test('a viewer that resets its connection in the middle of an upgrade ends nothing else', async () => {
    for (let n = 0; n < 20; n++) {
      const socket = connect(Number(api.port), api.hostname)
      await once(socket, 'connect')
      socket.write(upgrade(`/v1/consoles/${'x'.repeat(43)}`), () => socket.resetAndDestroy())
      await once(socket, 'close')
    }
    await alive()
  })

  test('an agent that resets its connection in the middle of an upgrade ends nothing else', async () => {
    for (let n = 0; n < 10; n++) {
      const raw = connect(Number(agents.port), agents.hostname)
      const socket = connectTls({ socket: raw, ca })
      await once(socket, 'secureConnect')
      socket.on('error', () => undefined)
      socket.write(upgrade('/agent/v1/link'), () => raw.resetAndDestroy())
      await once(raw, 'close')
    }
    await alive()
  })

  test('many consoles opened at once do not lock up the pool of connections', async () => {
    const id = crypto.randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => cloud.request('POST', `/v1/instances/${id}/console`, { body: {} })),
    )
    assert.ok(answers.every(answer => answer.status === 404))
  })

  /** A host that has joined with a token, as agents do. */
  async function enrol(options: Partial<JoinOptions> = {}): Promise<Identity> {
    const invited = await cloud.request('POST', '/v1/host-invitations', { body: {} })
    const token = String(invited.body.token)
    const state_dir = await mkdtemp(join(folder, 'state-'))
    return await joinHost({ controller_url: agents.href, token, state_dir, machine_id: randomUUID(), ...options })
  }

  async function dial(identity: Identity): Promise<WebSocket> {
    const { certificate_pem: cert, key_pem: key } = identity
    const socket = new WebSocket(new URL('/agent/v1/link', agents).href.replace('https', 'wss'), { ca, cert, key })
    await once(socket, 'open')
    return socket
  }

  test('a clone of a linked host cannot take over its name, certificate and guests', async () => {
    const machine_id = randomUUID()
    const identity = await enrol({ machine_id })
    const { db } = cloud.cloud.database
    const linked = { session_controller_id: cloud.cloud.self.id }
    await db.updateTable('host').set(linked).where('id', '=', identity.host_id).execute()
    await assert.rejects(enrol({ machine_id }), /is linked right now/)
    await db.updateTable('host').set({ session_controller_id: null }).where('id', '=', identity.host_id).execute()
    // Its machine id alone makes it wait for an operator: joining.test.ts.
    const end = new AbortController()
    await assert.rejects(enrol({ machine_id, waiting: () => end.abort(), signal: end.signal }), { name: 'AbortError' })
  })

  test('a host reads the images of its own disks, and no others', async () => {
    const identity = await enrol()
    const image_id = await addImage(cloud, 'secret')
    await writeFile(join(cloud.cloud.images.folder, `${image_id}.qcow2`), 'content')
    const { certificate_pem: cert, key_pem: key } = identity
    const read = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const url = new URL(`/agent/v1/images/${image_id}`, agents)
        get(url, { ca, cert, key, agent: false }, answer => {
          answer.resume().once('end', () => resolve(answer.statusCode))
        }).once('error', reject)
      })
    assert.equal(await read(), 404)
    await cloud.cloud.database.db
      .insertInto('volume')
      .values({
        id: crypto.randomUUID(),
        project_id: cloud.project_id,
        host_id: identity.host_id,
        name: 'root',
        role: 'root',
        size_gib: 1,
        image_id,
      })
      .execute()
    assert.equal(await read(), 200)
  })

  /** Connections of the port, either end's, by how Linux sees them (proc_pid_net(5)); whether the kernel asks if the other end lives. */
  async function connections(port: number): Promise<Map<string, boolean>> {
    const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
    const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map(line => line.trim().split(/\s+/))
    const established = rows.filter(
      ([, own, other, state]) => state === '01' && (own?.endsWith(hex) || other?.endsWith(hex)),
    )
    return new Map(established.map(row => [`${row[1]} ${row[2]}`, row[5]?.startsWith('02:') ?? false]))
  }

  test('a stream on which nobody says anything ends when the other end lost power, at either end', async () => {
    const identity = await enrol()
    const asked = Promise.withResolvers<string>()
    const stop = cloud.cloud.database.listen('croft_call', payload => {
      if (payload) asked.resolve((JSON.parse(payload) as { params: { token: string } }).params.token)
    })
    const opening = cloud.cloud.streams.open(
      { id: identity.host_id, name: identity.name },
      { kind: 'log', instance_id: crypto.randomUUID(), tail_bytes: 1, follow: true },
    )
    const token = await asked.promise
    stop()
    const before_ = await connections(Number(agents.port))
    const client = createControllerClient(identity)
    const stream = await client.stream(
      new URL(`/agent/v1/streams/${token}`, agents).href.replace('https', 'wss'),
      token,
    )
    const held = await opening
    const made = [...(await connections(Number(agents.port)))].filter(([name]) => !before_.has(name))
    assert.deepEqual(
      made.map(([, is_kept_alive]) => is_kept_alive),
      [true, true],
      'the agent’s end and the controller’s',
    )
    held.terminate()
    stream.destroy()
    client.close()
  })

  test('a controller that stops does not wait for ever for the agents that are linked', async () => {
    const socket = await dial(await enrol())
    const closed = once(socket, 'close')
    await link.close()
    await closed
    await alive()
  })
})
