/** Two controllers over one database: what one is told the other knows, and either may go. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { Instance } from '../../../src/api/instance.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { DatabaseTooNew, migrate } from '../../../src/controller/store/migrate.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'

let own: Awaited<ReturnType<typeof testDatabase>>
let one: TestCloud
let other: TestCloud
let host: ObedientHost
let body: Record<string, unknown>

describe('controller/two-controllers', () => {
  before(async () => {
    own = await testDatabase()
    one = await testCloud({ database_url: own.url })
    other = await testCloud({ database_url: own.url })
    host = await addHost(one, 'h1', { memory_mib: 64_000 })
    const flavors = await one.request('GET', '/v1/flavors?name=tiny')
    const [flavor] = flavors.body.items ?? []
    body = {
      name: 'shared',
      flavor_id: flavor?.id,
      image_id: await addImage(one),
      networks: [{ network_id: await addNetwork(one) }],
    }
  })
  after(async () => {
    await other.close()
    await one.close()
    await own.drop()
  })

  test('a host linked to one controller serves requests at the other, which also waits for the outcome', async () => {
    const made = await other.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    assert.equal((made.body.operation as Operation).state, 'succeeded', JSON.stringify(made.body))
    const [instance] = made.body.items as unknown as Instance[]
    assert.equal(instance?.state, 'running')
    const stopped = await other.request('POST', `/v1/instances/${instance?.id}/stop`, {
      body: {},
      headers: { prefer: 'wait=20' },
    })
    assert.equal((stopped.body.instance as Instance).state, 'stopped')
  })

  test('one key sent to both controllers at once makes one instance', async () => {
    const headers = { 'idempotency-key': 'both' }
    const answers = await Promise.all(
      [one, other].map(cloud => cloud.request('POST', '/v1/instances', { body, headers })),
    )
    const ids = answers.map(answer => (answer.body.items as unknown as Instance[])[0]?.id)
    assert.ok(ids[0])
    assert.equal(ids[0], ids[1])
  })

  test('a host that dials the other controller is heard there, and no longer through the old link', async () => {
    const before = await one.cloud.database.db.selectFrom('host').select('session_epoch').executeTakeFirstOrThrow()
    host.test = other
    await host.connect()
    const row = await one.cloud.database.db.selectFrom('host').selectAll().executeTakeFirstOrThrow()
    assert.equal(row.session_controller_id, other.cloud.self.id)
    assert.ok(row.session_epoch > before.session_epoch)
    const made = await one.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    assert.equal((made.body.operation as Operation).state, 'succeeded')
  })

  test('a database written by a newer Croft is left alone, and says so', async () => {
    const { db } = one.cloud.database
    await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '2099')`.execute(db)
    await assert.rejects(
      migrate(db),
      (error: unknown) => error instanceof DatabaseTooNew && /9999-future/.test(error.message),
    )
    await sql`delete from kysely_migration where name = '9999-future'`.execute(db)
    assert.deepEqual(await migrate(db), [])
  })
})
