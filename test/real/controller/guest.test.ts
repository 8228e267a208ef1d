/** What a guest's agent makes possible, as the controller sees it: passwords that are nowhere kept, and what the guest says. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { AgentCall, InstanceReport } from '../../../src/protocol/messages.ts'
import { type AskOptions, type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

describe('controller/guest', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let id: string

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1')
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const made = await cloud.request('POST', '/v1/instances', {
      body: { name: 'web', flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks },
      headers: { prefer: 'wait=10' },
    })
    id = String(made.body.items?.[0]?.id)
    assert.equal((await shown()).state, 'running')
  })
  after(() => cloud.close())

  const shown = () => cloud.call(instanceRoutes.get, { params: { instance: id } })
  const reset = (body: object, options: AskOptions = {}) =>
    cloud.request('POST', `/v1/instances/${id}/password`, { body, ...options })
  /** Lets the host say something, and waits for the event that it makes. */
  const told = async (change: Partial<InstanceReport>) => {
    const heard = Promise.withResolvers<void>()
    const stop = cloud.cloud.events.watch(events => {
      if (events.some(one => one.resource_id === id)) heard.resolve()
    })
    host.tell(change)
    await heard.promise
    stop()
  }
  const answering = (outcome: string, calls: AgentCall[] = []) => {
    host.onCall = params => {
      // Who was away is asked whom it reaches, whenever that comes.
      if (params.method === 'probe') return { result: { reached: 'none' } }
      calls.push(params)
      return { result: { outcome } }
    }
    return calls
  }

  test('a password is made, set and shown once, whatever the Idempotency-Key; a given one is not shown', async () => {
    const calls = answering('done')
    const headers = { 'idempotency-key': 'once' }
    const first = await reset({}, { headers })
    assert.equal(first.status, 200, JSON.stringify(first.body))
    assert.match(String(first.body.password), /^[A-Za-z2-9]{20}$/)
    assert.equal(first.body.user, 'root')
    assert.deepEqual(calls, [{ method: 'set_password', instance_id: id, user: 'root', password: first.body.password }])
    const second = await reset({}, { headers })
    assert.notEqual(second.body.password, first.body.password)
    const given = await reset({ user: 'debian', password: 'correct horse battery' })
    assert.equal(given.body.password, null)
    assert.partialDeepStrictEqual(calls[2], { user: 'debian', password: 'correct horse battery' })
  })

  test('no table of the database holds it', async () => {
    const calls = answering('done')
    await reset({ password: 'nowhere-to-be-found' }, { headers: { 'idempotency-key': 'kept' } })
    await reset({}, { headers: { 'idempotency-key': 'kept too' } })
    const made = calls.map(call => ('password' in call ? call.password : ''))
    assert.equal(made.length, 2)
    const { db } = cloud.cloud.database
    for (const table of ['event', 'audit', 'operation', 'idempotency', 'secret', 'instance'] as const) {
      const text = JSON.stringify(await db.selectFrom(table).selectAll().execute())
      for (const password of made) assert(!text.includes(password), table)
    }
    const audits = await db.selectFrom('audit').selectAll().where('action', '=', 'instance.reset-password').execute()
    assert(audits.length > 0)
    assert(audits.every(row => row.resource_id === id))
  })

  test('each reason why not has words that say what to do, and is audited', async () => {
    const expected = {
      not_running: [409, /not running/],
      no_agent: [409, /install qemu-guest-agent/],
      silent: [503, /did not answer in time/],
      refused: [422, /no such user/],
      busy: [503, /Try again/],
    } as const
    for (const [outcome, [status, words]] of Object.entries(expected)) {
      answering(outcome)
      const { status: got, body } = await reset({ user: 'nobody-here' })
      assert.equal(got, status, outcome)
      assert.match(String(body.detail), words)
    }
    host.onCall = () => ({ error: 'libvirtd does not answer' })
    const failed = await reset({})
    assert.equal(failed.body.code, 'unavailable')
    assert.match(String(failed.body.detail), /libvirtd does not answer/)
  })

  test('wrong users and passwords are refused without the host being asked', async () => {
    const calls = answering('done')
    for (const body of [
      { user: 'a:b' },
      { user: 'a\nb' },
      { password: 'short' },
      { password: 'two\nlines of it' },
      { usr: 1 },
    ]) {
      const refused = await reset(body)
      assert.equal(refused.status, 422, JSON.stringify(body))
      assert(!JSON.stringify(refused.body).includes('lines of it'))
    }
    assert.equal(calls.length, 0)
  })

  test('a log or console that the host refuses is refused at once, in its own words', async () => {
    host.onCall = () => ({ error: 'This host carries 200 consoles and logs already.' })
    const begun = Date.now()
    const log = await cloud.request('GET', `/v1/instances/${id}/log`)
    assert(Date.now() - begun < 5000, `${Date.now() - begun} ms`)
    assert.equal(log.status, 503)
    assert.match(String(log.body.detail), /carries 200 consoles/)
  })

  test('an answer counts once, and only from the host that was asked', async () => {
    const other = await addHost(cloud, 'h2')
    host.onCall = (_, call) => {
      other.answer(call, { result: { outcome: 'done' } })
      return { result: { outcome: 'no_agent' } }
    }
    assert.equal((await reset({})).status, 409)
  })

  test('what the guest says is shown, and an event tells of each change', async () => {
    assert.partialDeepStrictEqual(await shown(), { guest_agent: 'disconnected', guest_addresses: [], guest_os: null })
    const events = async () =>
      (await cloud.cloud.database.db.selectFrom('event').select('seq').where('resource_id', '=', id).execute()).length
    const said = { guest_agent: 'connected' as const, guest_addresses: ['10.0.0.5'], guest_os: 'Debian 12' }
    const before = await events()
    await told(said)
    assert.partialDeepStrictEqual(await shown(), said)
    assert.equal(await events(), before + 1)
    host.tell(said)
    await told({ ...said, guest_addresses: [] })
    assert.deepEqual((await shown()).guest_addresses, [])
    assert.equal(await events(), before + 2)
  })

  test('a stopped instance, and one whose host is away, are refused before anybody is asked', async () => {
    const calls = answering('done')
    await host.disconnect()
    assert.equal((await reset({})).body.code, 'host_unreachable')
    await host.connect()
    await cloud.request('POST', `/v1/instances/${id}/stop`, { body: {}, headers: { prefer: 'wait=10' } })
    const refused = await reset({})
    assert.equal(refused.body.code, 'wrong_state')
    assert.match(String(refused.body.detail), /Start it first/)
    assert.equal(calls.length, 0)
  })
})
