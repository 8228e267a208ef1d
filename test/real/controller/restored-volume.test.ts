/** After a restore: a volume that the database has for free and a guest uses is neither removed nor given to another one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { held } from '../../../src/controller/store/held.ts'
import { host as hosts } from '../../../src/controller/store/host.ts'
import { testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost } from '../../support/obedient-host.ts'

test('a volume that a host of its pool was told to use stays, until it is settled whose it is', async t => {
  const cloud = await testCloud()
  t.after(() => cloud.close())
  const { database } = cloud.cloud
  const { db } = database
  const pool_id = crypto.randomUUID()
  const pool = { pool_id, pool_total_gib: 1000, pool_free_gib: 1000 }
  const [first, second, stranger] = [
    await addHost(cloud, 'h1', pool),
    await addHost(cloud, 'h2', pool),
    await addHost(cloud, 'h3'),
  ]
  const volumes: Record<'used' | 'free' | 'late', string> = { used: '', free: '', late: '' }
  for (const name of ['used', 'free', 'late'] as const) {
    const made = await cloud.request('POST', '/v1/volumes', { body: { name, size_gib: 1 } })
    const id = String(made.body.id)
    volumes[name] = id
    // As the root of an instance that was purged, and left it behind, has it.
    await database.transaction(tx => hosts.claimHeld(tx, [{ host_id: first.id, vcpus: 0, memory_mib: 0, disk_gib: 1 }]))
    await db.updateTable('volume').set({ host_id: first.id, role: 'root', made: true }).where('id', '=', id).execute()
    first.volumes.add(id)
  }
  /** What a host holds of an instance that the database does not know, with this disk. */
  const hold = async (host_id: string, volume_id: string) => {
    const instance_id = crypto.randomUUID()
    await sql`insert into held_instance (host_id, instance_id, kind, generation, details_version, power, wanted) values (${host_id}, ${instance_id},
      'orphaned', 1, 1, 'running', ${JSON.stringify({ id: instance_id, disks: [{ volume_id, role: 'root' }], metadata: { name: 'vm' } })}::jsonb)`.execute(
      db,
    )
    return instance_id
  }
  // It was deleted before its new owner's host was back.
  await db.updateTable('volume').set({ deleted_at: new Date() }).where('id', '=', volumes.late).execute()
  const [used, late] = [await hold(second.id, volumes.used), await hold(second.id, volumes.late)]
  await hold(stranger.id, volumes.free)

  const refused = await cloud.request('DELETE', `/v1/volumes/${volumes.used}`)
  assert.equal(refused.status, 409, JSON.stringify(refused.body))
  assert.match(String(refused.body.detail), /restored from an older backup/)
  const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
  const body = { name: 'other', flavor_id: flavors.body.items?.[0]?.id, boot_volume_id: volumes.used, networks: [] }
  const booted = await cloud.request('POST', '/v1/instances', { body })
  assert.equal(booted.status, 409, JSON.stringify(booted.body))
  // Who cannot reach it has no say.
  assert.equal((await cloud.request('DELETE', `/v1/volumes/${volumes.free}`)).status, 202)
  await eventually(async () => assert.equal(first.volumes.has(volumes.free), false))
  assert.equal(first.volumes.has(volumes.late), true, 'it was not told to remove what a guest uses')

  await database.transaction(tx => held.remove(tx, second.id, [used, late]))
  await eventually(async () => assert.equal(first.volumes.has(volumes.late), false))
  assert.equal((await cloud.request('DELETE', `/v1/volumes/${volumes.used}`)).status, 202)
  await eventually(async () => assert.equal(first.volumes.has(volumes.used), false))
})
