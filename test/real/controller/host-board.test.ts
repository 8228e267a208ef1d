/** What a controller keeps of hosts in memory: always what the database says, whoever changed it, and never what was rolled back. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { HostBoard } from '../../../src/controller/app/host-board.ts'
import type { HostSnapshot } from '../../../src/controller/scheduler/snapshot.ts'
import type { Db } from '../../../src/controller/store/database.ts'
import { host } from '../../../src/controller/store/host.ts'
import { hostSnapshot } from '../../../src/controller/store/host-snapshot.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost } from '../../support/obedient-host.ts'

const size = { cpus: 64, memory_mib: 65_536, pool_gib: 1000 }

describe('controller/host-board', () => {
  let cloud: TestCloud
  let db: Db
  let board: HostBoard
  const ids: string[] = []

  before(async () => {
    cloud = await testCloud()
    db = cloud.cloud.database.db
    for (const name of ['h1', 'h2', 'h3']) ids.push((await addHost(cloud, name, size)).id)
    const { database, clock } = cloud.cloud
    board = new HostBoard({ database, clock, onError: assert.fail })
  })
  after(() => cloud.close())

  /** The board says what a reading of everything says. */
  async function agrees(at: Db = db): Promise<readonly HostSnapshot[]> {
    const view = await board.view(at)
    const all = (await hostSnapshot.read(at, null)).map(one => one.snapshot)
    assert.deepEqual(view, all)
    return all
  }

  const claimOn = (host_id = '', n = 1) => ({ host_id, vcpus: n, memory_mib: n, disk_gib: n })
  const claimedOf = (view: readonly HostSnapshot[], id: string | undefined) =>
    view.find(one => one.id === id)?.vcpus_claimed

  test('a host that leaves a pool whose room has changed often is seen as it is from then on', async () => {
    const pool_id = randomUUID()
    await sql`insert into pool (id, total_gib) values (${pool_id}, 1000)`.execute(db)
    await sql`update host set pool_id = ${pool_id}, facts = facts || '{"os": "another"}' where id = ${ids[0]}`.execute(
      db,
    )
    for (let n = 0; n < 20; n++)
      await sql`update pool set claimed_gib = claimed_gib + 1 where id = ${pool_id}`.execute(db)
    await agrees()
    await sql`update host set pool_id = null, session_controller_id = null, facts = facts || '{"os": "that before"}'
      where id = ${ids[0]}`.execute(db)
    await agrees()
    await sql`update host_claim set vcpus = vcpus + 1 where host_id = ${ids[0]}`.execute(db)
    await agrees()
  })

  test('claims, settings, links, limits, labels, zones: every change is seen by the next look', async () => {
    assert.equal((await agrees()).length, 3)
    const changes: ((tx: Db) => Promise<unknown>)[] = [
      tx => sql`update host_claim set vcpus = vcpus + 3 where host_id = ${ids[0]}`.execute(tx),
      tx => sql`update host set schedulable = false where id = ${ids[1]}`.execute(tx),
      tx => sql`update host set schedulable = true, labels = '{"disk": "ssd"}' where id = ${ids[1]}`.execute(tx),
      tx => sql`update host set session_controller_id = null where id = ${ids[2]}`.execute(tx),
      tx => sql`update host set vcpus_limit = 7, facts = facts || '{"cpu_flags": ["avx2"]}'`.execute(tx),
      tx => sql`insert into zone (id, name) values (gen_random_uuid(), 'elsewhere')`.execute(tx),
      tx => sql`update cluster set zone_id = (select id from zone where name = 'elsewhere')`.execute(tx),
      tx => sql`update host_claim set memory_mib = 5, disk_gib = 6`.execute(tx),
    ]
    for (const change of changes) {
      await change(db)
      await agrees()
    }
    const [, second] = await agrees()
    assert.deepEqual([second?.labels, second?.vcpus_limit, second?.cpu_flags], [{ disk: 'ssd' }, 7, ['avx2']])
  })

  test('reports, which come all the time, change nothing that is read again', async () => {
    const seen = await hostSnapshot.now(db)
    await sql`update host set last_report = last_report + 1, last_seen_at = croft_now()`.execute(db)
    assert.deepEqual((await hostSnapshot.since(db, seen)).hosts, [])
  })

  test('a transaction sees what it has changed itself; nobody else does, nor anybody once it is rolled back', async () => {
    const before = claimedOf(await agrees(), ids[0]) ?? 0
    await assert.rejects(
      cloud.cloud.database.transaction(async tx => {
        await host.claimHeld(tx, [claimOn(ids[0], 2)])
        assert.equal(claimedOf(await agrees(tx), ids[0]), before + 2)
        assert.equal(claimedOf(await board.view(db), ids[0]), before, 'another one')
        throw new Error('it comes to nothing')
      }),
      /comes to nothing/,
    )
    assert.equal(claimedOf(await agrees(), ids[0]), before)
  })

  test('what a transaction changes after it has looked is seen, though it had locked something before, and others ended meanwhile', async () => {
    const before = claimedOf(await agrees(), ids[1]) ?? 0
    await cloud.cloud.database.transaction(async tx => {
      // It has a number from here on, and no snapshot of its own names that as one under way.
      await sql`select from cluster order by id for no key update`.execute(tx)
      await host.claimHeld(db as never, [claimOn(ids[0])])
      await agrees(tx)
      await host.claimHeld(tx, [claimOn(ids[1], 4)])
    })
    assert.equal(claimedOf(await agrees(), ids[1]), before + 4)
  })

  test('what a transaction changes after it was the first to read all is seen as well', async () => {
    const { database, clock } = cloud.cloud
    const first = new HostBoard({ database, clock, onError: assert.fail })
    const before = claimedOf(await agrees(), ids[1]) ?? 0
    await database.transaction(async tx => {
      await sql`select from cluster order by id for no key update`.execute(tx)
      await host.claimHeld(db as never, [claimOn(ids[0])])
      await first.view(tx)
      await host.claimHeld(tx, [claimOn(ids[1], 4)])
    })
    assert.equal(claimedOf(await first.view(db), ids[1]), before + 4)
  })

  test('a transaction that began long before, and commits after many others, is not passed over', async () => {
    const [late, soon] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow = cloud.cloud.database.transaction(async tx => {
      await host.claimHeld(tx, [claimOn(ids[1], 4)])
      soon.resolve()
      await late.promise
    })
    await soon.promise
    const before = claimedOf(await agrees(), ids[1]) ?? 0
    for (let n = 0; n < 5; n++) {
      await host.claimHeld(db as never, [claimOn(ids[0])])
      await agrees()
    }
    late.resolve()
    await slow
    assert.equal(claimedOf(await agrees(), ids[1]), before + 4)
  })

  test('many at once, some of them rolled back, of several boards: all agree in the end', async () => {
    const { database, clock } = cloud.cloud
    const other = new HostBoard({ database, clock, onError: assert.fail })
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        database
          .transaction(async tx => {
            const at = n % 2 === 0 ? board : other
            await at.view(tx)
            await host.claimHeld(tx, [claimOn(ids[n % 3]), claimOn(ids[(n + 1) % 3])])
            await at.view(tx)
            if (n % 5 === 0) throw new Error('not this one')
          })
          .catch((error: Error) => assert.equal(error.message, 'not this one')),
      ),
    )
    await agrees()
    assert.deepEqual(await other.view(db), await board.view(db))
  })

  test('hosts come and go; a removed one is not seen any more', async () => {
    const fourth = await addHost(cloud, 'h4', size)
    assert.equal((await agrees()).length, 4)
    await sql`update host set removed_at = croft_now() where id = ${fourth.id}`.execute(db)
    assert.equal((await agrees()).length, 3)
  })

  test('room that others here are about to claim is kept away from until it is claimed', async () => {
    const before = claimedOf(await agrees(), ids[2]) ?? 0
    board.promise([claimOn(ids[2], 9)])
    assert.equal(claimedOf(await board.view(db, { with_promised: true }), ids[2]), before + 9)
    assert.equal(claimedOf(await board.view(db), ids[2]), before)
    await host.claimHeld(db as never, [claimOn(ids[2], 9)])
    assert.equal(claimedOf(await board.view(db, { with_promised: true }), ids[2]), before + 9)
    assert.equal(board.has_promised, false)
  })
})
