/** Filters that let in many of what there are tens of thousands of: a page costs what it holds, wherever in the list those are that fit. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { instance } from '../../../src/controller/store/instance.ts'
import { migration } from '../../../src/controller/store/migration.ts'
import { operation } from '../../../src/controller/store/operation.ts'
import type { Schema } from '../../../src/controller/store/schema.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addManyInstances } from '../../support/many-instances.ts'
import { testDatabase } from '../../support/postgres.ts'
import { keptQueryPlan, nodesOf, queryPlan } from '../../support/query-plans.ts'

const count = 30_000

describe('controller/wide-lists', { timeout: 180_000 }, () => {
  let own: Awaited<ReturnType<typeof testDatabase>>
  let cloud: TestCloud
  let pool: pg.Pool
  let asked: { sql: string; parameters: readonly unknown[] }[] = []
  let db: Kysely<Schema>

  before(async () => {
    own = await testDatabase()
    cloud = await testCloud({ database_url: own.url })
    await addManyInstances(cloud, count)
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

  test('instances by availability and zone, migrations by outcome and kind, operations by time: rare ones cost no more', async () => {
    const inside = cloud.cloud.database.db
    // Those that were made last: a zone that came later has no others.
    const zone_id = crypto.randomUUID()
    await sql`insert into zone (id, name) values (${zone_id}, 'late')`.execute(inside)
    await sql`update instance set zone_id = ${zone_id}, availability = 'high'
      where id in (select id from instance order by created_at desc limit 300)`.execute(inside)
    const [source, target] = await inside.selectFrom('host').select('id').limit(2).execute()
    await sql`insert into migration (id, instance_id, instance_name, project_id, kind, source_host_id, target_host_id, phase, outcome,
        vcpus, memory_mib, disk_gib, ended_at)
      select gen_random_uuid(), id, name, project_id, case when n <= 300 then 'evacuation' else 'live' end, ${source?.id}, ${target?.id}, 'ended',
        case when n <= 300 then 'failed' else 'succeeded' end, 1, 128, 1, now()
      from (select *, row_number() over (order by id) as n from instance) i`.execute(inside)
    await sql`insert into operation (id, kind, noun, project_id, created_at, ended_at)
      select gen_random_uuid(), 'instance.start', 'instance', project_id, created_at, now() from instance`.execute(
      inside,
    )
    await sql`analyze`.execute(inside)
    type List = (page: {
      limit: number
      cursor: string | undefined
    }) => Promise<{ items: unknown[]; next: string | null }>
    const listed = ['instance', 'migration', 'operation']
    const mustBeCheap = async (what: string, list: List) => {
      let cursor: string | undefined
      for (let page = 0; page < 2; page++) {
        asked = []
        const { items, next } = await list({ limit: 100, cursor })
        assert.equal(items.length, 100, what)
        cursor = next ?? undefined
        assert.ok(cursor, what)
        const { sql: text, parameters } = asked[0] ?? { sql: '', parameters: [] }
        for (const node of nodesOf(await (page === 1 ? keptQueryPlan : queryPlan)(pool, text, parameters))) {
          if (!listed.includes(node['Relation Name'] ?? '')) continue
          const rows =
            ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1)
          assert.ok(
            rows <= 500,
            `page ${page} of ${what}: ${rows} rows of ${node['Relation Name']} are read by ${node['Node Type']}`,
          )
        }
      }
    }
    for (const project_id of [null, cloud.project_id]) {
      for (const sort of ['id', 'name', '-name', '-created_at']) {
        for (const wish of [{ zone_id }, { availability: 'high' as const }, { availability: 'restart' as const }])
          await mustBeCheap(`instances by ${sort} with ${JSON.stringify(wish)}`, page =>
            instance.list(db, { project_id, sort, ...wish, ...page }),
          )
      }
      for (const sort of ['created_at', '-created_at', '-id'])
        await mustBeCheap(`operations by ${sort}`, page => operation.list(db, { project_id, sort, ...page }))
    }
    for (const wish of [{ outcome: 'failed' }, { kind: 'evacuation' }, { outcome: 'succeeded', kind: 'live' }] as const)
      await mustBeCheap(`migrations with ${JSON.stringify(wish)}`, page => migration.list(db, { ...wish, ...page }))
  })
})
