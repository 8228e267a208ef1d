/** After a restore: what an operator settles is told at once to every host that it concerns. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/restored-told', { timeout: 120_000 }, () => {
  let cloud: TestCloud
  let wish: object
  let source: ObedientHost
  let target: ObedientHost
  let id: string

  before(async () => {
    cloud = await testCloud()
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    wish = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
    source = await addHost(cloud, 'h1')
    target = await addHost(cloud, 'h2')
  })
  after(() => cloud.close())
  beforeEach(async () => {
    const body = { ...wish, name: 'vm', host_id: source.id }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=20' } })
    id = String(replyOf(instanceRoutes.create, made).items[0]?.id)
  })

  /** As a hello after a restore notes it. */
  async function note(host: ObedientHost, kind: 'missing' | 'ahead', generation: number): Promise<void> {
    const { db } = cloud.cloud.database
    await sql`insert into held_instance (host_id, instance_id, kind, generation, details_version, power)
      values (${host.id}, ${id}, ${kind}, ${generation}, 0, 'running')`.execute(db)
    await sql`update instance set held_generation = greatest(generation, ${generation}) where id = ${id}::uuid`.execute(
      db,
    )
  }

  async function reconcile(host: ObedientHost, take: 'host' | 'database'): Promise<void> {
    const body = { take, instance_ids: [id] }
    const { body: outcome } = await cloud.request('POST', `/v1/hosts/${host.id}/reconcile`, { body })
    assert.deepEqual(outcome, { settled: [id], left: [] })
  }

  test('a record that is given up: the host that its move had made ready clears that', async () => {
    const phase = async () => {
      const moves = cloud.cloud.database.db.selectFrom('migration').where('instance_id', '=', id)
      return (await moves.select('phase').executeTakeFirst())?.phase
    }
    target.silent = true
    const moved = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: { host_id: target.id } })
    assert.equal(moved.status, 202, JSON.stringify(moved.body))
    await untilEvent(cloud, async () => target.wanted.get(id)?.migration?.step === 'prepare')
    // Neither has anything of it.
    for (const host of [source, target]) await note(host, 'missing', 0)
    await reconcile(target, 'database')
    assert.equal(await phase(), 'discarding')
    assert.equal(target.wanted.get(id)?.migration?.step, 'prepare', 'where it belongs is not known')
    target.silent = false
    await reconcile(source, 'host')
    await untilEvent(cloud, async () => (await phase()) === 'ended')
    await eventually(() => assert.equal(target.wanted.has(id), false))
  })

  test('what the database says is wanted beyond what a host knew that it has left since: of the host that has it', async () => {
    await note(target, 'ahead', 5)
    await reconcile(target, 'database')
    await eventually(() => assert.equal(source.wanted.get(id)?.generation, 6))
  })
})
