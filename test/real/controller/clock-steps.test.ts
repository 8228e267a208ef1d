/** A controller whose wall clock is set while it runs: how long somebody was silent is a length of time, which nobody sets. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { clockWhile, VirtualClock } from '../../../sim/clock.ts'
import { factsOf } from '../../../sim/facts.ts'
import { simulatedSamples } from '../../../sim/samples.ts'
import { EventHub } from '../../../src/controller/app/event-hub.ts'
import { image_lease_s } from '../../../src/controller/app/image-lease.ts'
import { restAt_s } from '../../../src/controller/app/maintenance.ts'
import { endUnrenewed, type SeenLeases } from '../../../src/controller/reconcilers/controllers.ts'
import { controller } from '../../../src/controller/store/controller.ts'
import type { Tx } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { elsewhere_again_s, haRestart } from '../../../src/controller/store/ha-restart.ts'
import { host } from '../../../src/controller/store/host.ts'
import { imageWork } from '../../../src/controller/store/image-work.ts'
import { leader } from '../../../src/controller/store/leader.ts'
import { maintenance } from '../../../src/controller/store/maintenance.ts'
import { realClock } from '../../../src/lib/clock.ts'
import { leaseTimes } from '../../../src/model/lease.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

const hour_ms = 3_600_000
const { heartbeat_ms, silence_ms_max } = leaseTimes

describe('controller/clock-steps', () => {
  const time = new VirtualClock(Date.now())
  const wall = { off_ms: 0 }
  let cloud: TestCloud
  let living: ObedientHost
  let dying: ObedientHost

  before(async () => {
    cloud = await testCloud({ clock: clockWhile(time, () => true, wall) })
    living = await addHost(cloud, 'living')
    dying = await addHost(cloud, 'dying')
    await dying.disconnect()
  })
  after(() => cloud.close())

  /** Time goes on by so much, with all that is due meanwhile. */
  const pass = (ms: number) => {
    const until_ms = time.steady_ms() + ms
    while (time.step(until_ms));
  }

  /** A link of a host of which nothing is heard any more once it has begun; and why it ended, as soon as it has. */
  async function lastWord(...words: object[]): Promise<{ ended: string | null; closed: Promise<void> }> {
    const begun = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const link = { ended: null as string | null, closed: closed.promise }
    const { agents } = cloud.cloud
    const session = agents.accept(dying.id, {
      send: frame => frame.type === 'wanted' && begun.resolve(),
      close: reason => {
        link.ended = reason
        void agents.closed(session).then(closed.resolve)
      },
    })
    await session.receive(JSON.stringify({ type: 'hello', protocol: 1, facts: factsOf('dying'), holds: [] }))
    await begun.promise
    for (const word of words) await session.receive(JSON.stringify(word))
    return link
  }

  test('a host is silent a while after the next word of it was due: its samples, if it needs no lease', async () => {
    const samples = { type: 'samples', taken_ms: 1, host: null, instances: [], asks_ms: 1 }
    const ping = { type: 'ping', sent_ms: 1 }
    for (const [words, silent] of [
      [[{ ...ping, within_ms: 10_500 }], /^silent for 2[12]\d{3} ms$/],
      [[{ ...samples, within_ms: 10_500 }], /^silent for 2[12]\d{3} ms$/],
      [[{ ...ping, within_ms: 60_000 }], /^silent for 2[12]\d{3} ms$/],
      [[{ ...ping, within_ms: 10_500 }, ping], /^silent for 1[67]\d{3} ms$/],
    ] as const) {
      const link = await lastWord(...words)
      pass(30_000)
      assert.match(String(link.ended), silent, JSON.stringify(words))
      await link.closed
    }
  })

  for (const [way, step_ms] of [
    ['forward', hour_ms],
    ['back', -hour_ms],
  ] as const) {
    test(`an hour ${way}: no link ends for it, and a host that is silent is found in its time`, async () => {
      const link = await lastWord()
      pass(heartbeat_ms)
      wall.off_ms += step_ms
      pass(silence_ms_max - heartbeat_ms - 1000)
      assert.deepEqual([living.ended, link.ended], [null, null], 'nobody was silent for too long')
      pass(3000)
      assert.match(String(link.ended), /^silent for 1[67]\d{3} ms$/)
      assert.equal(living.ended, null)
      await link.closed
      pass(10 * heartbeat_ms)
      assert.equal(living.ended, null)
    })
  }

  test('events are read on after a step back', { timeout: 60_000 }, async () => {
    const { database, log } = cloud.cloud
    const clock = clockWhile(realClock, () => true, wall)
    const hub = new EventHub({ database, clock, log })
    await hub.start()
    const heard = new Set<string>()
    let news = Promise.withResolvers<void>()
    const unwatch = hub.watch(events => {
      for (const one of events) heard.add(one.resource_id ?? '')
      news.resolve()
      news = Promise.withResolvers()
    })
    const happens = async () => {
      const resource_id = crypto.randomUUID()
      const one = { noun: 'host', kind: 'changed', resource_id, project_id: null }
      await database.transaction(tx => event.record(tx, [one]))
      while (!heard.has(resource_id)) await news.promise
    }
    await happens()
    wall.off_ms -= hour_ms
    await happens()
    unwatch()
    await hub.close()
  })

  /** As if the database's clock stood so. */
  const at = <T>(by_ms: number, work: (tx: Tx) => Promise<T>) =>
    cloud.cloud.database.transaction(async tx => {
      await sql`select set_config('croft.now', ${new Date(Date.now() + by_ms).toISOString()}, true)`.execute(tx)
      return await work(tx)
    })

  /** An instance on the host that lives. */
  async function made(): Promise<string> {
    const [flavor] = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items ?? []
    const [image_id, network_id] = [await addImage(cloud, crypto.randomUUID()), await addNetwork(cloud)]
    const body = { name: 'web', flavor_id: flavor?.id, image_id, networks: [{ network_id }] }
    const answer = await cloud.request('POST', '/v1/instances', { body })
    assert.equal(answer.status, 202, JSON.stringify(answer.body))
    const [one] = answer.body.items as { id: string }[]
    return String(one?.id)
  }

  const leaseOf = (id: string) => ({
    ...{ id, name: id, version: '0', agent_url: 'https://x' },
    lease_until: new Date(Date.now() + hour_ms),
  })

  test("the database's, an hour back: who leads goes on doing so, is followed once it is gone, and counts as steady from then", async () => {
    const { db } = cloud.cloud.database
    const rules = { lease_s: 10, gap_s: 5 }
    const lead = (by_ms: number, id: string) => at(by_ms, tx => leader.lead(tx, 'clock-steps', id, rules))
    const [one, other, third] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
    await db.insertInto('controller').values([one, other, third].map(leaseOf)).execute()
    assert.equal((await lead(0, one))?.steady_ms, 0)
    assert.equal(await lead(4000, other), null)
    // It has done so for 4 s, and is not said to begin in an hour.
    assert.equal((await lead(4000 - hour_ms, one))?.steady_ms, 0)
    assert.ok(((await lead(8000 - hour_ms, one))?.steady_ms ?? 0) > 0)
    // Once more, and it dies.
    assert.equal(await lead(8000 - 2 * hour_ms, other), null)
    await db.deleteFrom('controller').where('id', '=', one).execute()
    assert.equal((await lead(8000 - 2 * hour_ms, other))?.steady_ms, 0)
    assert.ok(((await lead(12_000 - 2 * hour_ms, other))?.steady_ms ?? 0) > 0)
    assert.equal(await lead(14_000 - 2 * hour_ms, third), null)
    await db.deleteFrom('controller').where('id', 'in', [other, third]).execute()
  })

  test("the database's, an hour back: a controller that is gone is missed in its time, and one that is there is not", async () => {
    const { database, self } = cloud.cloud
    const [gone, there] = [crypto.randomUUID(), crypto.randomUUID()]
    await database.db
      .insertInto('controller')
      .values([leaseOf(gone), leaseOf(there)])
      .execute()
    const seen: SeenLeases = new Map()
    const holding = async () => (await controller.othersLeases(database.db, self.id)).map(one => one.id)
    const look = async () => {
      await endUnrenewed(cloud.cloud, seen)
      await database.db
        .updateTable('controller')
        .set({ lease_until: sql<Date>`lease_until + interval '5 seconds'` })
        .where('id', '=', there)
        .execute()
      pass(leaseTimes.controller_pass_ms)
    }
    for (let n = 0; n < 5; n++) await look()
    assert.deepEqual((await holding()).sort(), [gone, there].sort())
    await look()
    assert.deepEqual(await holding(), [there])
    await database.db.deleteFrom('controller').where('id', 'in', [gone, there]).execute()
  })

  const set = (rows: ReturnType<typeof sql>) => rows.execute(cloud.cloud.database.db)

  test("the database's, an hour back: what a controller that is gone worked on is another's, and not what one works on that is there", async () => {
    const { db } = cloud.cloud.database
    const id = await addImage(cloud, 'half')
    const [gone, there, other] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
    await db.insertInto('controller').values([there, other].map(leaseOf)).execute()
    const take = (by_ms: number) => at(by_ms, tx => imageWork.take(tx, other, image_lease_s))
    const leased = (by: string, status = 'fetching') =>
      set(
        sql`update image set status = ${status}, lease_by = ${by}::uuid, lease_until = now() + interval '20 s' where id = ${id}::uuid`,
      )
    await leased(gone)
    assert.equal(await take(0), null)
    await leased(there)
    assert.equal(await take(-hour_ms), null)
    await leased(gone)
    assert.equal((await take(-hour_ms))?.image_id, id)
    await leased(there, 'waiting')
    const upload = await at(-hour_ms, tx => imageWork.takeUpload(tx, id, other, image_lease_s))
    assert.deepEqual(upload, { held_for_ms: 1000 * image_lease_s })
    await set(sql`update image set status = 'ready', lease_until = null where id = ${id}::uuid`)
    await db.deleteFrom('controller').where('id', 'in', [there, other]).execute()
  })

  test("the database's, an hour back: a host that was expected is so no longer, and one that has just gone is", async () => {
    const expect = sql`update host set expected_epoch = session_epoch, last_seen_at = now() where id = ${dying.id}::uuid`
    const ended = (by_ms: number) => at(by_ms, async tx => (await host.endExpected(tx, 30_000, 10)).ended)
    await set(expect)
    assert.deepEqual([await ended(0), await ended(-1000), await ended(29_000)], [0, 0, 0])
    assert.equal(await ended(-hour_ms), 1)
    await set(expect)
    assert.equal(await ended(31_000), 1)
  })

  test("the database's, an hour back: what found no room, or failed, is tried as soon as anything is", async () => {
    const id = await made()
    const who = sql`(select id from "user" limit 1)`
    await set(sql`insert into maintenance (host_id, user_id, request_id, reason)
      values (${living.id}::uuid, ${who}, gen_random_uuid(), '')`)
    await at(0, tx => maintenance.obstruct(tx, living.id, id, { reason: 'no room', again_s: 30 }))
    const next = (by_ms: number) => at(by_ms, tx => maintenance.next(tx, living.id, 10))
    assert.deepEqual([await next(0), await next(31_000), await next(-hour_ms)], [[], [id], [id]])
    await set(sql`delete from maintenance`)
    const failed = [{ given_up_at: new Date(hour_ms) }]
    assert.deepEqual([restAt_s(failed, hour_ms + 10_000), restAt_s(failed, hour_ms + 40_000)], [20, 0])
    assert.equal(restAt_s(failed, 0), 0)
  })

  test("the database's, an hour back: a restart elsewhere that is not seen to run is late, and one that failed is tried elsewhere", async () => {
    const instance_id = await made()
    const { db } = cloud.cloud.database
    const row = await db
      .selectFrom('instance')
      .select('generation')
      .where('id', '=', instance_id)
      .executeTakeFirstOrThrow()
    const id = crypto.randomUUID()
    const there = { to_host_id: living.id, to_host: 'living', generation: row.generation, verify_s: 120, outcome: null }
    const from = {
      from_host_id: dying.id,
      from_host: 'dying',
      fenced_by: 'person',
      lost_at: new Date(),
      reason: '',
    } as const
    await at(0, tx => haRestart.insert(tx, { id, instance_id, project_id: cloud.project_id, ...from, ...there }))
    /** Whatever its host says meanwhile, this is what is known of it there. */
    const seen = (by_ms: number, applied: number, failure: string | null) =>
      at(by_ms, async tx => {
        await sql`insert into instance_observed as o (instance_id, report, applied_generation, power, failure)
          values (${instance_id}::uuid, 1, ${applied}, 'stopped', ${failure}) on conflict (instance_id)
          do update set report = 1, applied_generation = ${applied}, power = 'stopped', failure = ${failure}`.execute(
          tx,
        )
        return (await haRestart.open(tx, id))[0]?.seen
      })
    const unheard = (by_ms: number) => seen(by_ms, 0, null)
    assert.deepEqual([await unheard(1000), await unheard(121_000), await unheard(-hour_ms)], [null, 'late', 'late'])
    await at(0, tx => haRestart.note(tx, id, 'no room elsewhere', elsewhere_again_s))
    const failed = (by_ms: number) => seen(by_ms, row.generation, 'no KVM')
    assert.deepEqual([await failed(1000), await failed(61_000), await failed(-hour_ms)], [null, 'failed', 'failed'])
    await set(sql`delete from ha_restart`)
  })

  test('what a host measures is not taken for old, and goes when it is', async () => {
    const { metrics, clock } = cloud.cloud
    const sampled = await simulatedSamples('living', clock, { running: () => [] }, { cpus: 8, memory_mib: 1000 }).host()
    await living.measure({ taken_ms: 1000, host: sampled, instances: [] })
    wall.off_ms += hour_ms
    metrics.sweep()
    assert.ok(metrics.latest(living.id))
    wall.off_ms -= 2 * hour_ms
    pass(91_000)
    metrics.sweep()
    assert.equal(metrics.latest(living.id), undefined)
    await metrics.flush()
  })
})
