/** Two controllers that work under one id, as copies of one state folder do: one of them ends, and which is no accident. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { keepLease, SameController } from '../../../src/controller/reconcilers/controllers.ts'
import { type Clock, realClock } from '../../../src/lib/clock.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost } from '../../support/obedient-host.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

describe('controller/one-id', () => {
  let own: TestDatabase

  before(async () => {
    own = await testDatabase()
  })
  after(() => own.drop())

  test('of two that began at once under one id, the one that the other has followed ends, and writes no link off', async () => {
    const controller_id = crypto.randomUUID()
    let newer: TestCloud | undefined
    const looks = async () => {
      if (newer) await keepLease(newer.cloud)
    }
    // Its passes are as often as it can, and before each look the other has renewed its lease.
    const clock: Clock = { ...realClock, after: (_, then) => realClock.after(20, then), sleep: looks }
    const older = await testCloud({ database_url: own.url, controller_id, clock })
    newer = await testCloud({ database_url: own.url, controller_id })
    const theirs = await addHost(newer, 'twins')
    const error = await older.doubled
    assert.ok(error instanceof SameController)
    assert.match(error.message, /runs under the id of this one .* Remove controller-id/)
    assert.equal(await keepLease(newer.cloud), false)
    assert.equal(theirs.ended, null)
    await older.close()
    const row = await newer.cloud.database.db
      .selectFrom('controller')
      .select('run')
      .where('id', '=', controller_id)
      .executeTakeFirst()
    assert.equal(row?.run, newer.cloud.self.run, 'who ends leaves the other its place')
    await newer.close()
  })

  test('no word, an old one, and no row at all are nobody: such a lease is taken back', async () => {
    const third = await testCloud({ database_url: own.url })
    const { cloud } = third
    const { db } = cloud.database
    const { id, run } = cloud.self
    const rowOf = () => db.selectFrom('controller').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    const become = (set: { run: string | null; lease_until?: ReturnType<typeof sql<Date>> }) =>
      db.updateTable('controller').set(set).where('id', '=', id).execute()
    const expired = sql<Date>`croft_now() - interval '1 second'`
    const renews = async () => {
      assert.equal(await keepLease(cloud), false)
      assert.equal((await rowOf()).run, run)
    }
    await become({ run: null })
    await renews()
    await become({ run: crypto.randomUUID(), lease_until: expired })
    await renews()
    await db.deleteFrom('controller').where('id', '=', id).execute()
    await renews()
    // Its database has lost its last commits: the lease of its former run holds, and nobody renews it.
    await become({ run: crypto.randomUUID() })
    const sleep = async () => void (await become({ run: crypto.randomUUID(), lease_until: expired }))
    assert.equal(await keepLease({ ...cloud, clock: { ...realClock, sleep } }), true)
    await renews()
    await third.close()
  })
})
