/**
 * Who takes several locks takes them in the one order of store/database.ts: each test holds one lock, lets the act come to it, and looks
 * which ones that act has by then.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { settlePlace } from '../../../src/controller/app/restored-place.ts'
import { purge } from '../../../src/controller/reconcilers/purge.ts'
import type { Tx } from '../../../src/controller/store/database.ts'
import { host as hosts } from '../../../src/controller/store/host.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/lock-order', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let body: object
  let ids: string[]

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { memory_mib: 64_000 })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { name: 'one', count: 2, flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
  })
  after(() => cloud.close())
  beforeEach(async () => {
    host.silent = false
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    ids = replyOf(instanceRoutes.create, made)
      .items.map(one => one.id)
      .sort()
  })

  /** Until somebody waits for a lock. There is no event of that. */
  async function blocked(): Promise<void> {
    for (let n = 0; n < 500; n++) {
      const { rows } = await sql`select from pg_locks where not granted`.execute(cloud.cloud.database.db)
      if (rows.length > 0) return
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    throw new Error('nobody waits')
  }

  /** Whether somebody has locked the row. */
  async function isLocked(tx: Tx, table: string, id: string): Promise<boolean> {
    await sql`savepoint looking`.execute(tx)
    try {
      await sql`select from ${sql.table(table)} where id = ${id} for update nowait`.execute(tx)
      return false
    } catch (error) {
      assert.equal((error as { code?: string }).code, '55P03', String(error))
      return true
    } finally {
      await sql`rollback to savepoint looking`.execute(tx)
    }
  }

  /** Lets `act` come to what `hold` has locked, and has a look then. */
  async function whileHeld<T>(
    hold: (tx: Tx) => Promise<unknown>,
    act: () => Promise<T>,
    look: (tx: Tx) => Promise<void>,
  ) {
    let acting: Promise<T> | undefined
    await cloud.cloud.database.transaction(async tx => {
      await hold(tx)
      acting = act()
      acting.catch(() => undefined)
      await blocked()
      await look(tx)
    })
    return acting as Promise<T>
  }

  const lockQuota = (tx: Tx) => sql`select from quota where scope_id = ${cloud.project_id} for update`.execute(tx)

  test('what a restored database is behind of is settled with all instances locked before quota', async () => {
    const { db } = cloud.cloud.database
    const sizes = new Map<string, number>()
    for (const id of ids) {
      const wanted = host.wanted.get(id)
      assert.ok(wanted)
      const ahead = { ...wanted, generation: wanted.generation + 5, vcpus: wanted.vcpus + 1 }
      sizes.set(id, ahead.vcpus)
      await db
        .insertInto('held_instance')
        .values({
          host_id: host.id,
          instance_id: id,
          kind: 'ahead',
          generation: ahead.generation,
          details_version: ahead.details_version,
          power: ahead.power,
          wanted: sql`${JSON.stringify(ahead)}::jsonb`,
        })
        .execute()
    }
    const settled = await whileHeld(
      lockQuota,
      () => cloud.request('POST', `/v1/hosts/${host.id}/reconcile`, { body: { take: 'host' } }),
      async tx => {
        for (const id of ids) assert.equal(await isLocked(tx, 'instance', id), true, id)
      },
    )
    assert.deepEqual([...(settled.body.settled as string[])].sort(), ids)
    for (const id of ids) {
      const { vcpus } = await cloud.call(instanceRoutes.get, { params: { instance: id } })
      assert.equal(vcpus, sizes.get(id))
    }
  })

  test('what settles itself after a restore has the hosts that it asks anew before the instance: they lock both as they dial', async () => {
    const { db } = cloud.cloud.database
    const [instance_id = ''] = ids
    const newer = await addHost(cloud, 'newer', { memory_mib: 64_000 })
    const wanted = host.wanted.get(instance_id)
    assert.ok(wanted)
    for (const [host_id, kind, placement] of [
      [host.id, 'missing', 0],
      [newer.id, 'elsewhere', 7],
    ] as const) {
      await sql`insert into held_instance (host_id, instance_id, kind, generation, details_version, power, placement, wanted)
        values (${host_id}, ${instance_id}, ${kind}, ${wanted.generation}, ${wanted.details_version}, 'running', ${placement},
          ${JSON.stringify({ ...wanted, placement })}::jsonb)`.execute(db)
    }
    const settled = await whileHeld(
      tx => sql`select from instance where id = ${instance_id} for update`.execute(tx),
      () => settlePlace(cloud.cloud, instance_id),
      async tx => {
        for (const id of [host.id, newer.id]) assert.equal(await isLocked(tx, 'host', id), true, id)
      },
    )
    assert.equal(settled, true)
    const row = await db
      .selectFrom('instance')
      .select(['host_id', 'placement'])
      .where('id', '=', instance_id)
      .executeTakeFirst()
    assert.deepEqual(row, { host_id: newer.id, placement: 7 })
    await host.connect()
    await newer.connect()
  })

  test('hosts are locked so that instances may still be made on them', async () => {
    const { db } = cloud.cloud.database
    const instance_id = crypto.randomUUID()
    const [wanted] = host.wanted.values()
    assert.ok(wanted)
    const orphan = { ...wanted, id: instance_id, metadata: { ...wanted.metadata, name: 'orphan' } }
    await db
      .insertInto('held_instance')
      .values({
        host_id: host.id,
        instance_id,
        kind: 'orphaned',
        generation: 1,
        details_version: 1,
        power: 'running',
        wanted: sql`${JSON.stringify(orphan)}::jsonb`,
      })
      .execute()
    const given = { instance_id, name: 'orphan' }
    const purged = await whileHeld(
      tx => sql`select from held_instance where instance_id = ${instance_id} for update`.execute(tx),
      () => cloud.request('POST', `/v1/hosts/${host.id}/purge-orphan`, { body: given }),
      async tx => {
        assert.equal(await isLocked(tx, 'host', host.id), true)
        // As every row does that names the host.
        await sql`select from host where id = ${host.id} for key share nowait`.execute(tx)
      },
    )
    assert.equal(purged.status, 202, JSON.stringify(purged.body))
    await db.deleteFrom('held_instance').where('instance_id', '=', instance_id).execute()
    await host.connect()
  })

  test('a host that is removed as lost takes quota and claims before its row is shut to who places something there', async () => {
    const gone = await addHost(cloud, 'gone', { memory_mib: 64_000 })
    const asked = { body: { ...body, host_id: gone.id }, headers: { prefer: 'wait=20' } }
    const made = await cloud.request('POST', '/v1/instances', asked)
    const there = replyOf(instanceRoutes.create, made).items.map(one => one.id)
    await gone.disconnect()
    const removed = await whileHeld(
      lockQuota,
      () => cloud.request('DELETE', `/v1/hosts/${gone.id}?lost=true&gives_up=${there.length}`),
      async tx => {
        for (const id of there) assert.equal(await isLocked(tx, 'instance', id), true, id)
        await sql`select from host where id = ${gone.id} for key share nowait`.execute(tx)
      },
    )
    assert.equal(removed.status, 204, JSON.stringify(removed.body))
    const left = await cloud.cloud.database.db.selectFrom('instance').select('id').where('id', 'in', there).execute()
    assert.deepEqual(left, [])
  })

  test('a host on which something was placed at the last moment is not removed under it, linked or lost', async () => {
    for (const is_lost of [false, true]) {
      const last = await addHost(cloud, `last-${is_lost}`, { memory_mib: 64_000 })
      const volume_id = crypto.randomUUID()
      const removed = await whileHeld(
        async tx => {
          // As who makes a volume there does it; not committed yet.
          const nothing = { vcpus: 0, memory_mib: 0, disk_gib: 0 }
          assert.equal(await hosts.claim(tx, [{ host_id: last.id, ...nothing }]), true)
          await sql`insert into volume (id, project_id, host_id, name, role, size_gib)
            values (${volume_id}, ${cloud.project_id}, ${last.id}, 'late', 'data', 1)`.execute(tx)
          if (is_lost) await last.disconnect()
        },
        () => cloud.request('DELETE', `/v1/hosts/${last.id}${is_lost ? '?lost=true' : ''}`),
        async () => undefined,
      )
      assert.equal(removed.status, 409, JSON.stringify(removed.body))
      const { status } = await cloud.request('GET', `/v1/hosts/${last.id}`)
      assert.equal(status, 200, 'it is there, and has the volume')
      await cloud.cloud.database.db.deleteFrom('volume').where('id', '=', volume_id).execute()
      const again = await cloud.request('DELETE', `/v1/hosts/${last.id}${is_lost ? '?lost=true' : ''}`)
      assert.equal(again.status, 204, JSON.stringify(again.body))
    }
  })

  test('a report gives room back before it ends operations', async () => {
    host.silent = true
    const [id = ''] = ids
    const deleted = await cloud.request('DELETE', `/v1/instances/${id}`)
    const operation_id = (deleted.body.operation as { id: string }).id
    await eventually(() => assert.equal(host.wanted.get(id)?.power, 'deleted'))
    await whileHeld(
      tx => hosts.release(tx, [{ host_id: host.id, vcpus: 0, memory_mib: 0, disk_gib: 0 }]),
      async () => {
        host.silent = false
        host.tell({}, [id])
      },
      async tx => assert.equal(await isLocked(tx, 'operation', operation_id), false),
    )
    const ended = await cloud.request('GET', `/v1/operations/${operation_id}`, { headers: { prefer: 'wait=5' } })
    assert.equal(ended.status, 200)
  })

  test('an instance recovered, and deleted anew, while it was to be purged has its time again', async () => {
    const [id = ''] = ids
    await cloud.request('DELETE', `/v1/instances/${id}`, { headers: { prefer: 'wait=10' } })
    const { db } = cloud.cloud.database
    await db
      .updateTable('instance')
      .set({ purge_at: new Date(0) })
      .where('id', '=', id)
      .execute()
    await whileHeld(
      tx =>
        tx
          .updateTable('instance')
          .set({ purge_at: new Date(Date.now() + 3_600_000) })
          .where('id', '=', id)
          .execute(),
      () => purge(cloud.cloud),
      async () => undefined,
    )
    const row = await db.selectFrom('instance').select('purging').where('id', '=', id).executeTakeFirstOrThrow()
    assert.equal(row.purging, false)
  })
})
