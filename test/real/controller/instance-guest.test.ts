/** What guests say, and commands in them, over HTTP: who may, what is kept, and what is said when there is no answer. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sealNext } from '../../../src/controller/app/audit-chain.ts'
import { type GuestAnswer, type GuestFailure, guestFailures } from '../../../src/protocol/guest.ts'
import { type AskOptions, type TestCloud, testCloud } from '../../support/cloud.ts'
import { type GuestHost, serveGuestsOf, someDetails } from '../../support/guest-host.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const ran = (change: Partial<Extract<GuestAnswer, { outcome: 'ran' }>> = {}): GuestAnswer => ({
  outcome: 'ran',
  exit_code: 0,
  signal: null,
  stdout: '',
  stderr: '',
  stdout_truncated: false,
  stderr_truncated: false,
  ...change,
})

describe('controller/instance-guest', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let guests: GuestHost
  let id: string
  let other: string

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1')
    guests = await serveGuestsOf(host, cloud)
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = {
      name: 'web',
      count: 2,
      flavor_id: flavors.body.items?.[0]?.id,
      image_id: await addImage(cloud),
      networks,
    }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    ;[id = '', other = ''] = (made.body.items ?? []).map(one => String(one.id))
    assert.notEqual(other, '', JSON.stringify(made.body))
  })
  after(async () => {
    await guests.close()
    await cloud.close()
  })
  beforeEach(() => {
    guests.asked.length = 0
    guests.instead = null
    guests.answer = async () => ran()
  })

  const look = (options: AskOptions = {}) => cloud.request('GET', `/v1/instances/${id}/guest`, options)
  const list = (options: AskOptions = {}) => cloud.request('GET', `/v1/instances/${id}/guest/applications`, options)
  const exec = (body: object, options: AskOptions = {}) =>
    cloud.request('POST', `/v1/instances/${id}/guest/commands`, { body, ...options })
  const audited = () =>
    cloud.cloud.database.db
      .selectFrom('audit')
      .selectAll()
      .where('action', '=', 'instance.exec')
      .orderBy('seq')
      .execute()

  async function person(
    role: string,
    grant: { scope: string; project_id?: unknown; instance_id?: string },
  ): Promise<string> {
    const user = await cloud.request('POST', '/v1/users', { body: { name: `p-${crypto.randomUUID()}` } })
    const body = { user_id: user.body.id, role, ...grant }
    const given = await cloud.request('POST', '/v1/role-grants', { body })
    assert.equal(given.status, 201, JSON.stringify(given.body))
    return await cloud.tokenOf(String(user.body.id), String(grant.project_id ?? cloud.project_id))
  }

  test('details are asked of the guest each time, and shown as it says them', async () => {
    guests.answer = async () => ({ outcome: 'details', details: someDetails })
    const { status, body } = await look()
    assert.equal(status, 200, JSON.stringify(body))
    const { users: _, ...rest } = someDetails
    assert.partialDeepStrictEqual(body, rest)
    assert.deepEqual(body.users, [{ name: 'debian', domain: null, signed_in_at: '2023-11-14T22:13:20.000Z' }])
    assert.deepEqual(guests.asked, [{ id, question: { ask: 'details' } }])
  })

  test('a command goes as it is and comes back as text, or as base64 where it is none', async () => {
    guests.answer = async () => ran({ exit_code: 3, stdout: base64('grüß\n'), stderr: base64('\u0000\u0001') })
    const asked = {
      argv: ['sh', '-c', 'exit 3; "$(x)"'],
      env: { LANG: 'C', A: '' },
      stdin: base64('in'),
      timeout_ms: 500,
    }
    const { status, body } = await exec(asked)
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(guests.asked[0]?.question, { ask: 'run', ...asked, env: ['LANG=C', 'A='] })
    assert.deepEqual(body, {
      exit_code: 3,
      signal: null,
      stdout: 'grüß\n',
      stdout_encoding: 'utf8',
      stderr: '\u0000\u0001',
      stderr_encoding: 'utf8',
      truncated: false,
    })
    const cut = Buffer.from('grüß').subarray(0, 3).toString('base64')
    guests.answer = async () => ran({ stdout: cut, stdout_truncated: true, stderr: cut, exit_code: null, signal: 9 })
    assert.deepEqual((await exec({ argv: ['x'] })).body, {
      exit_code: null,
      signal: 9,
      stdout: 'gr',
      stdout_encoding: 'utf8',
      stderr: cut,
      stderr_encoding: 'base64',
      truncated: true,
    })
    const longest = Buffer.alloc(1024 * 1024, 'x').toString('base64')
    guests.answer = async () => ran({ stdout: longest, stderr: longest })
    const stdin = Buffer.alloc(256 * 1024, 'y').toString('base64')
    const whole = await exec({ argv: ['x'], stdin })
    assert.equal(whole.body.stdout, 'x'.repeat(1024 * 1024))
    assert.partialDeepStrictEqual(guests.asked.at(-1)?.question, { stdin })
  })

  test('the audit log has the words of a command, also of one that is refused, and nothing secret of it is anywhere', async () => {
    const secret = 'kept-nowhere-at-all'
    const asked = { argv: ['passwd', 'root'], stdin: base64(secret), env: { TOKEN: secret } }
    guests.answer = async () => ran({ stdout: base64(secret) })
    const headers = { 'idempotency-key': 'secret one' }
    assert.equal((await exec(asked, { headers })).status, 200)
    guests.answer = async () => ({ outcome: 'failed', why: 'blocked' })
    assert.equal((await exec(asked)).status, 409)
    const reader = await person('reader', { scope: 'project', project_id: cloud.project_id })
    assert.equal((await exec(asked, { token: reader })).status, 403)
    const rows = (await audited()).slice(-4)
    assert.deepEqual(
      rows.map(row => [row.outcome, row.error, row.detail]),
      [
        [200, null, { argv: asked.argv }],
        // It was sent before it was known that it is not to be had.
        [200, null, { argv: asked.argv }],
        [409, 'wrong_state', { argv: asked.argv }],
        [403, 'forbidden', { argv: asked.argv }],
      ],
    )
    assert.equal(rows[0]?.resource_id, id)
    const { db } = cloud.cloud.database
    for (const table of ['event', 'audit', 'operation', 'idempotency', 'secret', 'instance'] as const) {
      const text = JSON.stringify(await db.selectFrom(table).selectAll().execute())
      for (const one of [secret, base64(secret)]) assert(!text.includes(one), table)
    }
    const shown = await cloud.request('GET', '/v1/audit?action=instance.exec&limit=1')
    assert.deepEqual(shown.body.items?.[0]?.detail, { argv: asked.argv })
    while ((await cloud.request('GET', '/v1/audit/verify')).body.unsealed !== 0) await sealNext(cloud.cloud)
    const whole = async () => (await cloud.request('GET', '/v1/audit/verify')).body.whole
    assert.equal(await whole(), true)
    for (const detail of [{ argv: ['true'] }, null]) {
      const set = (value: unknown) =>
        db
          .updateTable('audit')
          .set({ detail: value === null ? null : JSON.stringify(value) })
          .where('seq', '=', rows[0]?.seq ?? 0)
          .execute()
      await set(detail)
      assert.equal(await whole(), false, 'a change of the words is seen')
      await set(rows[0]?.detail)
    }
    assert.equal(await whole(), true)
  })

  test('one request runs a command once, whatever is asked again', async () => {
    const headers = { 'idempotency-key': 'once' }
    assert.equal((await exec({ argv: ['reboot'] }, { headers })).status, 200)
    const again = await exec({ argv: ['reboot'] }, { headers })
    assert.equal(again.body.code, 'conflict')
    assert.match(String(again.body.detail), /was sent to the guest before/)
    assert.equal((await exec({ argv: ['halt'] }, { headers })).body.code, 'idempotency_mismatch')
    assert.equal(guests.asked.length, 1)
  })

  test('each reason why not has words that say what to do', async () => {
    const expected: Record<GuestFailure, [number, RegExp]> = {
      not_running: [409, /Start it first/],
      no_agent: [409, /install qemu-guest-agent/],
      silent: [503, /did not answer in time.*Whether the command was begun/],
      blocked: [409, /block-rpcs/],
      not_started: [422, /did not start the command. It says: “no such file”/],
      timeout: [503, /goes on in the guest, as process 7/],
      lost: [503, /Whether it ran to its end is not known/],
      too_long: [503, /write to a file/],
      busy: [503, /Other commands are under way/],
      host: [503, /could not ask its guest: no such file/],
      strange: [503, /not understood/],
    }
    for (const why of guestFailures) {
      guests.answer = async () => ({ outcome: 'failed', why, words: 'no such file', pid: 7 })
      const { status, body } = await exec({ argv: ['x'] })
      assert.equal(status, expected[why][0], why)
      assert.match(String(body.detail), expected[why][1])
      assert.equal(body.reason, why)
    }
    guests.answer = async () => ({ outcome: 'failed', why: 'silent' })
    assert.doesNotMatch(String((await look()).body.detail), /command/)
  })

  test('what is no command is refused before anybody is asked', async () => {
    const bodies = [
      {},
      { argv: [] },
      { argv: [''] },
      { argv: 'df' },
      { argv: ['a\0b'] },
      { argv: Array.from({ length: 257 }, () => 'x') },
      { argv: ['a', 'x'.repeat(32_768), 'y'.repeat(32_768)] },
      { argv: ['a'], env: { 'A=B': 'c' } },
      { argv: ['a'], env: { A: 1 } },
      { argv: ['a'], stdin: 'no base64!' },
      { argv: ['a'], stdin: Buffer.alloc(256 * 1024 + 3).toString('base64') },
      { argv: ['a'], timeout_ms: 300_001 },
      { argv: ['a'], by_shell: true },
    ]
    for (const body of bodies) assert.equal((await exec(body)).status, 422, JSON.stringify(body).slice(0, 99))
    assert.equal(guests.asked.length, 0)
  })

  test('a host that lies, floods, hangs up or does not know the question is no danger', async () => {
    const answers = [
      'nonsense\n',
      '{"outcome":"ran"}\n',
      `${JSON.stringify({ outcome: 'details', details: someDetails })}\n`,
      `${JSON.stringify({ outcome: 'failed', why: 'x'.repeat(5000) })}\n`,
    ]
    for (const text of answers) {
      guests.instead = socket => void socket.resume().write(text)
      const { status, body } = await exec({ argv: ['x'] })
      assert.equal(status, 503)
      assert.match(String(body.detail), /not understood/)
    }
    guests.instead = socket => {
      const flood = Buffer.alloc(1024 * 1024, 'x')
      socket.on('error', () => undefined)
      const more = (error?: Error | null) => {
        if (!error) socket.write(flood, more)
      }
      socket.resume()
      more()
    }
    assert.match(String((await exec({ argv: ['x'] })).body.detail), /broke off.*not known/)
    guests.instead = socket => void socket.resume().destroy()
    const gone = await look()
    assert.equal(gone.body.code, 'host_unreachable')
    assert.match(String(gone.body.detail), /broke off.*Try again/)
    const answering = host.onCall
    host.onCall = () => ({ error: 'This host has no such instance.' })
    assert.match(String((await look()).body.detail), /cannot ask its guest: This host has no such instance/)
    host.onCall = answering
  })

  test('an agent of before is not asked: it would end its link', async () => {
    await host.disconnect()
    host.knows_calls = ['probe']
    await host.connect()
    assert.match(String((await look()).body.detail), /too old for this: update it/)
    await host.disconnect()
    host.knows_calls = ['probe', 'guest']
    await host.connect()
    guests.answer = async () => ({ outcome: 'details', details: someDetails })
    assert.equal((await look()).status, 200)
  })

  test('commands take a right of their own, which no member has, and which may be given for one instance', async () => {
    guests.answer = async question =>
      question.ask === 'details' ? { outcome: 'details', details: someDetails } : ran()
    const on_project = { scope: 'project', project_id: cloud.project_id }
    for (const role of ['member', 'operator', 'reader', 'domain-admin']) {
      const token = await person(role, on_project)
      assert.equal((await look({ token })).status, 200, role)
      assert.equal((await exec({ argv: ['id'] }, { token })).status, 403, role)
      assert.equal((await list({ token })).status, 403, role)
    }
    const all = await person('guest-operator', on_project)
    assert.equal((await exec({ argv: ['id'] }, { token: all })).status, 200)
    const operator = await person('operator', { scope: 'instance', instance_id: id })
    assert.equal((await look({ token: operator })).status, 200)
    assert.equal((await exec({ argv: ['id'] }, { token: operator })).status, 403)
    const given = await person('guest-operator', { scope: 'instance', instance_id: id })
    assert.equal((await exec({ argv: ['id'] }, { token: given })).status, 200)
    const elsewhere = await cloud.request('POST', '/v1/projects', {
      body: { name: 'elsewhere', domain_id: cloud.domain_id },
    })
    const stranger = await person('guest-operator', { scope: 'project', project_id: elsewhere.body.id })
    const asked = guests.asked.length
    for (const [method, path] of [
      ['GET', 'guest'],
      ['GET', 'guest/applications'],
      ['POST', 'guest/commands'],
    ] as const) {
      const ask = (token: string, instance: string) =>
        cloud.request(method, `/v1/instances/${instance}/${path}`, {
          token,
          ...(method === 'POST' && { body: { argv: ['id'] } }),
        })
      assert.equal((await ask(given, other)).status, 404, path)
      for (const one of [id, other]) assert.equal((await ask(stranger, one)).status, 404, path)
    }
    assert.equal(guests.asked.length, asked)
  })

  test('asking for applications runs commands, and is in the audit log, also where it is refused', async () => {
    const asked = () =>
      cloud.cloud.database.db
        .selectFrom('audit')
        .select(['outcome', 'error', 'resource_id'])
        .where('action', '=', 'instance.guest-applications')
        .orderBy('seq')
        .execute()
    const before_it = (await asked()).length
    guests.answer = async () => ({ outcome: 'applications', manager: null, applications: [], truncated: false })
    assert.equal((await list()).status, 200)
    const token = await person('member', { scope: 'project', project_id: cloud.project_id })
    assert.equal((await list({ token })).status, 403)
    const rows = (await asked()).slice(before_it)
    assert.deepEqual(
      rows.map(row => [row.outcome, row.error]),
      [
        [200, null],
        [403, 'forbidden'],
      ],
    )
    assert.equal(rows[0]?.resource_id, id)
    // Looking at a guest leaves no trace, as before.
    guests.answer = async () => ({ outcome: 'details', details: someDetails })
    const all = async () => (await cloud.cloud.database.db.selectFrom('audit').select('seq').execute()).length
    const count = await all()
    assert.equal((await look()).status, 200)
    assert.equal(await all(), count)
  })

  test('applications come with who knows them', async () => {
    const applications = [{ name: 'bash', version: '5.2' }]
    guests.answer = async () => ({ outcome: 'applications', manager: 'dpkg', applications, truncated: false })
    const { body } = await list()
    assert.deepEqual(body, { manager: 'dpkg', items: applications, truncated: false })
  })

  test('a stopped instance, and one whose host is away, are refused before anybody is asked', async () => {
    await host.disconnect()
    for (const { body } of [await look(), await list(), await exec({ argv: ['x'] })])
      assert.equal(body.code, 'host_unreachable')
    await host.connect()
    await cloud.request('POST', `/v1/instances/${id}/stop`, { body: {}, headers: { prefer: 'wait=10' } })
    for (const { body } of [await look(), await list(), await exec({ argv: ['x'] })]) {
      assert.equal(body.code, 'wrong_state')
      assert.match(String(body.detail), /Start it first/)
    }
    assert.equal(guests.asked.length, 0)
  })
})
