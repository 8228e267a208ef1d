/**
 * Lists stay fast: every order and filter that a list of instances allows reads as many rows as its page has, with 100,000
 * there; and old operations go in small steps.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { cleanUp } from '../../../src/controller/reconcilers/cleanup.ts'
import { type Concern, event } from '../../../src/controller/store/event.ts'
import { haWaiting } from '../../../src/controller/store/ha-waiting.ts'
import { host } from '../../../src/controller/store/host.ts'
import { instance } from '../../../src/controller/store/instance.ts'
import { port } from '../../../src/controller/store/port.ts'
import { plan_is_kept } from '../../../src/controller/store/prepared.ts'
import type { Schema } from '../../../src/controller/store/schema.ts'
import { volume } from '../../../src/controller/store/volume.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addManyInstances } from '../../support/many-instances.ts'
import { testDatabase } from '../../support/postgres.ts'
import { keptQueryPlan, nodesOf, type Plan, queryPlan } from '../../support/query-plans.ts'
import { openDatabase } from '../../../src/controller/store/database.ts'
import { migrate } from '../../../src/controller/store/migrate.ts'

const count = 100_000

async function prepare(url: string): Promise<void> {
  const database = openDatabase({ url, onError: console.error })
  await migrate(database.db)
  await database.close()
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
    await addManyInstances(cloud, count)
    await sql`insert into volume (id, project_id, instance_id, host_id, name, role, size_gib)
      select gen_random_uuid(), project_id, id, host_id, name, 'root', 1 from instance`.execute(inside)
    // Its hosts are not linked: as if they had been, most run, a few have failed, all over the list.
    await sql`update instance_state set state = case when right(name, 3) < '005' then 'error' when right(name, 1) < '4' then 'stopped'
      else 'running' end`.execute(inside)
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

  const planOf = (text: string, parameters: readonly unknown[]) => queryPlan(pool, text, parameters)
  const keptPlanOf = (text: string, parameters: readonly unknown[]) => keptQueryPlan(pool, text, parameters)

  /** No table is read whole, and nothing much beyond the page is read of any. */
  async function mustBeShort(what: string, list: () => Promise<unknown>, often = false): Promise<void> {
    asked = []
    await list()
    for (const { sql: text, parameters } of asked) {
      const plan = await (often || text.includes(plan_is_kept) ? keptPlanOf : planOf)(text, parameters)
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
          assert.ok(asked[0]?.sql.trimEnd().endsWith(plan_is_kept))
        }
      })
    }
  }

  test('instances by state, and of states: rare ones cost no more than frequent ones, on any page', async () => {
    const wishes = [
      { sort: '-state' },
      ...['id', 'name', '-created_at'].map(sort => ({ sort, state: ['error'] as const })),
      ...['name', 'state'].map(sort => ({ sort, state: ['error', 'stopped', 'unknown'] as const })),
    ]
    for (const project_id of [null, cloud.project_id]) {
      for (const wish of wishes) {
        let cursor: string | undefined
        for (let page = 0; page < 2; page++) {
          const given = cursor
          const list = async () => {
            cursor = (await instance.list(db, { project_id, ...wish, limit: 100, cursor: given })).next ?? undefined
          }
          await mustBeShort(`page ${page} of ${JSON.stringify(wish)}`, list, page === 1)
        }
      }
      const narrow = { project_id, state: ['error'] as const, limit: 100 }
      const [{ host_id } = { host_id: null }] = (await instance.list(db, narrow)).items
      await mustBeShort('of a host', () => instance.list(db, { ...narrow, host_id: String(host_id), sort: 'name' }))
      await mustBeShort('with a part of a name', () => instance.list(db, { ...narrow, search: '0a1b', sort: 'name' }))
    }
  })

  test('an id, its beginning, an address and a MAC are found without a look at all', async () => {
    const [one] = (await instance.list(db, { project_id: null, sort: 'name', limit: 1 })).items
    assert.ok(one)
    for (const project_id of [null, cloud.project_id]) {
      for (const search of [
        one.id,
        one.id.slice(0, 8).toUpperCase(),
        one.id.slice(0, 11),
        one.id.slice(-8),
        one.id.slice(-13),
      ]) {
        const found: string[] = []
        await mustBeShort(`instances by ${search}`, async () => {
          found.push(...(await instance.list(db, { project_id, search, sort: 'name' })).items.map(item => item.id))
        })
        assert.ok(found.includes(one.id), search)
        await mustBeShort(`volumes by ${search}`, () => volume.list(db, project_id, { search, limit: 5 }))
      }
      for (const search of ['10.0.0.5', '10.0.3', '2001:db8::5', '2001:db8:7:', 'fa:16:3e:00:00:01']) {
        await mustBeShort(`instances by ${search}`, () => instance.list(db, { project_id, search, limit: 5 }))
      }
    }
  })

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

  test('of all that happened only what concerns somebody is read, from whatever place they go on', async () => {
    const inside = cloud.cloud.database.db
    const [me, project_id] = [crypto.randomUUID(), crypto.randomUUID()]
    const own = [
      { noun: 'plugin', user_id: null },
      { noun: 'key-pair', user_id: me },
      { noun: 'role-grant', user_id: null, detail: { user_id: me } },
      { noun: 'project', user_id: me, project_id: cloud.project_id },
    ]
    const record = (events: readonly object[]) =>
      event.record(
        inside,
        events.map(one => ({
          kind: 'changed',
          resource_id: crypto.randomUUID(),
          project_id: null,
          ...(one as { noun: string }),
        })),
      )
    const from = { xid: '0', seq: 0 }
    const [given] = (await instance.list(db, { project_id: null, limit: 1 })).items
    assert.ok(given)
    const operation_id = crypto.randomUUID()
    await sql`insert into operation (id, kind, noun, resource_id) values (${operation_id}, 'instance.stop', 'instance', ${given.id})`.execute(
      inside,
    )
    const of_given = { user_id: null, project_id: cloud.project_id }
    await record([
      { noun: 'instance', resource_id: given.id, ...of_given },
      { noun: 'operation', resource_id: operation_id, ...of_given },
    ])
    await record(own)
    await sql`insert into event (noun, kind, resource_id, project_id, user_id, detail)
      select (array['host', 'migration', 'audit', 'key-pair', 'instance', 'role-grant'])[n % 6 + 1], 'changed', gen_random_uuid(),
        case when n % 6 > 3 then ${cloud.project_id}::uuid end, ${cloud.admin_user_id}, '{"user_id": "somebody else"}'
      from generate_series(1, 60000) n`.execute(inside)
    await record(own)
    await sql`analyze event`.execute(inside)
    const wishes: [number, Concern][] = [
      [8, { user_id: me, project_id: null, given: [], nouns: ['plugin'] }],
      [8, { user_id: me, project_id, given: [], nouns: ['plugin', 'flavor'] }],
      [10, { user_id: me, project_id: null, given: [given.id, crypto.randomUUID()], nouns: ['plugin'] }],
      [1000, { user_id: me, project_id: cloud.project_id, given: [], nouns: ['plugin', 'host', 'migration', 'audit'] }],
    ]
    for (const [count, concern] of wishes) {
      for (const often of [false, true]) {
        for (const read of [event.since, event.before]) {
          asked = []
          const found =
            read === event.before
              ? await event.before(db, null, 1000, { concern })
              : (await event.since(db, from, 1000, { concern })).events
          assert.equal(found.filter(one => one.resource_id !== project_id).length, count)
          assert.equal(new Set(found.map(one => one.cursor)).size, count)
          const [text = '', parameters = []] = [asked.at(-1)?.sql, asked.at(-1)?.parameters]
          let rows = 0
          for (const node of nodesOf(await (often ? keptPlanOf : planOf)(text, parameters))) {
            if (node['Relation Name'] !== 'event') continue
            rows += ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1)
          }
          // Of each place as many as might be wanted, and no more.
          assert.ok(
            rows <= (concern.nouns.length + 3) * count + 20,
            `${JSON.stringify(concern)}: ${rows} rows are read for ${count}`,
          )
        }
      }
    }
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

  test('what begins alike in others projects is not looked at, and never found; who sees all is held to a bound', async () => {
    const inside = cloud.cloud.database.db
    const alike = 10_000
    const found_max = 1000
    const made = await cloud.request('POST', '/v1/projects', { body: { name: 'elsewhere' } })
    const [here, elsewhere] = [cloud.project_id, String(made.body.id)]
    // All made in one minute, in many networks that have the same addresses.
    for (const [project_id, many] of [
      [here, alike],
      [elsewhere, 3],
    ] as const) {
      await sql`insert into instance (id, project_id, user_id, name, hostname, host_id, zone_id, flavor_id, flavor_name, image_name,
          vcpus, memory_mib, disk_gib, wanted_power)
        select overlay(md5(${project_id} || n)::text placing '01938abc' from 1 for 8)::uuid, ${project_id}, ${cloud.admin_user_id},
          'alike-' || n, 'vm', (select min(id::text)::uuid from host), (select id from zone), gen_random_uuid(), 'tiny', 'tiny', 1, 128, 1,
          'running' from generate_series(1, ${many}::int) n`.execute(inside)
      const network = (n: string) => sql`md5('network' || ${project_id} || ${sql.raw(n)})::uuid`
      await sql`insert into network (id, project_id, name, kind, mtu)
        select ${network('n')}, ${project_id}, 'n', 'overlay', 1400 from generate_series(0, ${many}::int / 250) n`.execute(
        inside,
      )
      await sql`insert into subnet (id, network_id, project_id, name, cidr, pool_start, pool_end, next_address)
        select md5(n.id || s.cidr)::uuid, n.id, n.project_id, 's', s.cidr::inet, s.first::inet, s.last::inet, s.first::inet
        from network n cross join (values ('10.0.3.0/24', '10.0.3.1', '10.0.3.254'),
          ('2001:db8:7::/64', '2001:db8:7::1', '2001:db8:7::ffff')) s (cidr, first, last)
        where n.project_id = ${project_id} and n.name = 'n'`.execute(inside)
      await sql`insert into port (id, network_id, project_id, mac, kind, instance_id)
        select md5('port' || i.id)::uuid, ${network('n / 250')}, ${project_id},
          ('06' || lpad(to_hex(n), 10, '0'))::macaddr, 'instance', i.id
        from (select id, substr(name, 7)::int as n from instance where project_id = ${project_id} and name like 'alike-%') i`.execute(
        inside,
      )
      await sql`insert into port_address (network_id, subnet_id, port_id, address)
        select p.network_id, md5(p.network_id || s.cidr)::uuid, p.id, s.first::inet + substr(i.name, 7)::int % 250
        from port p join instance i on i.id = p.instance_id
        cross join (values ('10.0.3.0/24', '10.0.3.1'), ('2001:db8:7::/64', '2001:db8:7::1')) s (cidr, first)
        where p.project_id = ${project_id}`.execute(inside)
    }
    await sql`analyze`.execute(inside)
    const of = async (project_id: string) => {
      const made = inside.selectFrom('instance').select('id').where('project_id', '=', project_id)
      return (await made.where('name', 'like', 'alike-%').execute()).map(row => row.id)
    }
    const own = await of(elsewhere)
    const foreign = (await of(here))[0] ?? ''

    /** What a list reads of the tables that hold what all projects have. */
    const readBy = async (list: () => Promise<{ items: { id: string }[] }>) => {
      asked = []
      const { items } = await list()
      let rows = 0
      for (const { sql: text, parameters } of asked) {
        for (const node of nodesOf(await planOf(text, parameters))) {
          if (!['port_address', 'port', 'instance'].includes(node['Relation Name'] ?? '')) continue
          rows += ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1)
        }
      }
      return { ids: items.map(one => one.id), rows }
    }
    for (const search of ['10.0.3', '10.0.3.', '2001:db8:7:', '2001:db8:7:0:', '01938abc', '01938ABC-']) {
      const found = await readBy(() => instance.list(db, { project_id: elsewhere, search }))
      assert.deepEqual(found.ids.toSorted(), own.toSorted(), search)
      assert.ok(found.rows <= 60, `${search}: ${found.rows} rows are read for 3 instances`)
      if (search.startsWith('0')) continue
      const ports = await readBy(() => port.list(db, elsewhere, { search }))
      assert.equal(ports.ids.length, 3)
      assert.ok(ports.rows <= 60, `${search}: ${ports.rows} rows are read for 3 ports`)
      // 20,006 begin so.
      const all = await readBy(() => port.list(db, null, { search, limit: 1000 }))
      assert.equal(all.ids.length, found_max)
      assert.ok(all.rows <= 4 * found_max, `${search}: ${all.rows} rows are read of all projects`)
      const few = await readBy(() => instance.list(db, { project_id: null, search, limit: 5 }))
      assert.equal(few.ids.length, 5)
      assert.ok(few.rows <= 5 * found_max, `${search}: ${few.rows} rows are read of all projects`)
    }
    for (const search of [foreign, foreign.slice(-12), foreign.slice(0, 18), '10.0.3.200', '06:00:00:00:00:09'])
      for (const list of [
        () => instance.list(db, { project_id: elsewhere, search }),
        () => port.list(db, elsewhere, { search }),
      ])
        assert.deepEqual(await readBy(list).then(found => found.ids), [], search)
    const [first = ''] = own
    for (const search of [first, first.slice(-12)]) {
      const found = await readBy(() => instance.list(db, { project_id: elsewhere, search }))
      assert.deepEqual(found.ids, [first], search)
      assert.ok(found.rows <= 60, `${search}: ${found.rows}`)
    }
  })

  test('restarts that wait are looked for without a look at those that have ended, also before anything is known of how many there are', async () => {
    const inside = cloud.cloud.database.db
    // They wait on: nothing has come of them.
    await sql`update instance set availability = 'high', wanted_power = 'running', deleted_at = null where right(name, 3) = '000'`.execute(
      inside,
    )
    await sql`insert into ha_restart (id, instance_id, project_id, from_host_id, from_host, fenced_by, lost_at, reason, outcome, begun_at, ended_at)
      select gen_random_uuid(), id, project_id, host_id, 'h', 'ipmi', croft_now(), 'Not restarted yet: x',
        case when right(name, 1) < '5' then 'no_room' else 'running' end, croft_now(),
        croft_now() + case when right(name, 3) = '000' then 0 else 1 end * interval '1 s'
      from instance`.execute(inside)
    for (const known of [false, true]) {
      if (known) await sql`analyze ha_restart`.execute(inside)
      asked = []
      await haWaiting.due(db, { after: null, limit: 25 })
      assert.equal(await haWaiting.any(db), true)
      assert.equal(asked.length, 2)
      for (const { sql: text, parameters } of asked) {
        for (const node of nodesOf(await planOf(text, parameters))) {
          const read = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)
          assert.ok(read * (node['Actual Loops'] ?? 1) <= 200, `${node['Node Type']} reads ${read}, ${known}\n${text}`)
        }
      }
    }
  })
})
