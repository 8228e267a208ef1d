/**
 * The states that lists are filtered and sorted by are those that are shown: over every combination of what makes them, through
 * everything that changes them, and when much of that happens at once.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { type InstanceState, instanceStates } from '../../../src/model/instance.ts'
import { stateOfRow } from '../../../src/controller/store/instance-shown.ts'
import { expectedFor_ms } from '../../../src/controller/agents/links.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const both = [false, true]

/** All that there are: an older or newer generation differs in nothing but its order. */
function situations() {
  const reports = (['absent', 'running', 'stopped', 'paused', 'crashed'] as const).flatMap(power =>
    [4, 5].flatMap(applied_generation => [null, 'No.'].map(failure => ({ power, applied_generation, failure }))),
  )
  return (['running', 'stopped'] as const).flatMap(wanted_power =>
    both.flatMap(deleted =>
      both.flatMap(held =>
        both.flatMap(answers =>
          both.flatMap(moving =>
            [{ power: null, applied_generation: null, failure: null }, ...reports].flatMap(report =>
              [null, 4, 5].map(grows_from => ({
                ...{ wanted_power, generation: 5, deleted, held, answers, moving, grows_from },
                ...report,
              })),
            ),
          ),
        ),
      ),
    ),
  )
}

describe('controller/instance-state', () => {
  let cloud: TestCloud
  let hosts: ObedientHost[]
  let body: Record<string, unknown>

  before(async () => {
    cloud = await testCloud()
    hosts = []
    for (const name of ['h1', 'h2', 'h3']) hosts.push(await addHost(cloud, name, { memory_mib: 64_000, cpus: 16 }))
    await liftQuotas(cloud)
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const network_id = await addNetwork(cloud)
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks: [{ network_id }] }
  })
  after(() => cloud.close())
  beforeEach(() => {
    for (const host of hosts) Object.assign(host, { silent: false, failure: null })
  })

  const hostOf = ({ host_id }: Instance): ObedientHost => {
    const found = hosts.find(one => one.id === host_id)
    assert.ok(found)
    return found
  }
  async function create(name: string, many = 1): Promise<Instance[]> {
    const asked = { ...body, name, count: many }
    const made = await cloud.request('POST', '/v1/instances', { body: asked, headers: { prefer: 'wait=20' } })
    return replyOf(instanceRoutes.create, made).items
  }
  const count = (all: Instance[], { id }: ObedientHost) => all.filter(one => one.host_id === id).length
  const on = (all: Instance[], { id }: ObedientHost) =>
    all.find(one => one.host_id === id && one.name.startsWith('anew'))?.id
  async function list(query: string): Promise<Instance[]> {
    const listed = await cloud.request('GET', `/v1/instances?${query}`)
    return replyOf(instanceRoutes.list, listed).items
  }
  const act = async (one: Instance, verb: string) => {
    const acted = await cloud.request('POST', `/v1/instances/${one.id}/${verb}`, { body: {} })
    assert.equal(acted.status, 202, JSON.stringify(acted.body))
  }

  /** What is kept is what is shown, of each instance there is; and each list has exactly its own. */
  async function mustAgree(): Promise<Map<InstanceState, number>> {
    const { rows: kept } = await sql<{ id: string; state: InstanceState; name: string }>`
      select instance_id as id, state, name from instance_state order by 1`.execute(cloud.cloud.database.db)
    const shown = [...(await list('limit=1000')), ...(await list('limit=1000&deleted=true'))]
    assert.deepEqual(
      kept,
      shown.map(({ id, state, name }) => ({ id, state, name })).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    )
    const counts = new Map<InstanceState, number>()
    for (const state of instanceStates) {
      const found = await list(`limit=1000&state=${state}`)
      assert.deepEqual(
        found.map(one => one.id),
        kept.filter(one => one.state === state).map(one => one.id),
        state,
      )
      counts.set(state, found.length)
    }
    return counts
  }

  test('the rule in the database is the rule of the model, over every combination', async () => {
    const all = situations()
    assert.equal(all.length, 2 ** 5 * 21 * 3)
    const { rows } = await sql<{ state: string }>`
      select instance_state_of(wanted_power, generation, deleted, held, power,
        instance_applied(applied_generation, power, generation, grows_from), failure, answers, moving) as state
      from jsonb_to_recordset(${JSON.stringify(all.map((one, n) => ({ n, ...one })))}::jsonb) as r (wanted_power text, generation bigint, deleted boolean,
        held boolean, power text, applied_generation bigint, failure text, answers boolean, moving boolean, grows_from bigint, n bigint) order by n`.execute(
      cloud.cloud.database.db,
    )
    const wrong = all.filter((one, n) => {
      const expected = stateOfRow({
        ...one,
        deleted_at: one.deleted ? new Date() : null,
        held_generation: one.held ? 6 : null,
        migration_id: one.moving ? 'some' : null,
      })
      return rows[n]?.state !== expected
    })
    assert.deepEqual(wrong, [])
  })

  test('through all that changes it: power, failure, deletion, moving, a host that goes and comes', async () => {
    const [runs, stops, fails, gone, moves] = await create('vm', 5)
    assert.ok(runs && stops && fails && gone && moves)
    assert.equal((await mustAgree()).get('running'), 5)
    await act(stops, 'stop')
    await cloud.request('DELETE', `/v1/instances/${gone.id}`, { headers: { prefer: 'wait=10' } })
    hostOf(fails).failure = 'The disk is full.'
    await act(fails, 'reboot')
    await eventually(async () => {
      const counts = await mustAgree()
      assert.deepEqual(
        [counts.get('running'), counts.get('stopped'), counts.get('error'), counts.get('deleted')],
        [2, 1, 1, 1],
      )
    })
    hostOf(fails).failure = null
    for (const host of hosts) host.silent = true
    await act(stops, 'start')
    assert.equal((await cloud.request('POST', `/v1/instances/${moves.id}/migrate`, { body: {} })).status, 202)
    const busy = await mustAgree()
    assert.deepEqual([busy.get('starting'), busy.get('migrating')], [1, 1])
    const there = hostOf(runs)
    await there.disconnect()
    await eventually(async () => assert.ok(((await mustAgree()).get('unknown') ?? 0) >= 1))
    assert.ok((await list('state=unknown')).some(one => one.id === runs.id))
    for (const host of hosts) host.silent = false
    await there.connect()
    await eventually(async () => assert.equal((await mustAgree()).get('unknown'), 0))
    await cloud.request('PATCH', `/v1/instances/${runs.id}`, { body: { name: 'aaa' } })
    await mustAgree()
    assert.equal((await list('state=running&sort=name'))[0]?.id, runs.id)
  })

  test('one of several states, with other filters, in every order, page by page', async () => {
    const all = await list('limit=1000')
    const wanted = all.filter(one => one.state !== 'running').map(one => one.id)
    const query = instanceStates
      .filter(one => !['running', 'deleted', 'deleting'].includes(one))
      .map(one => `state=${one}`)
    assert.deepEqual((await list(query.join('&'))).map(one => one.id).toSorted(), wanted.toSorted())
    const names = (items: Instance[]) => items.map(one => one.name)
    const running = all.filter(one => one.state === 'running')
    const one_host = running[0]?.host_id
    assert.deepEqual(
      names(await list(`state=running&host_id=${one_host}&sort=name`)),
      names(running.filter(one => one.host_id === one_host)).toSorted(),
    )
    assert.deepEqual(names(await list('state=running&search=AA')), ['aaa'])
    for (const sort of ['state', '-state', 'name', '-name', 'created_at', '-created_at', 'id', '-id']) {
      const whole = await list(`sort=${sort}&state=running&state=stopped&state=error&state=starting`)
      const paged: Instance[] = []
      let cursor = ''
      do {
        const path = `/v1/instances?sort=${sort}&limit=1&state=running&state=stopped&state=error&state=starting${cursor}`
        const page = await cloud.request('GET', path)
        paged.push(...replyOf(instanceRoutes.list, page).items)
        cursor = page.body.next === null ? '' : `&cursor=${String(page.body.next)}`
      } while (cursor !== '')
      assert.deepEqual(names(paged), names(whole), sort)
      const field = sort.replace('-', '') as 'name'
      const keys = whole.map(one => one[field])
      assert.deepEqual(keys, sort.startsWith('-') ? keys.toSorted().toReversed() : keys.toSorted(), sort)
    }
    assert.deepEqual(
      (await list('sort=state')).map(one => one.state),
      all.map(one => one.state).toSorted(),
    )
    assert.ok((await list('sort=state&deleted=true')).every(one => one.state === 'deleted'))
    assert.deepEqual(await list('state=deleted&deleted=false'), [])
    assert.equal((await cloud.request('GET', '/v1/instances?state=asleep')).status, 422)
  })

  test('a controller that starts anew: its former links are none, and instances are shown as they were while their hosts dial again', async () => {
    const { agents, database, self } = cloud.cloud
    const { db } = database
    await create('anew', 9)
    const before = await list('limit=1000')
    const [back, lost] = hosts.toSorted((a, b) => count(before, b) - count(before, a))
    assert.ok(back && lost && count(before, back) > 0 && count(before, lost) > 0)
    // Of those that nothing else happens to.
    const calm = before.filter(one => one.name.startsWith('anew'))
    const unknown = async () => {
      // Others start meanwhile, which a host that was silent hears of as it comes back.
      await eventually(mustAgree)
      return (await list('state=unknown&limit=1000')).filter(one => one.name.startsWith('anew')).length
    }
    // As a controller that was killed has left it.
    for (const one of [back, lost]) await one.disconnect()
    await eventually(async () => assert.equal(await unknown(), count(calm, back) + count(calm, lost)))
    const ids = [back.id, lost.id]
    await db.updateTable('host').set({ session_controller_id: self.id }).where('id', 'in', ids).execute()
    assert.equal(await unknown(), 0)
    const links = () =>
      db
        .selectFrom('host')
        .select(['session_controller_id', 'lease_left_ms', 'counted_at_end'])
        .where('id', 'in', ids)
        .execute()
    const told = async (of: readonly string[]) =>
      (
        await db
          .selectFrom('event')
          .select('seq')
          .where('resource_id', 'in', of)
          .where('kind', '=', 'changed')
          .execute()
      ).length
    const of_calm = () => told(calm.map(one => one.id))

    const [events, of_hosts] = [await of_calm(), await told(ids)]
    await agents.writeOffFormer()
    for (const row of await links()) {
      assert.equal(row.session_controller_id, null, 'whoever decides goes by that')
      assert.ok(Number(row.lease_left_ms) > 30_000 && row.counted_at_end !== null)
    }
    assert.equal(await unknown(), 0)
    const { body: refused, status } = await cloud.request('POST', `/v1/instances/${on(before, back)}/migrate`, {
      body: {},
    })
    assert.equal(status, 503, JSON.stringify(refused))
    await back.connect()
    assert.equal(await unknown(), 0)
    assert.equal(await of_calm(), events, 'of instances nobody is told anything')
    assert.equal(await told(ids), of_hosts + 3)
    await agents.endExpected()
    assert.equal(await unknown(), 0, 'the other one is waited for')

    const later = (interval: string) =>
      sql`update host set last_seen_at = last_seen_at - ${interval}::interval`.execute(db)
    await later('31 seconds')
    await agents.endExpected()
    assert.equal(await unknown(), 0, 'others were coming a moment ago')
    assert.deepEqual([expectedFor_ms(4999), expectedFor_ms(5000)], [180_000, 30_000])
    await later('150 seconds')
    await agents.endExpected()
    assert.equal(await unknown(), count(calm, lost))
    assert.equal(await of_calm(), events + count(calm, lost))
    assert.deepEqual(await db.selectFrom('host').select('id').where('expected_epoch', 'is not', null).execute(), [])
    await lost.connect()
    assert.equal(await unknown(), 0)
    assert.equal(await of_calm(), events + 2 * count(calm, lost))
  })

  test('much at once: many are acted on, and hosts go and come meanwhile; nobody waits in a circle', async () => {
    const many = await create('crowd', 24)
    const { rows: before } = await sql<{ deadlocks: number }>`
      select deadlocks::int from pg_stat_database where datname = current_database()`.execute(cloud.cloud.database.db)
    for (let round = 0; round < 2; round++) {
      await Promise.all([
        ...many.map(one =>
          cloud.request('POST', `/v1/instances/${one.id}/${round % 2 ? 'start' : 'stop'}`, { body: {} }),
        ),
        ...hosts.slice(0, 2).map(async host => {
          await host.disconnect()
          await host.connect()
        }),
        create(`late-${round}`, 2),
      ])
    }
    await eventually(async () => {
      const counts = await mustAgree()
      for (const passing of ['starting', 'stopping', 'unknown'] as const) assert.equal(counts.get(passing), 0, passing)
    })
    const { rows } = await sql<{ deadlocks: number }>`
      select deadlocks::int from pg_stat_database where datname = current_database()`.execute(cloud.cloud.database.db)
    assert.equal(rows[0]?.deadlocks, before[0]?.deadlocks)
  })

  test('what is shown while a host is expected is not what is shown for ever: whether it answers is told with the state', async () => {
    const { agents, database, self } = cloud.cloud
    const [one] = await create('guarded')
    assert.ok(one)
    const there = hostOf(one)
    // As if they shared a pool and kept leases, from here on: a watchdog, then, is all that is missing.
    await sql`with shared as (insert into pool (id) values (gen_random_uuid()) returning id)
      update host set pool_id = shared.id, keeps_leases = true from shared`.execute(database.db)
    await sql`update instance set availability = 'high', guard_from = 1 where id = ${one.id}`.execute(database.db)
    const told = async () => {
      const { state, ha_obstacle } = replyOf(instanceRoutes.get, await cloud.request('GET', `/v1/instances/${one.id}`))
      return [state, ha_obstacle?.includes('fell silent')]
    }
    assert.deepEqual(await told(), ['running', false])
    await there.disconnect()
    await eventually(async () => assert.deepEqual(await told(), ['unknown', true]))
    const linked = database.db.updateTable('host').set({ session_controller_id: self.id }).where('id', '=', there.id)
    await linked.execute()
    await agents.writeOffFormer()
    assert.deepEqual(await told(), ['running', false])
    await linked.execute()
    assert.deepEqual(await told(), ['running', false])
  })
})
