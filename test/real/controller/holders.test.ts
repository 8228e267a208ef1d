/** What is remembered of who may do what is never older than a change. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { changeIdentity, findHolder } from '../../../src/controller/app/holders.ts'
import { newSecret } from '../../../src/controller/app/session.ts'
import type { Cloud } from '../../../src/controller/cloud.ts'
import { session } from '../../../src/controller/store/session.ts'
import { user } from '../../../src/controller/store/user.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
let now_ms = Date.now()
let steady_ms = 0
/** As two controllers see the same database. */
let here: Cloud
let there: Cloud
describe('controller/holders', () => {
  before(async () => {
    cloud = await testCloud()
    const clock = { ...cloud.cloud.clock, now_ms: () => now_ms, steady_ms: () => steady_ms }
    here = { ...cloud.cloud, clock }
    there = { ...cloud.cloud, clock }
  })
  after(() => cloud.close())

  let count = 0
  async function person(minutes = 60): Promise<{ id: string; sha256: Buffer }> {
    const { body } = await cloud.request('POST', '/v1/users', { body: { name: `person-${++count}` } })
    const id = String(body.id)
    const { sha256 } = newSecret(cloud.cloud, 't')
    await session.insert(cloud.cloud.database.db, { secret_sha256: sha256, user_id: id, project_id: null }, minutes)
    return { id, sha256 }
  }

  const nobody = {
    user_id: crypto.randomUUID(),
    user_name: 'test',
    user_domain_id: crypto.randomUUID(),
    project_id: null,
    project_domain_id: null,
    on_system: new Set<never>(),
    on_domains: new Map(),
    on_project: new Set<never>(),
    on_instances: new Map(),
    request: {
      id: crypto.randomUUID(),
      method: 'PATCH',
      path: '/',
      action: 'user.update',
      status: 200,
      address: '127.0.0.1',
      idempotency_key: null,
      sha256: Buffer.alloc(32),
      if_match: null,
    },
  }

  function disable(id: string): Promise<unknown> {
    return changeIdentity(here, nobody, tx => user.update(tx, id, { enabled: false }))
  }

  test('the controller that changes something knows it before it answers', async () => {
    const { id, sha256 } = await person()
    assert.equal((await findHolder(here, sha256))?.user_id, id)
    await disable(id)
    assert.equal(await findHolder(here, sha256), null)
  })

  test('another controller is told', async () => {
    const { id, sha256 } = await person()
    assert.equal((await findHolder(there, sha256))?.user_id, id)
    const told = new Promise<void>(resolve => {
      const stop = cloud.cloud.database.listen('croft_identity', payload => {
        if (payload === null) return
        stop()
        resolve()
      })
    })
    await disable(id)
    await told
    assert.equal(await findHolder(there, sha256), null)
  })

  test('one that is not told forgets within seconds, however its clock is set, and a token does not outlive itself', async () => {
    const { id, sha256 } = await person()
    const { db } = cloud.cloud.database
    await findHolder(there, sha256)
    await db.updateTable('user').set({ enabled: false }).where('id', '=', id).execute()
    assert.equal((await findHolder(there, sha256))?.user_id, id)
    now_ms -= 3_600_000
    steady_ms += 5001
    assert.equal(await findHolder(there, sha256), null)
  })

  test('what was read before a change and comes after it is not kept', async () => {
    for (let round = 0; round < 20; round++) {
      const { id, sha256 } = await person()
      const reading = Array.from({ length: 8 }, () => findHolder(here, sha256))
      await Promise.all([disable(id), ...reading])
      assert.equal(await findHolder(here, sha256), null)
    }
  })
})
