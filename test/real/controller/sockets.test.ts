/** Sockets of people and agents that behave badly: whoever hangs up, holds out or floods harms nobody but themselves. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import type { Identity } from '../../../src/agent/identity.ts'
import { joinHost } from '../../../src/agent/join.ts'
import { buildLinkServer } from '../../../src/controller/agents/link-server.ts'
import { serverCertificate } from '../../../src/controller/app/authority.ts'
import { serveConsoles } from '../../../src/controller/http/console-socket.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addImage } from '../../support/obedient-host.ts'

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
    folder = await mkdtemp(join(tmpdir(), 'croft-agent-'))
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
  async function enrol(): Promise<Identity> {
    const invited = await cloud.request('POST', '/v1/host-invitations', { body: {} })
    const token = String(invited.body.token)
    return await joinHost({ controller_url: agents.href, token, state_dir: await mkdtemp(join(folder, 'state-')) })
  }

  async function dial(identity: Identity): Promise<WebSocket> {
    const { certificate_pem: cert, key_pem: key } = identity
    const socket = new WebSocket(new URL('/agent/v1/link', agents).href.replace('https', 'wss'), { ca, cert, key })
    await once(socket, 'open')
    return socket
  }

  test('a clone of a linked host cannot take over its name, certificate and guests', async () => {
    const identity = await enrol()
    const { db } = cloud.cloud.database
    const linked = { session_controller_id: cloud.cloud.self.id }
    await db.updateTable('host').set(linked).where('id', '=', identity.host_id).execute()
    await assert.rejects(enrol(), /is linked right now/)
    await db.updateTable('host').set({ session_controller_id: null }).where('id', '=', identity.host_id).execute()
    assert.equal((await enrol()).host_id, identity.host_id)
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

  test('a controller that stops does not wait for ever for the agents that are linked', async () => {
    const socket = await dial(await enrol())
    const closed = once(socket, 'close')
    await link.close()
    await closed
    await alive()
  })
})
