/** How machines become hosts: by token, by approval, again; and how those do not who only say that they are one. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { createControllerClient } from '../../../src/agent/drivers/controller-client.ts'
import type { Identity } from '../../../src/agent/identity.ts'
import { type JoinOptions, joinHost, type Waiting } from '../../../src/agent/join.ts'
import { leaveCloud } from '../../../src/agent/join-request.ts'
import { buildLinkServer } from '../../../src/controller/agents/link-server.ts'
import { caFingerprint, serverCertificate } from '../../../src/controller/app/authority.ts'
import { keepLease } from '../../../src/controller/reconcilers/controllers.ts'
import { host } from '../../../src/controller/store/host.ts'
import { pool } from '../../../src/controller/store/pool.ts'
import { linkUrlOf } from '../../../src/protocol/join.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost } from '../../support/obedient-host.ts'
import { scratch } from '../../support/scratch.ts'

describe('controller/joining', () => {
  let cloud: TestCloud
  let link: FastifyInstance
  let controller_url: string
  let folder: string
  let ca_sha256: Buffer

  before(async () => {
    folder = await scratch('croft-joining')
    cloud = await testCloud()
    const tls = await serverCertificate(cloud.cloud, ['localhost', '127.0.0.1'])
    link = buildLinkServer(cloud.cloud, { tls, rate: { per_s: 1000, burst: 1000 } })
    controller_url = await link.listen({ host: '127.0.0.1', port: 0 })
    ca_sha256 = Buffer.from(await caFingerprint(cloud.cloud), 'base64url')
  })
  after(async () => {
    await link.close()
    await cloud.close()
    await rm(folder, { recursive: true })
  })
  beforeEach(() => letAsk(true))

  /** Settings are read anew after the answer; here at once. */
  async function letAsk(value: boolean): Promise<void> {
    await cloud.request('PUT', '/v1/settings/host.self_registration', { body: { value } })
    await cloud.cloud.settings.read(cloud.cloud.database.db)
  }

  const newState = () => mkdtemp(join(folder, 'state-'))

  async function token(body: object = {}): Promise<string> {
    const invited = await cloud.request('POST', '/v1/host-invitations', { body })
    assert.equal(invited.status, 201, JSON.stringify(invited.body))
    return String(invited.body.token)
  }

  /** A machine that joins, or waits to be let in. */
  function machine(options: Omit<Partial<JoinOptions>, 'controller_url'> & { machine_id: string; state_dir: string }) {
    const waits = Promise.withResolvers<Waiting>()
    const end = new AbortController()
    const with_ca = options.token === undefined && { ca_sha256 }
    const joined = joinHost({
      controller_url,
      name: 'm1',
      ...with_ca,
      ...options,
      waiting: waits.resolve,
      signal: end.signal,
    })
    const told = Promise.race([waits.promise, joined.then(() => null)])
    for (const one of [joined, told]) one.catch(() => undefined)
    return { joined, waits: told, end: () => end.abort() }
  }

  async function pending(name: string): Promise<Record<string, unknown>> {
    const { body } = await cloud.request('GET', `/v1/host-registrations?state=pending&name=${name}`)
    assert.equal(body.items?.length, 1, JSON.stringify(body))
    return body.items?.[0] ?? {}
  }

  const approve = (one: Record<string, unknown>, body: object = {}) =>
    cloud.request('POST', `/v1/host-registrations/${String(one.id)}/approve`, { body })

  async function dials(identity: Identity): Promise<boolean> {
    const client = createControllerClient(identity)
    const url = `${controller_url.replace('https', 'wss')}/agent/v1/link`
    const outcome = await client.dial(url, { message() {}, closed() {} }).then(
      connection => (connection.close(), true),
      () => false,
    )
    client.close()
    return outcome
  }

  test('a token and a machine id that is no secret give nobody the certificate of the host that has it', async () => {
    const machine_id = 'machine-of-the-victim'
    const victim = await joinHost({
      controller_url,
      token: await token(),
      state_dir: await newState(),
      name: 'victim',
      machine_id,
    })
    const thief = machine({ token: await token(), state_dir: await newState(), name: 'victim', machine_id })
    const told = await thief.waits
    assert.match(told?.why ?? '', /has the machine id of the host victim, and not its key/)
    assert.equal(await dials(victim), true)
    const one = await pending('victim')
    assert.equal(one.code, told?.code)
    assert.deepEqual(one.same_machine, { id: victim.host_id, name: 'victim', linked: false })
    // As a new host it cannot be let in by mistake either.
    assert.equal((await approve(one)).body.code, 'conflict')
    assert.equal((await cloud.request('POST', `/v1/host-registrations/${String(one.id)}/reject`)).status, 200)
    await assert.rejects(thief.joined, /turned this machine away/)
    assert.equal(await dials(victim), true)
  })

  test('who has the old key joins again as the same host, with any token, or none', async () => {
    const state_dir = await newState()
    const machine_id = 'machine-again'
    const ask = async (given: object) =>
      await joinHost({ controller_url, state_dir, name: 'again', machine_id, hardware: {}, ...given })
    const first = await ask({ token: await token() })
    const second = await ask({ token: await token() })
    // Its name and its machine id may be others by now.
    const other = { name: 'renamed', machine_id: 'machine-other', hardware: {} }
    const third = await joinHost({ controller_url, state_dir, ca_sha256, ...other })
    assert.deepEqual([second.host_id, third.host_id], [first.host_id, first.host_id])
    assert.equal(third.name, 'again')
    assert.deepEqual([await dials(first), await dials(second), await dials(third)], [false, false, true])
    assert.deepEqual(await readdir(state_dir), ['identity.json'])
  })

  test('an answer that is lost costs nothing: the same key asks again, and another one gets nothing for the token', async () => {
    const used = await token()
    const state_dir = await newState()
    const machine_id = 'machine-lost'
    const first = await joinHost({ controller_url, token: used, state_dir, name: 'lost', machine_id })
    // As it was before the answer came: the key on disk, and no identity.
    const again_dir = await newState()
    await writeFile(join(again_dir, 'join-key.pem'), first.key_pem)
    const again = await joinHost({ controller_url, token: used, state_dir: again_dir, name: 'lost', machine_id })
    assert.equal(again.host_id, first.host_id)
    await assert.rejects(
      joinHost({ controller_url, token: used, state_dir: await newState(), name: 'lost', machine_id }),
      /token is not valid/,
    )
  })

  test('invitations are listed without their tokens: who made them, what became of them; one that is taken back lets nobody in', async () => {
    const list = async (query = '') => (await cloud.request('GET', `/v1/host-invitations?${query}`)).body.items ?? []
    const [made, taken] = [
      (await cloud.request('POST', '/v1/host-invitations', { body: { minutes: 5 } })).body,
      (await cloud.request('POST', '/v1/host-invitations', { body: {} })).body,
    ]
    const open = async (id: unknown) => (await list('state=open')).find(one => one.id === id)
    const shown = await open(made.id)
    assert.deepEqual([shown?.user, shown?.expires_at, shown?.used_at], ['admin', made.expires_at, null])
    assert.ok(!JSON.stringify(await list()).includes(String(made.token).split('.')[2] ?? ''))
    const soonest = await list('state=open&sort=expires_at')
    assert.deepEqual(soonest[0]?.id, made.id)
    assert.equal((await cloud.request('DELETE', `/v1/host-invitations/${String(taken.id)}`)).status, 204)
    assert.equal((await cloud.request('DELETE', `/v1/host-invitations/${String(taken.id)}`)).status, 404)
    assert.equal(await open(taken.id), undefined)
    const join = async (with_token: unknown) =>
      await joinHost({
        controller_url,
        token: String(with_token),
        state_dir: await newState(),
        name: 'invited',
        machine_id: 'machine-invited',
      })
    await assert.rejects(join(taken.token), /token is not valid/)
    const joined = await join(made.token)
    const used = (await list('state=used')).find(one => one.id === made.id)
    assert.deepEqual([used?.host_id, used?.host], [joined.host_id, 'invited'])
  })

  test('without a token: it waits, an operator compares the code and approves, and it has its certificate at once', async () => {
    const state_dir = await newState()
    const one = machine({ state_dir, name: 'self', machine_id: 'machine-self' })
    const told = await one.waits
    const row = await pending('self')
    assert.equal(row.code, told?.code)
    assert.deepEqual([row.address, row.invited, row.same_machine, row.same_name], ['127.0.0.1', false, null, null])
    assert.equal((row.found as Record<string, unknown>).cpus, cpus().length)
    const zone_id = (await cloud.request('GET', '/v1/zones')).body.items?.[0]?.id
    const { body: rack1 } = await cloud.request('POST', '/v1/clusters', { body: { name: 'rack1', zone_id } })
    const approved = await approve(row, { name: 'rack1-self', cluster_id: rack1.id })
    assert.equal(approved.body.state, 'approved', JSON.stringify(approved.body))
    assert.equal(approved.body.cluster_id, rack1.id)
    const identity = await one.joined
    assert.deepEqual([identity.host_id, identity.name], [approved.body.host_id, 'rack1-self'])
    const known = (await cloud.request('GET', `/v1/host-registrations/${String(row.id)}`)).body
    assert.deepEqual([known.same_machine, known.same_name], [null, null], 'of itself nobody is warned')
    assert.equal(await dials(identity), true)
    assert.equal((await approve(row)).body.code, 'wrong_state')
  })

  test('killed while it waits, it is the same one when it asks again, also after it was approved', async () => {
    const state_dir = await newState()
    const given = { state_dir, name: 'killed', machine_id: 'machine-killed' }
    const first = machine(given)
    const told = await first.waits
    first.end()
    await assert.rejects(first.joined)
    const row = await pending('killed')
    const second = machine(given)
    assert.equal((await second.waits)?.code, told?.code)
    second.end()
    await assert.rejects(second.joined)
    assert.equal((await pending('killed')).id, row.id)
    assert.equal((await approve(row)).status, 200)
    const identity = await joinHost({ controller_url, ca_sha256, ...given })
    assert.equal(await dials(identity), true)
  })

  test('a host installed anew comes back as itself when an operator says so, and its instances show what became of them', async () => {
    const old = await joinHost({
      controller_url,
      token: await token(),
      state_dir: await newState(),
      name: 'anew',
      machine_id: 'machine-anew',
    })
    const one = machine({ state_dir: await newState(), name: 'anew', machine_id: 'machine-anew-2' })
    await one.waits
    const row = await pending('anew')
    assert.deepEqual(row.same_name, { id: old.host_id, name: 'anew', linked: false })
    const approved = await approve(row, { replaces_host_id: old.host_id })
    assert.equal(approved.status, 200, JSON.stringify(approved.body))
    assert.deepEqual([approved.body.same_machine, approved.body.same_name], [null, null], 'it is that one')
    const back = await one.joined
    assert.deepEqual([back.host_id, back.name], [old.host_id, 'anew'])
    assert.deepEqual([await dials(old), await dials(back)], [false, true])
    // A token can say the same beforehand.
    const third = await joinHost({
      controller_url,
      token: await token({ replaces_host_id: old.host_id }),
      state_dir: await newState(),
      name: 'whatever',
      machine_id: 'machine-anew-3',
    })
    assert.deepEqual([third.host_id, third.name], [old.host_id, 'anew'])
  })

  test('a machine with the name of a host that does not answer is no new host by mistake', async () => {
    const given = { token: await token(), state_dir: await newState(), name: 'gone', machine_id: 'machine-gone' }
    const old = await joinHost({ controller_url, ...given })
    const one = machine({ state_dir: await newState(), name: 'gone', machine_id: 'machine-gone-2' })
    await one.waits
    const row = await pending('gone')
    const refused = await approve(row)
    assert.deepEqual([refused.status, refused.body.code, refused.body.host_id], [409, 'conflict', old.host_id])
    assert.match(String(refused.body.detail), /host gone that does not answer.* --replaces-host gone .* --as-new/)
    assert.equal((await pending('gone')).id, row.id, 'it waits on')
    assert.equal((await approve(row, { as_new: true })).status, 200)
    assert.equal((await one.joined).name, 'gone-2')
    // Who names it has looked.
    const named = machine({ state_dir: await newState(), name: 'gone', machine_id: 'machine-gone-3' })
    await named.waits
    assert.equal((await approve(await pending('gone'), { name: 'rack9' })).status, 200)
    assert.equal((await named.joined).name, 'rack9')
  })

  test('a host that is linked is replaced by nobody', async () => {
    const live = await addHost(cloud, 'live')
    const one = machine({ state_dir: await newState(), name: 'live', machine_id: 'machine-of-nobody' })
    await one.waits
    const refused = await approve(await pending('live'), { replaces_host_id: live.id })
    assert.equal(refused.body.code, 'wrong_state')
    // Whose name is taken gets one with a number.
    assert.equal((await approve(await pending('live'))).status, 200)
    assert.equal((await one.joined).name, 'live-2')
    await assert.rejects(
      joinHost({ controller_url, ca_sha256, state_dir: await newState(), name: 'clone', machine_id: 'machine-live' }),
      /is linked right now/,
    )
    await live.disconnect()
  })

  test('machines that nobody asked for: refused by default, bounded where they may ask', async () => {
    await letAsk(false)
    const ask = async (n: number) =>
      machine({ state_dir: await newState(), name: `crowd-${n}`, machine_id: `machine-crowd-${n}` })
    await assert.rejects((await ask(0)).joined, /takes no hosts without a token/)
    await letAsk(true)
    const crowd = await Promise.all(Array.from({ length: 60 }, (_, n) => ask(n)))
    const outcomes = await Promise.all(crowd.map(one => one.waits.catch((error: Error) => error)))
    const refused = outcomes.filter(one => one instanceof Error)
    assert.ok(
      refused.length >= 10 && refused.every(one => /Too many machines wait/.test(one.message)),
      String(refused[0]),
    )
    for (const one of crowd) one.end()
    await Promise.allSettled(crowd.map(one => one.joined))
    const { db } = cloud.cloud.database
    await db.deleteFrom('host_registration').where('hostname', 'like', 'crowd-%').execute()
  })

  test('an address that asks without end is told to wait', async () => {
    const tls = await serverCertificate(cloud.cloud, ['localhost', '127.0.0.1'])
    const slow = buildLinkServer(cloud.cloud, { tls, rate: { per_s: 0.001, burst: 2 } })
    const send = () => slow.inject({ method: 'POST', url: '/agent/v1/join', payload: {} })
    assert.deepEqual([(await send()).statusCode, (await send()).statusCode], [422, 422])
    const third = await send()
    assert.equal(third.statusCode, 429)
    assert.ok(Number(third.headers['retry-after']) >= 1)
    assert.equal((await slow.inject({ method: 'POST', url: '/agent/v1/register', payload: {} })).statusCode, 429)
    await slow.close()
  })

  test('the rate of joining follows its setting', async () => {
    const tls = await serverCertificate(cloud.cloud, ['localhost', '127.0.0.1'])
    const usual = buildLinkServer(cloud.cloud, { tls })
    const send = async () => (await usual.inject({ method: 'POST', url: '/agent/v1/join', payload: {} })).statusCode
    const set = async (value: number) => {
      await cloud.request('PUT', '/v1/settings/host.joins_per_s', { body: { value } })
      await cloud.cloud.settings.read(cloud.cloud.database.db)
    }
    await set(1)
    const answered: number[] = []
    // As many at once as are let in; perhaps some more, as time passes meanwhile.
    while (answered.at(-1) !== 429 && answered.length < 200) answered.push(await send())
    assert.ok(answered.length > 40 && answered.at(-1) === 429, answered.join(' '))
    await set(1_000_000)
    // At the new rate the bucket is full again in no time.
    await eventually(async () => assert.equal(await send(), 422))
    await usual.close()
  })

  test('while the lease of every controller has lapsed, a host is told of the one that answers', async () => {
    const { db } = cloud.cloud.database
    await db
      .updateTable('controller')
      .set({ lease_until: new Date(0) })
      .execute()
    const { link_urls } = await joinHost({
      controller_url,
      token: await token(),
      state_dir: await newState(),
      name: 'lapsed',
      machine_id: 'machine-lapsed',
    })
    assert.deepEqual(link_urls, [linkUrlOf(cloud.cloud.self.agent_url)])
    await keepLease(cloud.cloud)
  })

  test('a host leaves when nothing is on it, and is known no longer', async () => {
    const state_dir = await newState()
    const joined = await joinHost({
      controller_url,
      token: await token(),
      state_dir,
      name: 'leaver',
      machine_id: 'machine-leaver',
    })
    const identity = { ...joined, link_urls: [controller_url.replace('https', 'wss')] }
    const { db } = cloud.cloud.database
    const volume = { id: crypto.randomUUID(), project_id: cloud.project_id, host_id: identity.host_id, name: 'kept' }
    await db
      .insertInto('volume')
      .values({ ...volume, role: 'data', size_gib: 1 })
      .execute()
    await assert.rejects(leaveCloud(identity), /still holds 0 instances .* 1 volume /)
    assert.equal(await dials(identity), true)
    // In a pool that other hosts have, too, one of them sees to it from then on: none that goes at the same moment.
    const pool_id = crypto.randomUUID()
    const [one, other] = [
      await addHost(cloud, 'mate-1', {}, { pool_id }),
      await addHost(cloud, 'mate-2', {}, { pool_id }),
    ]
    const [goes = one, stays = other] = [one, other].sort((a, b) => (a.id < b.id ? -1 : 1))
    await db.updateTable('host').set({ pool_id }).where('id', '=', identity.host_id).execute()
    const leaving = await cloud.cloud.database.transaction(async tx => {
      await pool.lockOfHost(tx, goes.id)
      await host.remove(tx, goes.id)
      const left = leaveCloud(identity)
      const waits = eventually(async () => {
        const { rows } = await sql`select from pg_locks where not granted and locktype = 'advisory'
          and database = (select oid from pg_database where datname = current_database())`.execute(db)
        assert.equal(rows.length, 1)
      })
      await Promise.race([left, waits])
      return { left }
    })
    assert.equal(await leaving.left, true)
    assert.equal(await dials(identity), false)
    const kept = await db.selectFrom('volume').select('host_id').where('id', '=', volume.id).executeTakeFirst()
    assert.equal(kept?.host_id, stays.id)
    await db.deleteFrom('volume').where('id', '=', volume.id).execute()
    // Killed before it heard of it: asking again does no harm.
    assert.equal(await leaveCloud(identity), false)
    assert.equal((await cloud.request('GET', `/v1/hosts/${identity.host_id}`)).status, 404)
  })
})
