/** After a restore: what a host is to clear of an instance is told to it also when nothing was told of it until its record went. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

test('a record that is given up: the host that its move had made ready clears that', async t => {
  const cloud = await testCloud()
  t.after(() => cloud.close())
  const { db } = cloud.cloud.database
  const [source, target] = [await addHost(cloud, 'h1'), await addHost(cloud, 'h2')]
  const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
  const wish = {
    name: 'vm',
    flavor_id: flavors.body.items?.[0]?.id,
    image_id: await addImage(cloud),
    networks: [{ network_id: await addNetwork(cloud) }],
    host_id: source.id,
  }
  const headers = { prefer: 'wait=20' }
  const made = await cloud.request('POST', '/v1/instances', { body: wish, headers })
  const id = String(replyOf(instanceRoutes.create, made).items[0]?.id)
  target.silent = true
  const moved = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: { host_id: target.id } })
  assert.equal(moved.status, 202, JSON.stringify(moved.body))
  await untilEvent(cloud, async () => target.wanted.get(id)?.migration?.step === 'prepare')

  // As a hello after a restore notes it: neither has anything of it.
  for (const host of [source, target])
    await sql`insert into held_instance (host_id, instance_id, kind, generation, details_version, power)
      values (${host.id}, ${id}, 'missing', 0, 0, 'absent')`.execute(db)
  await sql`update instance set held_generation = generation where id = ${id}::uuid`.execute(db)
  const reconcile = async (host_id: string, take: 'host' | 'database') => {
    const body = { take, instance_ids: [id] }
    const { body: outcome } = await cloud.request('POST', `/v1/hosts/${host_id}/reconcile`, { body })
    assert.deepEqual(outcome, { settled: [id], left: [] })
  }
  await reconcile(target.id, 'database')
  const { phase } = await db.selectFrom('migration').select('phase').executeTakeFirstOrThrow()
  assert.equal(phase, 'discarding')
  assert.equal(target.wanted.get(id)?.migration?.step, 'prepare', 'where it belongs is not known')
  target.silent = false
  await reconcile(source.id, 'host')
  await untilEvent(cloud, async () => {
    const now = await db.selectFrom('migration').select('phase').executeTakeFirst()
    return now?.phase === 'ended'
  })
  await eventually(() => assert.equal(target.wanted.has(id), false))
})
