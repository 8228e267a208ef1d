/**
 * What grows with time and names instances goes with time as well: explanations of placements and finished migrations. What is read of them stays:
 * why an instance is where it is, and what was asked for it.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { migrationRoutes } from '../../../src/api/migration.ts'
import { cleanUp } from '../../../src/controller/reconcilers/cleanup.ts'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'
import { migration } from '../../../src/controller/store/migration.ts'
import { placement } from '../../../src/controller/store/placement.ts'
import type { Schema } from '../../../src/controller/store/schema.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { keptQueryPlan, nodesOf } from '../../support/query-plans.ts'
import { replyOf } from '../../support/reply.ts'

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  await migrate(database.db)
  await database.close()
}

describe('controller/retention', { timeout: 180_000 }, () => {
  let cloud: TestCloud
  let here: ObedientHost
  let there: ObedientHost
  let instance_id: string
  let body: Record<string, unknown>
  let own: TestDatabase
  let count = 0

  before(async () => {
    own = await testDatabase(prepare)
    cloud = await testCloud({ database_url: own.url })
    here = await addHost(cloud, 'here')
    there = await addHost(cloud, 'there')
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks, host_id: here.id }
  })
  after(async () => {
    await cloud.close()
    await own.drop()
  })
  beforeEach(async () => {
    const asked = { body: { ...body, name: `one-${++count}` }, headers: { prefer: 'wait=20' } }
    const [one] = replyOf(instanceRoutes.create, await cloud.request('POST', '/v1/instances', asked)).items
    assert.ok(one)
    instance_id = one.id
  })

  const clean = async () => {
    while (await cleanUp(cloud.cloud));
  }

  /** Of so many days ago, with an id of then; what was asked tells one from the other. */
  async function keep(host_id: string | null, days: number, of = instance_id): Promise<string> {
    const { rows } = await sql<{ id: string }>`
      insert into placement (id, project_id, instance_id, host_id, decision, created_at)
      select overlay(gen_random_uuid()::text placing to_hex(1000000 - ${days}::int) from 1 for 5)::uuid, ${cloud.project_id}::uuid, ${of}::uuid, ${host_id}::uuid,
        ${JSON.stringify({ asked: { labels: { days: `${days}` } }, hosts: [], fitting: 0, refusals: { memory: 1 } })}::jsonb,
        now() - ${days} * interval '1 day' returning id`.execute(cloud.cloud.database.db)
    return rows[0]?.id ?? ''
  }

  const kept = async (): Promise<string[]> => {
    const { db } = cloud.cloud.database
    const rows = await db.selectFrom('placement').select('id').where('instance_id', '=', instance_id).execute()
    return rows.map(row => row.id)
  }

  test('explanations go as events do, refusals of instances that are there as well; the one of where it is stays', async () => {
    const { db } = cloud.cloud.database
    const [made = ''] = await kept()
    await db.deleteFrom('placement').where('id', '=', made).execute()
    const older_here = await keep(here.id, 300)
    const why_here = await keep(here.id, 200)
    const [once_there, refused, on_its_way] = [
      await keep(there.id, 190),
      await keep(null, 180),
      await keep(there.id, 170),
    ]
    const [refused_again, fresh] = [await keep(null, 160), await keep(null, 3)]
    await clean()
    const left = await kept()
    assert.ok(left.includes(why_here), 'why it is here')
    assert.ok(left.includes(fresh), 'what is not old')
    assert.ok(left.includes(on_its_way), 'the newest with a host, should it be brought back to one that has none')
    for (const gone of [older_here, once_there, refused, refused_again]) assert.ok(!left.includes(gone))
    assert.equal((await placement.ofInstance(db, instance_id))?.id, why_here)
    assert.equal((await placement.refusedSince(db, instance_id, why_here))?.id, fresh)
    assert.deepEqual((await placement.askedOf(db, instance_id))?.labels, { days: '200' })
  })

  test('of an instance that was brought back otherwise, what was asked last for it counts, and a refusal only where there is nothing else', async () => {
    const { db } = cloud.cloud.database
    await db.deleteFrom('placement').where('instance_id', '=', instance_id).execute()
    assert.equal(await placement.ofInstance(db, instance_id), null)
    await keep(null, 300)
    const refused = await keep(null, 200)
    assert.equal((await placement.ofInstance(db, instance_id))?.id, refused)
    await keep(there.id, 150)
    const last = await keep(there.id, 140)
    const since = await keep(null, 100)
    assert.equal((await placement.ofInstance(db, instance_id))?.id, last)
    assert.equal((await placement.refusedSince(db, instance_id, last))?.id, since)
    const on_its_way = await keep(there.id, 90)
    assert.equal(await placement.refusedSince(db, instance_id, last), null, 'it found a host since')
    await clean()
    assert.deepEqual(await kept(), [on_its_way])
  })

  test('what was asked for an instance is found at once, however often it was refused or placed', async () => {
    const { db } = cloud.cloud.database
    await sql`insert into placement (id, project_id, instance_id, host_id, decision)
      select gen_random_uuid(), ${cloud.project_id}::uuid, ${instance_id}::uuid, case when n % 3 = 0 then ${there.id}::uuid end, '{"asked": {}, "hosts": [], "refusals": {}}'
      from generate_series(1, 5000) n`.execute(db)
    await sql`analyze placement`.execute(db)
    const pool = new pg.Pool({ connectionString: own.url })
    const asked: { sql: string; parameters: readonly unknown[] }[] = []
    const log = ({ query }: { query: { sql: string; parameters: readonly unknown[] } }) => void asked.push(query)
    const watched = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }), log })
    try {
      assert.equal((await placement.askedOf(watched, instance_id))?.host_id, here.id)
      await placement.refusedSince(watched, instance_id, instance_id)
      assert.ok(asked.length >= 2)
      for (const { sql: text, parameters } of asked) {
        let rows = 0
        for (const node of nodesOf(await keptQueryPlan(pool, text, parameters))) {
          if (node['Relation Name'] !== 'placement') continue
          rows += ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1)
        }
        assert.ok(rows <= 5, `${rows} rows are read`)
      }
    } finally {
      await watched.destroy()
    }
  })

  /** One that has ended so many days ago. */
  async function moved(days: number, of = instance_id, phase = 'ended'): Promise<string> {
    const { rows } = await sql<{ id: string }>`
      insert into migration (id, instance_id, instance_name, project_id, kind, source_host_id, target_host_id, phase, outcome, secret,
        vcpus, memory_mib, disk_gib, created_at, ended_at)
      select overlay(gen_random_uuid()::text placing to_hex(1000000 - ${days}::int) from 1 for 5)::uuid, ${of}::uuid, 'one', ${cloud.project_id}::uuid, 'cold', ${there.id}::uuid, ${here.id}::uuid,
        ${phase}, 'succeeded', 'x', 0, 0, 0, now() - ${days} * interval '1 day', case when ${phase} = 'ended' then now() - ${days} * interval '1 day' end
      returning id`.execute(cloud.cloud.database.db)
    return rows[0]?.id ?? ''
  }
  const there_is = async (ids: readonly string[]) =>
    (await migration.byIds(cloud.cloud.database.db, ids)).map(one => one.id).sort()

  test('migrations go some time after they have ended: not open ones, nor the last of an instance that is there', async () => {
    const no_more = crypto.randomUUID()
    const old = [await moved(300), await moved(200), await moved(150, no_more)]
    const last = await moved(120)
    const open = await moved(130, no_more, 'leaving')
    await clean()
    assert.deepEqual(await there_is([...old, last, open]), [last, open].sort())
    const fresh = await moved(10)
    await clean()
    assert.deepEqual(await there_is([last, open, fresh]), [open, fresh].sort())
    const days = await cloud.request('PUT', '/v1/settings/migration.keep_days', { body: { value: 5 } })
    assert.equal(days.status, 200, JSON.stringify(days.body))
    const newer = await moved(6)
    await clean()
    assert.deepEqual(await there_is([fresh, newer]), [newer])
    assert.equal((await cloud.call(migrationRoutes.get, { params: { migration: newer } })).id, newer)
  })

  test('what a host in maintenance has sent away is counted for as long as that lasts', async () => {
    const { db } = cloud.cloud.database
    await db.insertInto('maintenance').values({ host_id: there.id }).execute()
    await sql`update maintenance set created_at = now() - interval '250 days'`.execute(db)
    const [before, since] = [await moved(300), await moved(200)]
    await moved(120)
    await clean()
    assert.deepEqual(await there_is([before, since]), [since])
    await db.deleteFrom('maintenance').execute()
    await clean()
    assert.deepEqual(await there_is([before, since]), [])
  })
})
