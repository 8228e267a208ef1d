/**
 * Rolling upgrade: agents one version behind. What that version says must be understood, and all that it is told must fit the frames
 * that it knows: its shapes are recorded in test/support/protocol-before, as its own program had them.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { AgentSession } from '../../../src/controller/agents/session.ts'
import { factsOf } from '../../../sim/facts.ts'
import { CallFailed, makeId } from '../../../src/controller/cloud.ts'
import { type ControllerFrame, protocolVersion } from '../../../src/protocol/messages.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const recorded = new URL('../../support/protocol-before/schemas.json', import.meta.url)
const before_it = JSON.parse(readFileSync(recorded, 'utf8')) as { agent: TSchema; controller: TSchema }
const agentKnew = Compile(before_it.agent)
const controllerTold = Compile(before_it.controller)

describe('controller/version-behind', () => {
  let cloud: TestCloud
  let host_id: string
  let session: AgentSession
  const told: ControllerFrame[] = []
  const strange: unknown[] = []
  let closed: string | null = null

  /** As the agent of then: it checks each frame by the shapes that it knows, and says what fits its own. */
  function say(frame: unknown): void {
    assert.ok(agentKnew.Check(frame), `an agent of then does not say this: ${JSON.stringify(frame)}`)
    void session.receive(JSON.stringify(frame))
  }

  before(async () => {
    cloud = await testCloud()
    const { db } = cloud.cloud.database
    const cluster = await db.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
    host_id = makeId<never>(cloud.cloud)
    const row = { id: host_id, name: 'old', cluster_id: cluster.id, machine_id: 'machine-old' }
    await db
      .insertInto('host')
      .values({ ...row, certificate_sha256: Buffer.from('old') })
      .execute()
    const first = Promise.withResolvers<void>()
    session = cloud.cloud.agents.accept(host_id, {
      send: frame => {
        const text: unknown = JSON.parse(JSON.stringify(frame))
        if (!controllerTold.Check(text)) strange.push(text)
        told.push(frame)
        if (frame.type === 'wanted') {
          first.resolve()
          for (const { id, generation } of frame.instances) report(id, generation)
        }
      },
      close: reason => {
        closed = reason
        first.reject(new Error(reason))
      },
    })
    const { pool_id: _, ...facts } = factsOf('old')
    say({ type: 'hello', protocol: 1, facts, holds: [] })
    await first.promise
  })
  after(async () => {
    await cloud.cloud.agents.closed(session)
    await cloud.close()
  })

  test('a controller of then takes what agents say now as they dial', () => {
    const facts = factsOf('new')
    assert.ok(agentKnew.Check({ type: 'hello', protocol: protocolVersion, facts, holds: [], knows_unchanged: true }))
  })

  let number = 0
  function report(id: string, applied_generation: number): void {
    const one = { id, applied_generation, power: 'running', failure: null, progress: null, started_at: null }
    const instances = [{ ...one, guest_addresses: [], stopped_by_guest: false }]
    say({ type: 'report', report: ++number, whole: false, instances })
  }

  test('its link stands, instances are made there, and it is told nothing that it does not know', async () => {
    const [flavor] = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items ?? []
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = { name: 'one', flavor_id: flavor?.id, image_id: await addImage(cloud), networks }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    const [instance] = replyOf(instanceRoutes.create, made).items
    assert.equal(instance?.state, 'running', JSON.stringify(made.body))
    say({ type: 'ping', sent_ms: 12 })
    assert.deepEqual(strange, [])
    assert.equal(closed, null)
  })

  test('what it does not know is not asked of it, and says so', async () => {
    const asked = { method: 'probe' as const, address: '192.0.2.1', ports: [22], timeout_ms: 100 }
    await assert.rejects(cloud.cloud.calls.ask(host_id, asked, { timeout_ms: 5000 }), (error: unknown) => {
      assert.ok(error instanceof CallFailed)
      assert.match(error.message, /too old for this: update it/)
      return true
    })
    assert.ok(!told.some(frame => frame.type === 'call'))
    assert.equal(closed, null)
  })

  test('it keeps no leases, so that its instances are never taken for stopped', async () => {
    const row = await cloud.cloud.database.db
      .selectFrom('host')
      .select('keeps_leases')
      .where('id', '=', host_id)
      .executeTakeFirstOrThrow()
    assert.equal(row.keeps_leases, false)
  })

  /** What a controller answers to a hello of that version: a welcome, or why not. */
  async function hello(protocol: number, more: object = {}): Promise<ControllerFrame | string> {
    const heard = Promise.withResolvers<ControllerFrame | string>()
    const at = cloud.cloud.agents.accept(host_id, {
      send: frame => frame.type === 'welcome' && heard.resolve(frame),
      close: reason => heard.resolve(reason),
    })
    const { pool_id: _, ...facts } = factsOf('old')
    void at.receive(JSON.stringify({ type: 'hello', protocol, facts: { ...facts, ...more }, holds: [] }))
    const answer = await heard.promise
    await cloud.cloud.agents.closed(at)
    return answer
  }

  test('the version before is taken, and answered in its own; others are told which end is too old', async () => {
    const before_this = await hello(protocolVersion - 1)
    assert.ok(typeof before_this === 'object' && before_this.type === 'welcome', JSON.stringify(before_this))
    assert.equal(before_this.protocol, protocolVersion - 1)
    assert.ok(controllerTold.Check(JSON.parse(JSON.stringify(before_this))))
    for (const other of [protocolVersion + 1, protocolVersion - 2])
      assert.match(String(await hello(other)), /upgrade the older/)
  })

  test('an agent that knows of no secret of its pool keeps the one that it has, and joins none that others have', async () => {
    const { db } = cloud.cloud.database
    const poolOf = async () =>
      (await db.selectFrom('host').select('pool_id').where('id', '=', host_id).executeTakeFirstOrThrow()).pool_id
    const [own, others] = ['01890000-0000-7000-8000-0000000000b1', '01890000-0000-7000-8000-0000000000b2']
    await hello(protocolVersion, { pool_id: own })
    assert.equal(await poolOf(), own)
    // It is updated, tells the secret, and is put back to the version before.
    await hello(protocolVersion, { pool_id: own, pool_secret: 'what lies in its directory' })
    await hello(protocolVersion, { pool_id: own })
    assert.equal(await poolOf(), own)
    await addHost(cloud, 'newer', { pool_id: others })
    await hello(protocolVersion, { pool_id: others })
    assert.equal(await poolOf(), own)
  })
})
