/**
 * A restart elsewhere for which no host was found waits, and what is told of it ends with what becomes of its instance: its host is back, it goes
 * elsewhere after all, or it is not wanted any more. How instances are restarted: ha-restart.test.ts.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, afterEach, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { poolOf } from '../../../sim/facts.ts'
import { type HaRestart, haRestartRoutes } from '../../../src/api/ha-restart.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { settleWaiting } from '../../../src/controller/reconcilers/ha-waiting.ts'
import { channels } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { splitScript } from '../../../src/controller/store/migrate.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/ha-waiting', { timeout: 120_000 }, () => {
  let cloud: TestCloud
  let body: Record<string, unknown>
  let hosts: ObedientHost[] = []
  let count = 0

  before(async () => {
    cloud = await testCloud()
    await liftQuotas(cloud)
    const set = await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value: 0 } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    const flavor = await cloud.request('POST', '/v1/flavors', {
      body: { name: 'gib', vcpus: 1, memory_mib: 1024, disk_gib: 1 },
    })
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavor.body.id, image_id: await addImage(cloud), networks }
  })
  after(() => cloud.close())
  afterEach(async () => {
    const { db } = cloud.cloud.database
    for (const host of hosts) await host.disconnect()
    for (const table of ['ha_restart', 'migration', 'host_absence', 'zone_storm'] as const)
      await db.deleteFrom(table).execute()
    const ids = hosts.map(host => host.id)
    await db.deleteFrom('volume').where('host_id', 'in', ids).execute()
    await db.deleteFrom('instance').where('host_id', 'in', ids).execute()
    await db.updateTable('host').set({ removed_at: new Date() }).where('id', 'in', ids).execute()
    hosts = []
  })

  const look = () => cloud.cloud.database.transaction(tx => event.notify(tx, channels.absence, ''))
  const until = <T>(read: () => Promise<T | undefined | false>): Promise<T> => untilEvent(cloud, read)
  async function newest(id: string): Promise<HaRestart | undefined> {
    return (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items[0]
  }

  async function lose(host: ObedientHost): Promise<void> {
    await host.disconnect()
    await sql`update host_absence set fenced_at = croft_now(), fenced_by = 'person', asked_at = croft_now()
      where host_id = ${host.id}::uuid`.execute(cloud.cloud.database.db)
    await look()
  }

  /** On a host that is lost, while another has no room for it. */
  async function waiting(): Promise<{ id: string; first: ObedientHost; other: ObedientHost; told: HaRestart }> {
    count += 1
    const facts = (n: number) => ({ ...poolOf(crypto.randomUUID()), tunnel_address: `192.0.2.${count * 10 + n}` })
    const pool = facts(0)
    const first = await addHost(cloud, `w${count}-1`, { cpus: 64, memory_mib: 4096 }, { ...facts(1), ...only(pool) })
    const other = await addHost(cloud, `w${count}-2`, { cpus: 64, memory_mib: 4096 }, { ...facts(2), ...only(pool) })
    hosts = [first, other]
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name: 'vital', host_id: first.id, availability: 'high' },
      headers: { prefer: 'wait=20' },
    })
    const id = replyOf(instanceRoutes.create, made).items[0]?.id ?? ''
    await schedulable(other, false)
    await lose(first)
    const told = await until(() => newest(id))
    assert.deepEqual([told.outcome, told.ended_at], ['no_room', null], 'it waits')
    assert.match(told.reason, /^Not restarted yet: /)
    return { id, first, other, told }
  }
  const only = ({ tunnel_address: _, ...rest }: ReturnType<typeof poolOf> & { tunnel_address: string }) => rest
  const schedulable = (host: ObedientHost, value: boolean) =>
    cloud.request('PATCH', `/v1/hosts/${host.id}`, { body: { schedulable: value } })
  const ended = (id: string, of: HaRestart) =>
    until(async () => {
      await look()
      const { items } = await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })
      const one = items.find(found => found.id === of.id)
      return one?.ended_at != null && one
    })

  test('its host comes back: it is told that it runs there, and since when, and nothing more of what was lacking', async () => {
    const { id, first, told } = await waiting()
    await first.connect()
    const one = await ended(id, told)
    assert.equal(one.outcome, 'running')
    assert.deepEqual([one.to_host, one.failure], [first.name, null])
    assert.match(one.reason, /^Not restarted elsewhere: .* Its host came back; it runs there since \d{4}-.*Z\.$/)
    assert.ok(Date.parse(one.ended_at ?? '') > Date.parse(one.begun_at))
  })

  test('its host comes back with another instance, which goes on to have news: it is told all the same', async () => {
    const { id, first, told } = await waiting()
    const { db } = cloud.cloud.database
    // Beside it, of no importance: its owner has it back with its host.
    const made = await sql<{ id: string }>`insert into instance select * from jsonb_populate_record(null::instance,
      (select to_jsonb(i) || jsonb_build_object('id', gen_random_uuid(), 'name', 'chatty', 'availability', 'restart') from instance i
        where i.id = ${id}::uuid)) returning id`.execute(db)
    const chatty = made.rows[0]?.id ?? ''
    let n = 0
    first.onWanted = () => first.tell({ guest_addresses: [`192.0.2.${n++}`] }, [chatty])
    await first.connect()
    const news = setInterval(() => first.onWanted?.(), 50)
    try {
      assert.equal((await ended(id, told)).outcome, 'running')
    } finally {
      clearInterval(news)
    }
  })

  test('what was seen of it before says nothing: its host is back, and has not spoken of it yet', async () => {
    const { id, first, told } = await waiting()
    first.silent = true
    await first.connect()
    await sql`update host set last_seen_at = croft_now() - interval '1 minute' where id = ${first.id}::uuid`.execute(
      cloud.cloud.database.db,
    )
    assert.deepEqual(await settleWaiting(cloud.cloud, null), { waits: true, next: null })
    assert.equal((await newest(id))?.ended_at, null)
    first.silent = false
    await first.tellAndWait({}, id)
    assert.equal((await ended(id, told)).outcome, 'running')
  })

  test('of many no more than a few are settled at a time, one after the other', async () => {
    const { id } = await waiting()
    const { db } = cloud.cloud.database
    await sql`insert into ha_restart select r.* from generate_series(1, 59), lateral (select n.* from ha_restart o, jsonb_populate_record(
      null::ha_restart, to_jsonb(o) || jsonb_build_object('id', gen_random_uuid(), 'more', generate_series)) n where o.instance_id = ${id}::uuid) r`.execute(
      db,
    )
    await sql`update instance set availability = 'restart' where id = ${id}::uuid`.execute(db)
    // The leader's own passes may be quicker, and do no more at a time either.
    const { database } = cloud.cloud
    let settled = 0
    const transaction: typeof database.transaction = work => {
      settled += 1
      return database.transaction(work)
    }
    const counting = { ...cloud.cloud, database: Object.assign(Object.create(database), { transaction }) }
    let next: string | null = null
    for (let n = 0; n < 3; n++) {
      settled = 0
      const done: { waits: boolean; next: string | null } = await settleWaiting(counting, next)
      next = done.next
      assert.ok(settled <= 25, `${settled} at once`)
    }
    assert.deepEqual(await settleWaiting(cloud.cloud, next), { waits: false, next: null })
  })

  test('those of losses that were over before are closed as the schema is brought up to date, and the others wait on', async () => {
    const { id, told } = await waiting()
    const { db } = cloud.cloud.database
    const over = crypto.randomUUID()
    await sql`insert into ha_restart select r.* from ha_restart o, jsonb_populate_record(null::ha_restart, to_jsonb(o) || jsonb_build_object(
      'id', ${over}::text, 'begun_at', o.begun_at - interval '9 days', 'ended_at', o.begun_at - interval '9 days')) r
      where o.id = ${told.id}::uuid`.execute(db)
    const script = await readFile('src/controller/migrations/0036-waiting.sql', 'utf8')
    for (const one of splitScript(script)) if (/^update/m.test(one)) await sql.raw(one).execute(db)
    const { items } = await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })
    const [waits, closed] = [told.id, over].map(each => items.find(one => one.id === each))
    assert.deepEqual([waits?.outcome, waits?.ended_at, waits?.reason], ['no_room', null, told.reason])
    assert.equal(closed?.outcome, 'no_room')
    assert.equal(Date.parse(closed.ended_at ?? '') - Date.parse(closed.begun_at), 1)
    assert.match(closed.reason, /^Not restarted at once: .* What came of it later was not noted\.$/)
  })

  test('its host comes back and cannot start it: that is what has come of it', async () => {
    const { id, first, told } = await waiting()
    first.failure = 'its pool is not mounted'
    await first.connect()
    const one = await ended(id, told)
    assert.deepEqual([one.outcome, one.to_host], ['failed', null])
    assert.match(one.failure ?? '', /came back, and it does not come up there: its pool is not mounted/)
  })

  test('it goes to another host after all: until then none could take it', async () => {
    const { id, other, told } = await waiting()
    await schedulable(other, true)
    const one = await ended(id, told)
    assert.equal(one.outcome, 'no_room')
    assert.match(one.reason, new RegExp(`^Not restarted at once: .* Later ${other.name} could take it\\.$`))
    await until(async () => (await newest(id))?.outcome === 'running')
  })

  test('evacuated by hand, it waits no longer', async () => {
    const { id, other, told } = await waiting()
    await sql`update instance set availability = 'restart' where id = ${id}::uuid`.execute(cloud.cloud.database.db)
    await schedulable(other, true)
    const moved = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: {} })
    assert.equal(moved.status, 202, JSON.stringify(moved.body))
    assert.match((await ended(id, told)).reason, /^Not restarted (at once|elsewhere)/)
  })

  const changes = {
    'made not highly available': ['PATCH', '', { availability: 'restart' }, /not highly available/],
    'deleted by its owner': ['DELETE', '', undefined, /was deleted/],
    'wanted off by its owner': ['POST', '/stop', {}, /wanted off/],
  } as const
  for (const [what, [method, path, asked, failure]] of Object.entries(changes)) {
    test(`${what}, it waits no longer`, async () => {
      const { id, told } = await waiting()
      const done = await cloud.request(method, `/v1/instances/${id}${path}`, asked && { body: asked })
      assert.ok(done.status < 300, JSON.stringify(done.body))
      const one = await ended(id, told)
      assert.equal(one.outcome, 'given_up')
      assert.match(one.failure ?? '', failure)
      assert.match(one.reason, /^Not restarted elsewhere: /)
    })
  }
})
