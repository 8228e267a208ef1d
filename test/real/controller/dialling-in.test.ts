/** Who may dial in while others come: a link counts until its host has been told what is wanted of it, or is turned away. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { createControllerClient } from '../../../src/agent/drivers/controller-client.ts'
import type { Identity } from '../../../src/agent/identity.ts'
import { joinHost } from '../../../src/agent/join.ts'
import { createLink, type Link } from '../../../src/agent/link.ts'
import { buildLinkServer } from '../../../src/controller/agents/link-server.ts'
import { serverCertificate } from '../../../src/controller/app/authority.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { linkPath } from '../../../src/protocol/join.ts'
import { protocolVersion } from '../../../src/protocol/messages.ts'
import { factsOf } from '../../../sim/facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { scratch } from '../../support/scratch.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const nothing = { message() {}, closed() {} }
/** Longer than this test. */
const for_ever_ms = 600_000

describe('controller/dialling-in', () => {
  let cloud: TestCloud
  let server: FastifyInstance
  let folder: string
  let join_url: string
  let link_url: string

  before(async () => {
    folder = await scratch('croft-dialling-in')
    cloud = await testCloud()
    const tls = await serverCertificate(cloud.cloud, ['localhost', '127.0.0.1'])
    const one_by_one = { at_once: 1, links_max: 1, counts_ms: for_ever_ms, link_counts_ms: for_ever_ms }
    server = buildLinkServer(cloud.cloud, { tls, rate: { per_s: 1000, burst: 1000 }, limits: one_by_one })
    join_url = await server.listen({ host: '127.0.0.1', port: 0 })
    link_url = join_url.replace('https', 'wss') + linkPath
  })
  after(async () => {
    await server.close()
    await cloud.close()
    await rm(folder, { recursive: true })
  })

  async function joined(name: string): Promise<Identity> {
    const invited = await cloud.request('POST', '/v1/host-invitations', { body: {} })
    const state_dir = await mkdtemp(join(folder, 'state-'))
    const given = { token: String(invited.body.token), state_dir, name, machine_id: `machine-${name}`, hardware: {} }
    return { ...(await joinHost({ controller_url: join_url, ...given })), link_urls: [link_url] }
  }

  /** The agent's own link; resolves once it has been told what is wanted of it. */
  async function linked(name: string): Promise<Link> {
    const told = Promise.withResolvers<void>()
    const facts = { ...factsOf(name, { cpus: 4, memory_mib: 4096, pool_gib: 10 }), machine_id: `machine-${name}` }
    const link = createLink({
      dialler: createControllerClient(await joined(name)),
      clock: realClock,
      random: { fraction: () => 0.5 },
      log: silent,
      hello: async () => ({ type: 'hello', protocol: protocolVersion, facts, holds: [] }),
      welcomed: async () => undefined,
      frame: async frame => {
        if (frame.type === 'wanted') told.resolve()
      },
      needsLease: () => false,
      lost: () => undefined,
    })
    link.start()
    await told.promise
    return link
  }

  const connections = () => new Promise<number>(resolve => server.server.getConnections((_, count) => resolve(count)))

  test('one that has its wanted set lets the next one in, one that says nothing does not', async () => {
    const [first, second] = [await linked('first'), await linked('second')]
    const [mute, waits] = [createControllerClient(await joined('mute')), createControllerClient(await joined('waits'))]
    const order: string[] = []
    const held = await mute.dial(link_url, nothing)
    const before = await connections()
    const comes = waits.dial(link_url, nothing).then(connection => {
      order.push('the other came')
      return connection
    })
    await eventually(async () => assert.equal(await connections(), before + 1))
    order.push('the mute one ends')
    held.close()
    const came = await comes
    assert.deepEqual(order, ['the mute one ends', 'the other came'])
    came.close()
    first.stop()
    second.stop()
  })

  test('one that is turned away keeps nobody out, and its connection is ended', async () => {
    const removed = await joined('removed')
    assert.equal((await cloud.request('DELETE', `/v1/hosts/${removed.host_id}`)).status, 204)
    await assert.rejects(createControllerClient(removed).dial(link_url, nothing), /401/)
    const link = await linked('next')
    link.stop()
  })

  test('an agent that gives up its turn is gone for the controller, too', async () => {
    const within = { one_of_several: 10, only: 200 }
    const hasty = createControllerClient(await joined('hasty'), undefined, within)
    const mute = await createControllerClient(await joined('mute-too')).dial(link_url, nothing)
    const before = await connections()
    await assert.rejects(hasty.dial(link_url, nothing), /timed out/)
    await eventually(async () => assert.equal(await connections(), before))
    mute.close()
    // Whoever opens a connection and says nothing has no turn that others wait for.
    const plain = connect(Number(new URL(join_url).port), '127.0.0.1')
    await once(plain, 'connect')
    plain.destroy()
    const link = await linked('last')
    link.stop()
  })
})
