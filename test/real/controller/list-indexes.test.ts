/**
 * Lists stay fast: every order and filter that a list of instances allows reads as many rows as its page has, with 100,000
 * there; and old operations go in small steps.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { cleanUp } from '../../../src/controller/reconcilers/cleanup.ts'
import { host } from '../../../src/controller/store/host.ts'
import { instance } from '../../../src/controller/store/instance.ts'
import type { Schema } from '../../../src/controller/store/schema.ts'
import { volume } from '../../../src/controller/store/volume.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { testDatabase } from '../../support/postgres.ts'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'

const count = 100_000

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  await migrate(database.db)
  await database.close()
}

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  Plans?: Plan[]
}

function* nodesOf(plan: Plan): Generator<Plan> {
  yield plan
  for (const inner of plan.Plans ?? []) yield* nodesOf(inner)
}

describe('controller/list-indexes', { timeout: 180_000 }, () => {
  let own: Awaited<ReturnType<typeof testDatabase>>
  let cloud: TestCloud
  let pool: pg.Pool
  let asked: { sql: string; parameters: readonly unknown[] }[] = []
  let db: Kysely<Schema>

  before(async () => {
    own = await testDatabase(prepare)
    cloud = await testCloud({ database_url: own.url })
    const inside = cloud.cloud.database.db
    await sql`insert into host (id, cluster_id, name, machine_id, certificate_sha256)
      select gen_random_uuid(), c.id, 'h' || n, 'm' || n, 'x' from cluster c, generate_series(1, 100) n`.execute(inside)
    await sql`insert into instance (id, project_id, user_id, name, hostname, host_id, zone_id, flavor_id, flavor_name, image_name,
        vcpus, memory_mib, disk_gib, wanted_power, created_at)
      select gen_random_uuid(), ${cloud.project_id}, ${cloud.admin_user_id}, 'vm-' || md5(n::text), 'vm', h.id, z.id,
        gen_random_uuid(), 'tiny', 'tiny', 1, 128, 1, 'running', now() - n * interval '1 second'
      from generate_series(1, ${count}::int) n join (select id, row_number() over () as r from host) h on h.r = n % 100 + 1,
        zone z`.execute(inside)
    await sql`insert into volume (id, project_id, instance_id, host_id, name, role, size_gib)
      select gen_random_uuid(), project_id, id, host_id, name, 'root', 1 from instance`.execute(inside)
    await sql`analyze`.execute(inside)
    pool = new pg.Pool({ connectionString: own.url })
    db = new Kysely<Schema>({
      dialect: new PostgresDialect({ pool }),
      log: ({ query }) => void asked.push({ sql: query.sql, parameters: query.parameters }),
    })
  })
  after(async () => {
    await db.destroy()
    await cloud.close()
    await own.drop()
  })

  /** No table is read whole, and nothing much beyond the page is read of any. */
  async function mustBeShort(what: string, list: () => Promise<unknown>): Promise<void> {
    asked = []
    await list()
    for (const { sql: text, parameters } of asked) {
      const { rows } = await pool.query(`explain (analyze, format json) ${text}`, [...parameters])
      const plan = (rows[0] as { 'QUERY PLAN': { Plan: Plan }[] })['QUERY PLAN'][0]?.Plan
      assert.ok(plan)
      for (const node of nodesOf(plan)) {
        const read = (node['Actual Rows'] ?? 0) * (node['Actual Loops'] ?? 1)
        assert.ok(
          read <= 60_000 / 10,
          `${what}: ${node['Node Type']} of ${node['Relation Name']} gives ${read} rows\n${text}`,
        )
        if (['instance', 'volume'].includes(node['Relation Name'] ?? '')) {
          assert.notEqual(node['Node Type'], 'Seq Scan', `${what}: ${text}`)
        }
      }
    }
  }

  for (const sort of ['id', '-id', 'name', '-name', 'created_at', '-created_at']) {
    for (const scope of ['of a project', 'of all projects'] as const) {
      test(`instances by ${sort}, ${scope}: no page costs more than itself`, async () => {
        const project_id = scope === 'of a project' ? cloud.project_id : null
        let cursor: string | undefined
        for (let page = 0; page < 3; page++) {
          const given = cursor
          await mustBeShort(`page ${page} by ${sort}`, async () => {
            cursor = (await instance.list(db, { project_id, sort, limit: 100, cursor: given })).next ?? undefined
          })
        }
      })
    }
  }

  test('volumes by name and by id', async () => {
    for (const sort of ['id', 'name', '-name']) {
      for (const project_id of [null, cloud.project_id]) {
        await mustBeShort(`volumes by ${sort}`, () => volume.list(db, project_id, { sort, limit: 100 }))
      }
    }
  })

  test('a part of a name is found without a look at all names', async () => {
    const part = (await instance.list(db, { project_id: null, sort: '-name', limit: 1 })).items[0]?.name.slice(4, 12)
    for (const search of [part, 'VM-0A1B', 'nowhere']) {
      for (const project_id of [null, cloud.project_id]) {
        for (const sort of ['id', 'name', '-created_at']) {
          const what = `instances with ${search} by ${sort}`
          await mustBeShort(what, () => instance.list(db, { project_id, sort, limit: 100, search }))
        }
        await mustBeShort(`volumes with ${search}`, () => volume.list(db, project_id, { limit: 5, search }))
      }
    }
    const found = await instance.list(db, { project_id: null, search: part?.toUpperCase() })
    assert.equal(found.items.length, 1)
  })

  test('hosts with how many instances each has', async () => {
    await sql`vacuum instance`.execute(cloud.cloud.database.db)
    asked = []
    const { items } = await host.list(db, { limit: 1000 })
    assert.equal(items.length, 100)
    assert.ok(items.every(one => Number(one.instances) === count / 100))
    const [first] = asked
    const { rows } = await pool.query(`explain (format json) ${first?.sql ?? ''}`, [...(first?.parameters ?? [])])
    const plan = (rows[0] as { 'QUERY PLAN': { Plan: Plan }[] })['QUERY PLAN'][0]?.Plan
    assert.ok(plan)
    const counting = [...nodesOf(plan)]
      .filter(node => node['Relation Name'] === 'instance')
      .map(node => node['Node Type'])
    assert.ok(counting.includes('Index Only Scan'), counting.join(', '))
  })

  test('operations go some time after they have ended, with their targets, a few at once; open ones stay', async () => {
    const inside = cloud.cloud.database.db
    await sql`insert into operation (id, kind, noun, created_at, ended_at)
      select gen_random_uuid(), case when n % 3 = 0 then 'open' else 'ended' end, 'test', now() - interval '200 days',
        case when n % 3 <> 0 then now() - n % 3 * interval '60 days' end from generate_series(1, 900) n`.execute(inside)
    await sql`insert into operation_target (operation_id, resource_id, generation)
      select id, gen_random_uuid(), 1 from operation where noun = 'test'`.execute(inside)
    const left = async () =>
      (await sql<{ n: number }>`select count(*)::int as n from operation where noun = 'test'`.execute(inside)).rows[0]
        ?.n
    assert.equal(await left(), 900)
    // 300 are open, 300 ended 60 days ago, 300 ended 120 days ago.
    assert.equal(await cleanUp(cloud.cloud), true)
    assert.equal(await left(), 700)
    assert.equal(await cleanUp(cloud.cloud), false)
    assert.equal(await left(), 600)
    const targets = await sql<{ n: number }>`select count(*)::int as n from operation_target`.execute(inside)
    assert.equal(targets.rows[0]?.n, 600)
  })
})
