/** API keys and key pairs: each user's own. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { forgetHolders } from '../../../src/controller/app/holders.ts'
import { forRequests } from '../../../src/controller/cloud.ts'
import { makeSshKeyPair } from '../../../src/lib/ssh-key.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
let other: string
let other_id: string
describe('controller/keys', () => {
  before(async () => {
    cloud = await testCloud()
    const { body } = await cloud.request('POST', '/v1/users', { body: { name: 'other' } })
    other_id = String(body.id)
    await cloud.request('POST', '/v1/role-grants', {
      body: { user_id: other_id, role: 'reader', scope: 'project', project_id: cloud.project_id },
    })
    other = await cloud.tokenOf(other_id, cloud.project_id)
  })
  after(() => cloud.close())

  test('an API key works as its owner in its project, is shown once, and ends when deleted', async () => {
    const made = await cloud.request('POST', '/v1/api-keys', { body: { name: 'robot' } })
    assert.equal(made.status, 201)
    const secret = String(made.body.secret)
    assert.match(secret, /^croft_k_[A-Za-z0-9_-]{43}$/)
    const me = await cloud.request('GET', '/v1/session', { token: secret })
    assert.equal((me.body.project as { id: string }).id, cloud.project_id)
    assert.equal(me.body.expires_at, null)
    const id = String(made.body.id)
    const found = await cloud.request('GET', `/v1/api-keys/${id}`)
    assert.equal(found.body.secret, undefined)
    assert.ok(found.body.last_used_at)
    assert.equal((await cloud.request('DELETE', '/v1/session', { token: secret })).body.code, 'wrong_state')
    assert.equal((await cloud.request('DELETE', `/v1/api-keys/${id}`)).status, 204)
    assert.equal((await cloud.request('GET', '/v1/session', { token: secret })).status, 401)
  })

  test('an API key expires, and is not made when it would have expired already', async () => {
    const past = await cloud.request('POST', '/v1/api-keys', {
      body: { name: 'old', expires_at: '2020-01-01T00:00:00Z' },
    })
    assert.equal(past.body.code, 'invalid')
    const bad = await cloud.request('POST', '/v1/api-keys', { body: { name: 'bad', expires_at: 'tomorrow' } })
    assert.equal(bad.body.code, 'invalid')
    const expires_at = new Date(Date.now() + 3_600_000).toISOString()
    const made = await cloud.request('POST', '/v1/api-keys', { body: { name: 'short', expires_at } })
    const token = String(made.body.secret)
    assert.equal((await cloud.request('GET', '/v1/session', { token })).body.expires_at, expires_at)
    const { db } = cloud.cloud.database
    await db
      .updateTable('api_key')
      .set({ expires_at: new Date(Date.now() - 1) })
      .where('name', '=', 'short')
      .execute()
    forgetHolders(forRequests(cloud.cloud))
    assert.equal((await cloud.request('GET', '/v1/session', { token })).status, 401)
  })

  test('an Idempotency-Key makes one API key, and its secret is kept nowhere', async () => {
    const headers = { 'idempotency-key': 'once' }
    const ask = () => cloud.request('POST', '/v1/api-keys', { body: { name: 'once' }, headers })
    const answers = await Promise.all([ask(), ask(), ask()])
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
    const secrets = answers.map(({ body }) => body.secret).filter(Boolean)
    assert.equal(secrets.length, 1)
    const kept = await cloud.cloud.database.db.selectFrom('idempotency').selectAll().execute()
    assert.ok(!JSON.stringify(kept).includes(String(secrets[0])))
  })

  test('keys of others are not there', async () => {
    const key = await cloud.request('POST', '/v1/api-keys', { body: { name: 'mine' } })
    const pair = await cloud.request('POST', '/v1/key-pairs', { body: { name: 'mine' } })
    for (const path of [`/v1/api-keys/${String(key.body.id)}`, `/v1/key-pairs/${String(pair.body.id)}`]) {
      assert.equal((await cloud.request('GET', path, { token: other })).status, 404, path)
      const removed = await cloud.request('DELETE', path, { token: other })
      assert.ok(removed.status === 404 || removed.status === 403, path)
      assert.equal((await cloud.request('GET', path)).status, 200, path)
    }
    assert.deepEqual((await cloud.request('GET', '/v1/api-keys', { token: other })).body.items, [])
    assert.deepEqual((await cloud.request('GET', '/v1/key-pairs', { token: other })).body.items, [])
  })

  test('a key for a project that one holds nothing in is not made', async () => {
    const made = await cloud.request('POST', '/v1/projects', { body: { name: 'elsewhere' } })
    const body = { name: 'spy', project: String(made.body.id) }
    assert.equal((await cloud.request('POST', '/v1/api-keys', { token: other, body })).body.code, 'not_found')
  })

  test('a public key is taken in with its fingerprint; names are unique for each user', async () => {
    const { public_key } = await makeSshKeyPair('laptop')
    const body = { name: 'laptop', public_key: `${public_key.line}\n` }
    const made = await cloud.request('POST', '/v1/key-pairs', { body })
    assert.equal(made.status, 201)
    assert.equal(made.body.public_key, public_key.line)
    assert.equal(made.body.fingerprint, public_key.fingerprint)
    assert.equal(made.body.private_key, null)
    assert.equal((await cloud.request('POST', '/v1/key-pairs', { body })).body.code, 'name_taken')
    const { body: refused } = await cloud.request('POST', '/v1/key-pairs', {
      body: { name: 'x', public_key: 'rubbish' },
    })
    assert.equal(refused.code, 'invalid')
    assert.match(String(refused.detail), /ssh-ed25519/)
  })

  test('a pair made here answers its private key once and keeps it nowhere', async () => {
    const headers = { 'idempotency-key': 'pair' }
    const made = await cloud.request('POST', '/v1/key-pairs', { body: { name: 'made' }, headers })
    assert.match(String(made.body.private_key), /^-----BEGIN OPENSSH PRIVATE KEY-----\n/)
    const again = await cloud.request('POST', '/v1/key-pairs', { body: { name: 'made' }, headers })
    assert.equal(again.body.id, made.body.id)
    assert.equal(again.body.private_key, null)
    const { db } = cloud.cloud.database
    const kept = JSON.stringify([
      await db.selectFrom('key_pair').selectAll().execute(),
      await db.selectFrom('idempotency').selectAll().execute(),
    ])
    assert.ok(!kept.includes('PRIVATE KEY'))
  })

  test('a reader may not add key pairs', async () => {
    assert.equal((await cloud.request('POST', '/v1/key-pairs', { token: other, body: { name: 'x' } })).status, 403)
  })
})
