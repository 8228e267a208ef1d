/** Signing in, over a real PostgreSQL. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bootstrap } from '../../../src/controller/bootstrap.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
describe('controller/session', () => {
  before(async () => void (cloud = await testCloud()))
  after(() => cloud.close())

  function signIn(body: Record<string, unknown>, address = '127.0.0.1') {
    return cloud.request('POST', '/v1/sign-in', { token: null, body, address })
  }

  test('the first start makes an administrator whose password works, and a second start changes nothing', async () => {
    assert.deepEqual(await bootstrap(cloud.cloud), { admin_password: null })
    const { status, body } = await signIn({ user: 'admin', password: cloud.admin_password })
    assert.equal(status, 201)
    assert.match(String(body.token), /^croft_t_[A-Za-z0-9_-]{43}$/)
    assert.equal((body.project as { name: string }).name, 'default')
    assert.ok((body.permissions as string[]).includes('instance.manage'))
    const flavors = await cloud.request('GET', '/v1/flavors', { token: String(body.token) })
    assert.equal(flavors.status, 200)
    assert.deepEqual(flavors.body.items?.map(flavor => flavor.name).toSorted(), ['large', 'medium', 'small', 'tiny'])
  })

  test('controllers that start at once on an empty database make one administrator', async () => {
    const { db } = cloud.cloud.database
    const users = await db.selectFrom('user').select('name').execute()
    const made = await Promise.all([1, 2, 3].map(() => bootstrap(cloud.cloud)))
    assert.ok(made.every(({ admin_password }) => admin_password === null))
    assert.deepEqual(await db.selectFrom('user').select('name').execute(), users)
  })

  test('the database holds no token and no password in the clear', async () => {
    const { body } = await signIn({ user: 'admin', password: cloud.admin_password })
    const { db } = cloud.cloud.database
    const rows = JSON.stringify([
      await db.selectFrom('token').selectAll().execute(),
      await db.selectFrom('user').selectAll().execute(),
      await db.selectFrom('audit').selectAll().execute(),
      await db.selectFrom('idempotency').selectAll().execute(),
    ])
    assert.ok(!rows.includes(String(body.token).slice(8)))
    assert.ok(!rows.includes(cloud.admin_password))
    assert.ok(rows.includes('$argon2id$v=19$m=65536,t=3,p=4$'))
  })

  test('who am I, and sign out', async () => {
    const { body } = await signIn({ user: 'admin', password: cloud.admin_password })
    const token = String(body.token)
    const me = await cloud.request('GET', '/v1/session', { token })
    assert.equal(me.status, 200)
    assert.equal((me.body.user as { name: string }).name, 'admin')
    assert.deepEqual(me.body.roles, [
      { role: 'admin', scope: 'system', domain_id: null, project_id: null, instance_id: null },
    ])
    assert.equal(me.body.expires_at, body.expires_at)
    assert.equal((await cloud.request('DELETE', '/v1/session', { token })).status, 204)
    const gone = await cloud.request('GET', '/v1/session', { token })
    assert.equal(gone.status, 401)
    assert.equal(gone.body.code, 'not_signed_in')
  })

  test('a wrong password and an unknown user get one and the same answer', async () => {
    const wrong = await signIn({ user: 'admin', password: 'not it' }, '127.0.0.2')
    const unknown = await signIn({ user: 'nobody-here', password: 'not it' }, '127.0.0.2')
    assert.equal(wrong.status, 401)
    assert.equal(wrong.body.code, 'sign_in_refused')
    assert.equal(unknown.body.detail, wrong.body.detail)
    assert.equal(unknown.status, wrong.status)
    assert.equal((await signIn({ user: 'admin', password: cloud.admin_password })).status, 201)
  })

  test('bad shapes are refused before anything is counted', async () => {
    assert.equal((await signIn({ user: 'admin' })).status, 422)
    assert.equal((await signIn({ user: 'admin', password: 5 })).status, 422)
    assert.equal((await signIn({ user: 'admin', password: 'x'.repeat(1025) })).status, 422)
    assert.equal((await signIn({ user: 'admin', password: 'x', extra: 1 })).status, 422)
    const rows = await cloud.cloud.database.db.selectFrom('sign_in_attempt').selectAll().execute()
    assert.equal(rows.filter(row => row.key.startsWith('user:')).length, 0)
  })

  test('guesses at once: exactly as many are checked as the limit says, known account or not', async () => {
    for (const user of ['admin', 'no-such-user']) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => signIn({ user, password: `guess ${i}` }, '127.0.0.3')),
      )
      const codes = answers.map(({ body }) => body.code)
      assert.equal(codes.filter(code => code === 'sign_in_refused').length, 5, user)
      assert.equal(codes.filter(code => code === 'locked_out').length, 15, user)
    }
    const locked = await signIn({ user: 'admin', password: cloud.admin_password })
    assert.equal(locked.status, 429)
    assert.equal(locked.body.code, 'locked_out')
    const until_ms = Date.parse(String(locked.body.locked_until)) - Date.now()
    assert.ok(until_ms > 14 * 60_000 && until_ms <= 15 * 60_000 + 1000)
    // The lock ends by itself.
    const { db } = cloud.cloud.database
    await db
      .updateTable('sign_in_attempt')
      .set({ locked_until: new Date(Date.now() - 1000) })
      .execute()
    assert.equal((await signIn({ user: 'admin', password: cloud.admin_password })).status, 201)
  })

  test('an address that guesses at many accounts is locked too, and right passwords do not count', async () => {
    const { db } = cloud.cloud.database
    await db.deleteFrom('sign_in_attempt').execute()
    await db
      .insertInto('sign_in_attempt')
      .values({ key: 'address:127.0.0.9', failed: 49, locked_until: null })
      .execute()
    assert.equal((await signIn({ user: 'admin', password: cloud.admin_password }, '127.0.0.9')).status, 201)
    assert.equal((await signIn({ user: 'someone', password: 'wrong' }, '127.0.0.9')).status, 401)
    assert.equal((await signIn({ user: 'admin', password: cloud.admin_password }, '127.0.0.9')).status, 429)
    assert.equal((await signIn({ user: 'admin', password: cloud.admin_password }, '127.0.0.8')).status, 201)
  })

  test('a token that has expired, a made-up one and none at all are refused', async () => {
    const { body } = await signIn({ user: 'admin', password: cloud.admin_password })
    const { db } = cloud.cloud.database
    await db
      .updateTable('token')
      .set({ expires_at: new Date(Date.now() - 1) })
      .where('project_id', 'is not', null)
      .execute()
    for (const token of [String(body.token), `croft_t_${'A'.repeat(43)}`, null]) {
      const { status, headers } = await cloud.request('GET', '/v1/session', { token })
      assert.equal(status, 401)
      assert.match(String(headers['www-authenticate']), /^Bearer/)
    }
  })
})
