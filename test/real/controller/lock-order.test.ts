/**
 * Who takes several locks takes them in the one order of store/database.ts: each test holds one lock, lets the act come to it, and looks
 * which ones that act has by then.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { Instance } from '../../../src/api/instance.ts'
import { purge } from '../../../src/controller/reconcilers/purge.ts'
import type { Tx } from '../../../src/controller/store/database.ts'
import { host as hosts } from '../../../src/controller/store/host.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'

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
    assert.equal(made.status, 202, JSON.stringify(made.body))
    ids = (made.body.items as unknown as Instance[]).map(one => one.id).sort()
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
      const { vcpus } = (await cloud.request('GET', `/v1/instances/${id}`)).body as unknown as Instance
      assert.equal(vcpus, sizes.get(id))
    }
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

  test('a report gives room back before it ends operations', async () => {
    host.silent = true
    const [id = ''] = ids
    const deleted = await cloud.request('DELETE', `/v1/instances/${id}`)
    const operation_id = (deleted.body.operation as { id: string }).id
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
