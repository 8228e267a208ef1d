/** Links of hosts and their records: none outlives the other, none counts twice, and a host can lie about no more than itself. */
import assert from 'node:assert/strict'
import { after, before, describe, mock, test } from 'node:test'
import { hostRoutes } from '../../../src/api/host.ts'
import { beginSessions } from '../../../src/controller/agents/links.ts'
import { host as hostStore } from '../../../src/controller/store/host.ts'
import { instance } from '../../../src/controller/store/instance.ts'
import { leaseTimes, leftByOther_ms } from '../../../src/model/lease.ts'
import { factsOf } from '../../../sim/facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'

describe('controller/links', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let body: Record<string, unknown>

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { memory_mib: 64_000 })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const network_id = await addNetwork(cloud)
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks: [{ network_id }] }
    await liftQuotas(cloud)
  })
  after(() => cloud.close())

  const shown = (id = host.id) => cloud.call(hostRoutes.get, { params: { host: id } })
  const setHost = (set: Record<string, unknown>, id = host.id) =>
    cloud.cloud.database.db.updateTable('host').set(set).where('id', '=', id).execute()

  async function create(name: string): Promise<string> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name },
      headers: { prefer: 'wait=10' },
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    return String(made.body.items?.[0]?.id)
  }

  test('a host whose link a former life of the same controller held is unreachable until it dials again', async () => {
    await cloud.cloud.database.db
      .insertInto('host')
      .values({
        id: crypto.randomUUID(),
        cluster_id: (await shown()).cluster_id,
        name: 'ghost',
        machine_id: 'machine-ghost',
        certificate_sha256: Buffer.from('ghost'),
        session_controller_id: cloud.cloud.self.id,
        session_epoch: 3,
      })
      .execute()
    await cloud.cloud.agents.reconcile()
    const [ghost] = (await cloud.request('GET', '/v1/hosts?name=ghost')).body.items ?? []
    assert.equal(ghost?.state, 'unreachable')
    assert.equal((await shown()).state, 'up')
  })

  test('links that end at once are written together, each with what is left of its own lease', async () => {
    const { db } = cloud.cloud.database
    const many: ObedientHost[] = []
    for (let n = 0; n < 12; n++) many.push(await addHost(cloud, `end-${n}`))
    const ids = many.map(one => one.id)
    const { database } = cloud.cloud
    // Not all transactions: the controller may just be asking hosts about each other.
    const ended = mock.method(hostStore, 'endSessions')
    await Promise.all(many.map(one => one.disconnect()))
    const batches = ended.mock.callCount()
    ended.mock.restore()
    assert.ok(batches > 0 && batches <= 3, `${batches} batches`)
    const rows = await db
      .selectFrom('host as h')
      .leftJoin('host_absence as a', 'a.host_id', 'h.id')
      .select(['h.session_controller_id', 'h.lease_left_ms', 'a.cause'])
      .where('h.id', 'in', ids)
      .orderBy('h.name')
      .execute()
    for (const row of rows) {
      assert.equal(row.session_controller_id, null)
      assert.equal(row.cause, 'closed')
      assert.ok(row.lease_left_ms !== null && row.lease_left_ms <= leftByOther_ms(leaseTimes.lease_ms))
    }
    // The first was linked well before it ended; the last perhaps within the same millisecond.
    assert.ok(Number(rows[0]?.lease_left_ms) < leftByOther_ms(leaseTimes.lease_ms))
    // A link that is not known any more says nothing of the host's new one.
    await many[0]?.connect()
    await database.transaction(tx => hostStore.endSessions(tx, [{ host_id: ids[0] ?? '', epoch: 1, left_ms: 1 }]))
    assert.equal((await shown(ids[0])).state, 'up')
    for (const one of many) await one.disconnect()
  })

  test('links that begin at once begin together; one that holds what is not known is seen to alone', async () => {
    const { database } = cloud.cloud
    const many: ObedientHost[] = []
    for (let n = 0; n < 12; n++) many.push(await addHost(cloud, `begin-${n}`))
    const epochs = async () => {
      const rows = await database.db
        .selectFrom('host')
        .select(['name', 'session_epoch'])
        .where('name', 'like', 'begin-%')
        .execute()
      return new Map(rows.map(row => [row.name, row.session_epoch]))
    }
    const before = await epochs()
    await Promise.all(many.map(one => one.disconnect()))
    const [richer, holder] = many as [ObedientHost, ObedientHost]
    Object.assign(richer.facts, { memory_mib: richer.facts.memory_mib + 1024 })
    const limit = (await shown(richer.id)).memory_limit_mib
    const unknown = crypto.randomUUID()
    holder.holds = [{ id: unknown, generation: 3, details_version: 1, power: 'running' }]
    const [together, alone] = [mock.method(hostStore, 'beginSessions'), mock.method(hostStore, 'beginSession')]
    await Promise.all(many.map(one => one.connect()))
    const counts = [together, alone].map(one => one.mock.callCount())
    for (const one of [together, alone]) one.mock.restore()
    assert.ok((counts[0] ?? 0) <= 3, `${counts[0]} batches`)
    assert.equal(counts[1], 1, 'what one of them holds is to be looked at')
    const now = await epochs()
    for (const one of many) {
      assert.equal(now.get(one.name), Number(before.get(one.name)) + 1, 'once each')
      const { state, absence } = await shown(one.id)
      assert.deepEqual([state, absence], ['up', null])
    }
    assert.ok((await shown(richer.id)).memory_limit_mib > limit)
    assert.deepEqual(
      (await shown(holder.id)).disagreements.map(one => one.instance_id),
      [unknown],
    )
    for (const one of many) await one.disconnect()
  })

  test('of two links of one host that begin at once the older has none: its end would be the end of the newer', async () => {
    const { database, self, agents } = cloud.cloud
    const twice = await addHost(cloud, 'twice')
    await twice.disconnect()
    const { id: host_id, facts } = twice
    const said = {
      host_id,
      facts,
      reserved_mib: 0,
      holds: [],
      heard_as_of: 0,
      keeps_leases: true,
      asks_first: true,
      link_address: null,
    }
    const greetings = [true, false].map(is_gone => ({ ...said, isGone: () => is_gone }))
    const [older, newer] = await beginSessions(database, self, greetings)
    assert.equal(older, null)
    assert.ok(newer)
    await agents.reconcile()
  })

  test('a link that the others have written off ends, so that the agent dials again', async () => {
    await setHost({ session_controller_id: null })
    await cloud.cloud.agents.reconcile()
    assert.equal(cloud.cloud.agents.get(host.id), undefined)
    await host.connect()
    assert.equal((await shown()).state, 'up')
  })

  /** A link of this host that says these frames; resolves to why it was ended. */
  async function say(id: string, frames: readonly object[]): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>()
    const session = cloud.cloud.agents.accept(id, { send: () => undefined, close: resolve })
    for (const frame of frames) void session.receive(JSON.stringify(frame))
    const reason = await promise
    await cloud.cloud.agents.closed(session)
    return reason
  }
  const hello = (facts: object) => ({ type: 'hello', protocol: 1, facts, holds: [] })

  test('an old link says nothing about its host any more: not what it has, and not what runs there', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const welcomed = Promise.withResolvers<void>()
    const old = cloud.cloud.agents.accept(host.id, {
      send: frame => frame.type === 'wanted' && welcomed.resolve(),
      close: resolve,
    })
    void old.receive(JSON.stringify(hello(factsOf('h1', { memory_mib: 64_000 }))))
    await welcomed.promise
    // As when the host has joined anew, with another certificate.
    const { session_epoch } = await cloud.cloud.database.db
      .selectFrom('host')
      .select('session_epoch')
      .where('id', '=', host.id)
      .executeTakeFirstOrThrow()
    await setHost({ session_epoch: session_epoch + 1 })
    void old.receive(JSON.stringify({ type: 'facts', facts: factsOf('h1', { memory_mib: 1 }) }))
    await promise
    await cloud.cloud.agents.closed(old)
    assert.equal((await shown()).facts && (await shown()).memory_limit_mib, 64_000 - 1024)
    await host.connect()
  })

  test('a host that claims to be absurdly large, or to have reported for ever, harms no list and no placement', async () => {
    const liar = await addHost(cloud, 'liar', { memory_mib: 8192 })
    await liar.disconnect()
    const facts = factsOf('liar')
    for (const lie of [
      { memory_mib: 2 ** 60 },
      { pool_total_gib: 2 ** 60 },
      { cpus: -1 },
      { os: 'x'.repeat(10_000) },
    ]) {
      assert.match(await say(liar.id, [hello({ ...facts, ...lie })]), /does not fit the protocol/)
    }
    const report = { type: 'report', report: 2 ** 60, whole: false, instances: [] }
    assert.match(await say(liar.id, [hello(facts), report]), /does not fit the protocol/)
    const { status } = await cloud.request('GET', '/v1/hosts')
    assert.equal(status, 200)
    await create('beside-a-liar')
  })

  test('an instance that was recovered while an old report was on its way keeps its claim', async () => {
    const id = await create('recovered')
    const { db } = cloud.cloud.database
    const row = await db.selectFrom('instance').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    await cloud.cloud.database.transaction(tx => instance.giveUpCompute(tx, [{ id, generation: row.generation }]))
    const after = await db.selectFrom('instance').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    assert.equal(after.compute_claimed, true)
  })

  test("a guest's own shutdown does not take back what was wanted since", async () => {
    const id = await create('restarted')
    const { db } = cloud.cloud.database
    const row = await db.selectFrom('instance').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    const followed = await cloud.cloud.database.transaction(tx => instance.followShutdown(tx, id, row.generation - 1))
    assert.equal(followed, false)
    const after = await db.selectFrom('instance').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    assert.equal(after.wanted_power, 'running')
  })
})
