/** The cloud's certificate authority and what time overtakes, over a real PostgreSQL. */
import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { caFingerprint, serverCertificate, signAgent } from '../../../src/controller/app/authority.ts'
import { cleanUp } from '../../../src/controller/reconcilers/cleanup.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { makeSealer } from '../../../src/lib/sealer.ts'
import { CloudError } from '../../../src/model/errors.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
describe('controller/authority', () => {
  before(async () => void (cloud = await testCloud()))
  after(() => cloud.close())

  /** As another controller process would see the same database. */
  function controller(key: Uint8Array) {
    return { database: { ...cloud.cloud.database }, clock: realClock, sealer: makeSealer(key, randomBytes) }
  }

  test('controllers that start at once have one authority, and a wrong key file says so', async () => {
    const key = randomBytes(32)
    await cloud.cloud.database.db.deleteFrom('secret').execute()
    const prints = await Promise.all([1, 2, 3, 4].map(() => caFingerprint(controller(key))))
    assert.equal(new Set(prints).size, 1)
    const { cert, ca } = await serverCertificate(controller(key), ['127.0.0.1', 'croft.example'])
    assert.ok(cert.endsWith(ca))
    assert.equal(new X509Certificate(cert).checkHost('croft.example'), 'croft.example')
    assert.equal(
      Buffer.from(String(prints[0]), 'base64url').toString('hex'),
      new X509Certificate(ca).fingerprint256.replaceAll(':', '').toLowerCase(),
    )
    await assert.rejects(caFingerprint(controller(randomBytes(32))), /put the right key file in its place/)
    const rows = await cloud.cloud.database.db.selectFrom('secret').selectAll().execute()
    assert.ok(!rows.some(row => row.sealed.includes('PRIVATE KEY')))
  })

  test('what is not a request for a certificate is refused as invalid', async () => {
    const key = randomBytes(32)
    await cloud.cloud.database.db.deleteFrom('secret').execute()
    await assert.rejects(
      signAgent(controller(key), 'rubbish', 'host'),
      error => error instanceof CloudError && error.code === 'invalid',
    )
  })

  test('what time has overtaken goes, what has not stays', async () => {
    const { db } = cloud.cloud.database
    const live = await db.selectFrom('token').selectAll().execute()
    const old = sql<Date>`now() - interval '40 days'`
    await sql`insert into token (secret_sha256, user_id, expires_at)
    select sha256(n::text::bytea), ${cloud.admin_user_id}::uuid, now() - interval '1 second'
    from generate_series(1, 6000) n`.execute(db)
    await db
      .insertInto('idempotency')
      .values([
        { user_id: cloud.admin_user_id, key: 'old', request_sha256: Buffer.alloc(32), created_at: old },
        { user_id: cloud.admin_user_id, key: 'new', request_sha256: Buffer.alloc(32) },
      ])
      .execute()
    await db
      .insertInto('sign_in_attempt')
      .values([
        { key: 'address:old', failed: 3, last_at: old, locked_until: null },
        { key: 'address:locked', failed: 3, last_at: old, locked_until: new Date(Date.now() + 60_000) },
        { key: 'address:new', failed: 3, locked_until: null },
      ])
      .execute()
    const event = { noun: 'x', resource_id: cloud.admin_user_id, kind: 'changed', project_id: null }
    await db
      .insertInto('event')
      .values([{ ...event, at: old }, event])
      .execute()
    assert.equal(await cleanUp(cloud.cloud), true)
    assert.equal(await cleanUp(cloud.cloud), false)
    assert.equal((await db.selectFrom('token').selectAll().execute()).length, live.length)
    assert.deepEqual(
      (await db.selectFrom('idempotency').select('key').execute()).map(row => row.key),
      ['new'],
    )
    const attempts = await db.selectFrom('sign_in_attempt').select('key').orderBy('key').execute()
    assert.deepEqual(
      attempts.map(row => row.key),
      ['address:locked', 'address:new'],
    )
    const events = await db.selectFrom('event').select('at').where('noun', '=', 'x').execute()
    assert.equal(events.length, 1)
  })
})
