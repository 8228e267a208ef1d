/**
 * A hostile agent: it has a good certificate, knows the ids and marks of others, and says whatever it likes, in the words of the protocol and
 * beyond them. Nothing of another host or of a project that has nothing on it changes by that. What is checked, word for word:
 * docs/design/0014-what-hosts-say.md.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { factsOf, poolOf } from '../../../sim/facts.ts'
import { hostRoutes } from '../../../src/api/host.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { type Migration, migrationRoutes } from '../../../src/api/migration.ts'
import { poolRoutes } from '../../../src/api/pool.ts'
import type { AgentSession } from '../../../src/controller/agents/session.ts'
import { pool as pools } from '../../../src/controller/store/pool.ts'
import type { ControllerFrame } from '../../../src/protocol/messages.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const pool_id = '01890000-0000-7000-8000-0000000000aa'
const big = { cpus: 640, memory_mib: 640_000 }

describe('controller/hostile-agent', { timeout: 120_000 }, () => {
  let cloud: TestCloud
  let victim: ObedientHost
  /** On the victim's pool, in truth. */
  let friend: ObedientHost
  let hostile: ObedientHost
  let body: Record<string, unknown>
  let theirs: Instance
  let volume_id: string
  let lying: Lying | undefined
  /** Of its last report. */
  let number = 0

  before(async () => {
    cloud = await testCloud()
    victim = await addHost(cloud, 'victim', { ...big, pool_id, pool_gib: 50 })
    friend = await addHost(cloud, 'friend', { ...big, pool_id, pool_gib: 50 })
    hostile = await addHost(cloud, 'hostile', { ...big, pool_gib: 70 })
    const [flavor] = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items ?? []
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavor?.id, image_id: await addImage(cloud), networks }
    theirs = await create('theirs', victim)
    volume_id = theirs.volumes[0] ?? ''
    assert.ok(volume_id)
  })
  afterEach(async () => {
    await lying?.end()
    lying = undefined
  })
  after(() => cloud.close())

  /** Linked, and yet to be looked at. */
  async function odd(): Promise<unknown[]> {
    // Foreign domains that it once named would be a reason, too.
    await cloud.cloud.database.db.updateTable('host').set({ foreign_domains: '[]' }).execute()
    const { items = [] } = (await cloud.request('GET', '/v1/hosts?attention=true')).body
    return items.filter(one => one.state === 'up').map(one => one.name)
  }

  async function create(name: string, on: ObedientHost): Promise<Instance> {
    const asked = { body: { ...body, name, host_id: on.id }, headers: { prefer: 'wait=20' } }
    const made = await cloud.request('POST', '/v1/instances', asked)
    assert.equal(on.ended, null, 'the host has lost its link')
    return replyOf(instanceRoutes.create, made).items[0] as Instance
  }
  const hostOf = (id: string) => cloud.call(hostRoutes.get, { params: { host: id } })

  interface Lying {
    session: AgentSession
    told: ControllerFrame[]
    /** Resolves to why its link was ended. */
    ended: Promise<string>
    /** Resolves when it was handled. */
    say(frame: object): Promise<void>
    end(): Promise<void>
  }

  /** The hostile host's own link, on which it says what it likes. */
  async function lie(hello: object = {}, facts: object = {}): Promise<Lying> {
    await hostile.disconnect()
    const told: ControllerFrame[] = []
    const ended = Promise.withResolvers<string>()
    const welcomed = Promise.withResolvers<void>()
    const session = cloud.cloud.agents.accept(hostile.id, {
      address: '198.51.100.66',
      send: frame => {
        told.push(frame)
        if (frame.type === 'welcome') number = frame.last_report
        if (frame.type === 'wanted') welcomed.resolve()
      },
      close: ended.resolve,
    })
    const say = (frame: object) => session.receive(JSON.stringify(frame))
    const said = { ...factsOf('hostile', { ...big, pool_gib: 70 }), ...facts }
    void say({
      type: 'hello',
      protocol: 1,
      facts: said,
      holds: [],
      knows_calls: ['probe'],
      keeps_leases: true,
      ...hello,
    })
    await Promise.race([welcomed.promise, ended.promise])
    const end = () => cloud.cloud.agents.closed(session)
    return (lying = { session, told, ended: ended.promise, say, end })
  }

  /** All rows that are not the hostile host's, as they are. */
  async function others(): Promise<unknown> {
    const { db } = cloud.cloud.database
    const of = async (table: string, column: string) =>
      (
        await sql`select * from ${sql.table(table)} where ${sql.ref(column)} <> ${hostile.id}::uuid order by 1, 2`.execute(
          db,
        )
      ).rows
    const all = async (table: string) => (await sql`select * from ${sql.table(table)} order by 1, 2`.execute(db)).rows
    return {
      hosts: await of('host', 'id'),
      claims: await of('host_claim', 'host_id'),
      held: await of('held_instance', 'host_id'),
      absences: await of('host_absence', 'host_id'),
      instances: await of('instance', 'host_id'),
      volumes: await of('volume', 'host_id'),
      pools: await all('pool'),
      migrations: await all('migration'),
      operations: await all('operation'),
      observed: (
        await sql`select o.* from instance_observed o join instance i on i.id = o.instance_id
          where i.host_id <> ${hostile.id}::uuid order by 1`.execute(db)
      ).rows,
    }
  }

  /** The same, once the others have said what they still had to say of what was before. */
  async function atRest(): Promise<unknown> {
    let last = await others()
    await eventually(async () => {
      const before_it = last
      await new Promise(resolve => setTimeout(resolve, 50))
      last = await others()
      assert.deepEqual(last, before_it)
    })
    return last
  }

  /** Nothing of others changes while this is said. */
  async function harmless(work: () => Promise<unknown>): Promise<void> {
    const before_it = await atRest()
    await work()
    assert.deepEqual(await others(), before_it)
  }

  const reportOf = (id: string, more: object = {}) => ({
    id,
    applied_generation: 1_000_000,
    power: 'absent',
    failure: 'it burns',
    progress: null,
    started_at: null,
    guest_addresses: ['192.0.2.99'],
    stopped_by_guest: true,
    ...more,
  })
  const report = (...instances: object[]) => ({ type: 'report', report: ++number, whole: true, instances })

  test('reports of instances that are not its own are ignored, whatever they say', async () => {
    const { say } = await lie()
    await harmless(async () => {
      await say(report(reportOf(theirs.id), reportOf(randomUUID())))
      await say(report(reportOf(theirs.id, { power: 'running', failure: null, kept_volumes: [volume_id] })))
      await say(report(reportOf(theirs.id, { refused: true, power: 'stopped' })))
      for (const phase of ['ready', 'switched', 'failed', 'cancelled'] as const)
        await say(report(reportOf(theirs.id, { migration: { id: randomUUID(), phase, reason: null } })))
      await say({ type: 'volumes_gone', ids: [volume_id, randomUUID()] })
      await say({ type: 'foreign', domains: [{ uuid: theirs.id, name: 'theirs', state: 'running' }] })
    })
    assert.equal((await hostOf(hostile.id)).state, 'up', 'it did not break the protocol')
  })

  test('what it says that it holds marks nothing of others', async () => {
    await harmless(async () => {
      const hold = {
        id: theirs.id,
        generation: 2 ** 40,
        details_version: 2 ** 40,
        power: 'purged',
        reboot_count: 2 ** 20,
      }
      const { say, told } = await lie({ holds: [hold, { ...hold, id: randomUUID(), power: 'running' }] })
      const welcome = told.find(frame => frame.type === 'welcome')
      assert.ok(welcome?.type === 'welcome')
      const shown = victim.wanted.get(theirs.id) as WantedInstance
      // Held under the other's id, and as nothing that it was asked to show.
      await say({
        type: 'held',
        instances: [
          { ...shown, power: 'purged' },
          { ...shown, id: randomUUID() },
        ],
      })
    })
  })

  test('versions near the end of all numbers are refused: what follows them would fit no frame, on no host', async () => {
    await hostile.connect()
    const own = await create('own', hostile)
    const { db } = cloud.cloud.database
    const end = { id: own.id, generation: 0, details_version: 2 ** 52, power: 'running' }
    assert.match(await (await lie({ holds: [end] })).ended, /does not fit the protocol/)
    const shown = hostile.wanted.get(own.id) as WantedInstance
    const beyond = await lie()
    void beyond.say({ type: 'held', instances: [{ ...shown, reboot_count: 2 ** 30 }] })
    assert.match(await beyond.ended, /beyond all that can be/)
    // As far as it may: the host to which it goes next is still told of it.
    const row = await db.selectFrom('instance').select('generation').where('id', '=', own.id).executeTakeFirstOrThrow()
    await lie({ holds: [{ ...end, generation: row.generation, details_version: 2 ** 51 }] })
    await lying?.end()
    await hostile.connect()
    const moved = await cloud.request('POST', `/v1/instances/${own.id}/migrate`, {
      body: { host_id: friend.id },
      headers: { prefer: 'wait=20' },
    })
    assert.equal(moved.status, 202, JSON.stringify(moved.body))
    // Until then the host that it left still has its claim.
    assert.equal((await ended((moved.body.migration as { id: string }).id)).outcome, 'succeeded')
    await eventually(async () => {
      assert.equal((await hostOf(friend.id)).state, 'up')
      assert.equal((await cloud.call(instanceRoutes.get, { params: { instance: own.id } })).state, 'running')
    })
  })

  test('its samples are of its own instances alone; not of one that is only on its way to it', async () => {
    const measured = {
      cpus: 1,
      cpu_s: 1,
      memory_used_bytes: 1,
      memory_size_bytes: 1,
      disks: [],
      nics: [],
    }
    const { say } = await lie()
    const sample = { type: 'samples', taken_ms: 1, host: null, instances: [{ id: theirs.id, ...measured }] }
    const packed = [{ id: theirs.id, cpus: 1, disks: '', nics: '', values: [1, 1, 1] }]
    await say(sample)
    await say({ ...sample, instances: [], packed })
    assert.equal(cloud.cloud.metrics.latest(theirs.id), undefined)
    const asked = await cloud.request('POST', `/v1/instances/${theirs.id}/migrate`, { body: { host_id: hostile.id } })
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    const { id } = asked.body.migration as { id: string }
    await eventually(() => assert.ok(prepared(theirs.id)))
    await say(sample)
    await say({ ...sample, instances: [], packed })
    assert.equal(cloud.cloud.metrics.latest(theirs.id), undefined)
    await say(report({ ...reportOf(theirs.id), migration: { id, phase: 'failed', reason: 'no' } }))
    await say(report(reportOf(theirs.id)))
    await ended(id)
  })

  /** It was told to make ready for this instance. */
  const prepared = (id: string) =>
    lying?.told.some(
      frame =>
        frame.type === 'wanted' && frame.instances.some(one => one.id === id && one.migration?.step === 'prepare'),
    )
  async function ended(id: string): Promise<Migration> {
    return await eventually(async () => {
      const found = await cloud.call(migrationRoutes.get, { params: { migration: id } })
      assert.equal(found.phase, 'ended')
      return found
    })
  }

  test('a host that goes to it is dialled nowhere but where it is known to be', async () => {
    const { say, told } = await lie()
    for (const address of [
      '127.0.0.1:7072',
      '[::1]:7072',
      '169.254.169.254:80',
      '[fe80::1]:22',
      `${victim.facts.tunnel_address}:7072`,
      '198.51.100.1:5432',
      'database.example:5432',
      '0.0.0.0:1',
      '198.51.100.66',
      '198.51.100.66:0',
    ]) {
      told.length = 0
      victim.sent.clear()
      const asked = await cloud.request('POST', `/v1/instances/${theirs.id}/migrate`, { body: { host_id: hostile.id } })
      assert.equal(asked.status, 202, JSON.stringify(asked.body))
      const { id } = asked.body.migration as { id: string }
      await eventually(() => assert.ok(prepared(theirs.id)))
      const word = { migration: { id, phase: 'ready', reason: null, address } }
      await say(report(reportOf(theirs.id, { power: 'stopped', failure: null, ...word })))
      await eventually(() =>
        assert.ok(
          told.some(frame => frame.type === 'wanted' && frame.instances.some(one => one.migration?.step === 'discard')),
          address,
        ),
      )
      await say(report(reportOf(theirs.id)))
      const { outcome, reason } = await ended(id)
      assert.equal(outcome, 'failed', address)
      assert.match(String(reason), /not known to be its own|did not say where it listens/, address)
      assert.ok(!victim.sent.has(theirs.id), `the source was sent to ${address}`)
      const now = await cloud.call(instanceRoutes.get, { params: { instance: theirs.id } })
      assert.deepEqual([now.host_id, now.state], [victim.id, 'running'])
    }
  })

  test('what is said of a move counts only from its two hosts', async () => {
    victim.sends = 'on-and-on'
    victim.sent.clear()
    const asked = await cloud.request('POST', `/v1/instances/${theirs.id}/migrate`, { body: { host_id: friend.id } })
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    const { id } = asked.body.migration as { id: string }
    const look = () => cloud.call(migrationRoutes.get, { params: { migration: id } })
    await eventually(async () => assert.equal((await look()).percent, 50))
    const { say } = await lie()
    await harmless(async () => {
      const words = [
        { phase: 'sending', asks: randomUUID() },
        { phase: 'ready', never: 'n'.repeat(43) },
        { phase: 'switched' },
      ]
      for (const word of words)
        await say(report(reportOf(theirs.id, { power: 'paused', migration: { id, reason: null, ...word } })))
    })
    victim.sends = 'through'
    await cloud.request('POST', `/v1/migrations/${id}/cancel`)
    assert.equal((await ended(id)).outcome, 'cancelled')
  })

  test('who names a pool without knowing what lies in it shares nothing of it, and says nothing about it', async () => {
    const poolNow = () => cloud.call(poolRoutes.get, { params: { pool: pool_id } })
    const lies = { pool_id, pool_total_gib: 0, pool_free_gib: 0 }
    for (const secret of [{}, { pool_secret: 'guessed and guessed' }]) {
      await harmless(async () => {
        const { say } = await lie({}, { ...lies, ...secret })
        await say({ type: 'facts', facts: { ...factsOf('hostile', big), ...lies, ...secret, pool_total_gib: 2 ** 32 } })
      })
      assert.deepEqual(
        (await poolNow()).hosts.map(one => one.name),
        ['friend', 'victim'],
      )
      assert.equal((await poolNow()).total_gib, 50)
      const shown = await hostOf(hostile.id)
      assert.equal(shown.pool_id, null)
      assert.match(String(shown.disbelieved[0]), /names the pool .* does not know what lies in its directory/)
      assert.deepEqual(await odd(), ['hostile'])
      assert.equal(JSON.stringify(shown).includes('guessed'), false, 'a secret is shown to nobody')
    }
    const { db, transaction } = cloud.cloud.database
    assert.equal(await transaction(tx => pools.neighbour(tx, victim.id, true)), friend.id)
    assert.equal(await transaction(tx => pools.neighbour(tx, hostile.id, false)), null)
    await lying?.end()
    // One that reads the directory shares it.
    await lie({}, poolOf(pool_id))
    assert.equal((await hostOf(hostile.id)).pool_id, pool_id)
    await lying?.end()
    await db.updateTable('host').set({ pool_id: null }).where('id', '=', hostile.id).execute()
    // What it has of disk goes with it: it may be given back any moment.
    await sql`with own as (select coalesce(sum(size_gib), 0)::bigint as gib from volume where host_id = ${hostile.id}::uuid),
        left_pool as (update pool set claimed_gib = claimed_gib - own.gib from own where id = ${pool_id}::uuid)
      update host_claim set pool_id = null, disk_gib = own.gib from own where host_id = ${hostile.id}::uuid`.execute(db)
  })

  test('it is asked about by the address that it was registered with, until an operator says otherwise', async () => {
    await lie()
    const registered = (await hostOf(hostile.id)).tunnel_address
    assert.equal(registered, factsOf('hostile').tunnel_address)
    for (const tunnel_address of [String(victim.facts.tunnel_address), '127.0.0.1', '169.254.169.254', 'nowhere']) {
      await lie({}, { tunnel_address })
      const shown = await hostOf(hostile.id)
      assert.equal(shown.tunnel_address, registered)
      assert.match(String(shown.disbelieved[0]), /it was registered at/)
      assert.deepEqual(await odd(), ['hostile'], tunnel_address)
    }
    // Where its link comes from it surely is.
    await lie({}, { tunnel_address: '198.51.100.66' })
    assert.equal((await hostOf(hostile.id)).tunnel_address, '198.51.100.66')
    assert.deepEqual(await odd(), [])
    const path = `/v1/hosts/${hostile.id}`
    assert.equal((await cloud.request('PATCH', path, { body: { tunnel_address: '127.0.0.1' } })).status, 422)
    assert.equal((await cloud.request('PATCH', path, { body: { tunnel_address: '198.51.100.7' } })).status, 200)
    assert.equal((await hostOf(hostile.id)).tunnel_address, '198.51.100.7')
    assert.equal((await cloud.request('PATCH', path, { body: { tunnel_address: null } })).status, 200)
    await lie()
    assert.equal((await hostOf(hostile.id)).tunnel_address, registered)
  })

  test('an answer counts only from who was asked; a stream only from who was to dial', async () => {
    const { say } = await lie()
    const calls: string[] = []
    victim.onCall = (params, call) => {
      // It may be asked whom it reaches at any time.
      if (params.method === 'probe' && params.address === '192.0.2.1') calls.push(call)
      return { error: 'later' }
    }
    const hold = Promise.withResolvers<void>()
    const answer = victim.answer.bind(victim)
    victim.answer = (...said) => void hold.promise.then(() => answer(...said))
    const asked = cloud.cloud.calls.ask(
      victim.id,
      { method: 'probe', address: '192.0.2.1', ports: [22], timeout_ms: 100 },
      { timeout_ms: 10_000 },
    )
    asked.catch(() => undefined)
    await eventually(() => assert.equal(calls.length, 1))
    await say({ type: 'answer', call: calls[0], result: { reached: 'service' } })
    await say({ type: 'answer', call: randomUUID(), result: { reached: 'service' } })
    hold.resolve()
    await assert.rejects(asked, /later/)
    victim.onCall = null

    let token = ''
    victim.onCall = params => {
      if (params.method === 'stream') token = params.token
      return { result: {} }
    }
    const opened = cloud.cloud.streams.open(victim, {
      kind: 'log',
      instance_id: theirs.id,
      tail_bytes: 1,
      follow: false,
    })
    opened.catch(() => undefined)
    await eventually(() => assert.notEqual(token, ''))
    assert.equal(cloud.cloud.streams.arrive(hostile.id, token, {} as never), false)
    victim.onCall = null
    assert.equal(cloud.cloud.streams.arrive(victim.id, token, { pause() {}, close() {} } as never), true)
    await opened
  })

  test('leases are its own: whatever its pings say, no other host is granted or denied anything', async () => {
    await harmless(async () => {
      const { say, told } = await lie()
      told.length = 0
      for (const sent_ms of [-1, 0, 2 ** 60, 1e300]) await say({ type: 'ping', sent_ms })
      assert.equal(told.filter(frame => frame.type === 'pong').length, 4)
    })
  })

  test('absurd sizes end its link, and break no list of others', async () => {
    const facts = factsOf('hostile', big)
    const pci = Array.from({ length: 12_000 }, () => ({ address: 'x'.repeat(200), vendor: '', device: '', class: '' }))
    const numa = [0, 1].map(node => ({ node, cpus: Array.from({ length: 40_000 }, (_, n) => n), memory_mib: 1 }))
    for (const lies of [
      { pci },
      { numa },
      { hostname: 'a\0b' },
      { os: 'half \ud800 a pair' },
      { pool_total_gib: 2 ** 60 },
      { memory_mib: -1 },
    ]) {
      const reason = await (await lie({}, lies)).ended
      assert.match(reason, /does not fit the protocol|NUL character/)
    }
    // All memory there is, and more, as huge pages: shown as no more than there is.
    await lie({}, { huge_pages: [{ size_kib: 2 ** 32, total: 2 ** 32 }] })
    const listed = await cloud.request('GET', '/v1/hosts')
    assert.equal(listed.status, 200, JSON.stringify(listed.body))
    const { say, ended: over } = await lie()
    void say({
      type: 'foreign',
      domains: Array.from({ length: 2000 }, () => ({ uuid: randomUUID(), name: 'x'.repeat(500), state: '' })),
    })
    assert.match(await over, /list of domains is larger/)
    assert.ok(facts.cpus > 0)
  })

  test('a report that the database does not take fails alone: those of others that come with it are applied', async () => {
    await hostile.connect()
    const own = await create('poison', hostile)
    const { say, ended: over } = await lie()
    const poisoned = say(report({ ...reportOf(own.id), applied_generation: 0, started_at: '2024-99-99T99:99:99Z' }))
    victim.tell({ guest_addresses: ['192.0.2.7'] }, [theirs.id])
    await poisoned
    assert.match(await over, /date|time/)
    await eventually(async () => {
      const now = await cloud.call(instanceRoutes.get, { params: { instance: theirs.id } })
      assert.deepEqual(now.guest_addresses, ['192.0.2.7'])
    })
  })
})
