/** Instance groups over the API: made, named, deleted; and that instances are placed by them, exactly, however many come at once. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import type { Leaves } from '../../../src/controller/app/placement-around.ts'
import { NoCapacity } from '../../../src/controller/app/placement-told.ts'
import { type Placed, placeExisting, tryPlacingExisting } from '../../../src/controller/app/placement.ts'
import { type Answered, type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const hosts_max = 4

describe('controller/instance-group', () => {
  let cloud: TestCloud
  let hosts: ObedientHost[]
  let image_id: string
  let flavor_id: string
  let network_id: string

  before(async () => {
    cloud = await testCloud()
    hosts = await Promise.all(
      Array.from({ length: hosts_max }, (_, n) =>
        addHost(cloud, `h${n}`, { cpus: 1000, memory_mib: 1_000_000, pool_gib: 50_000 }),
      ),
    )
    image_id = await addImage(cloud)
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    flavor_id = String(flavors.body.items?.[0]?.id)
    network_id = await addNetwork(cloud)
    await liftQuotas(cloud)
  })
  after(() => cloud.close())

  const create = (body: Record<string, unknown> = {}) =>
    cloud.request('POST', '/v1/instances', {
      body: { name: 'web', flavor_id, image_id, networks: [{ network_id }], ...body },
      headers: { prefer: 'wait=10' },
    })
  const items = (answer: Answered) => {
    return replyOf(instanceRoutes.create, answer).items
  }
  const hostsOf = (all: readonly Instance[]) => all.map(one => String(one.host_id))
  let named = 0
  async function group(policy: string): Promise<string> {
    const made = await cloud.request('POST', '/v1/instance-groups', { body: { name: `g${named++}`, policy } })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    return String(made.body.id)
  }

  test('it is made, listed, renamed, and deleted once nothing is in it', async () => {
    const made = await cloud.request('POST', '/v1/instance-groups', { body: { name: 'db', policy: 'anti-affinity' } })
    assert.deepEqual([made.status, made.body.policy, made.body.instances], [201, 'anti-affinity', 0])
    const twice = await cloud.request('POST', '/v1/instance-groups', { body: { name: 'db', policy: 'affinity' } })
    assert.equal(twice.body.code, 'name_taken')
    const path = `/v1/instance-groups/${String(made.body.id)}`
    const renamed = await cloud.request('PATCH', path, { body: { name: 'dbs' }, headers: { 'if-match': '"1"' } })
    assert.deepEqual([renamed.status, renamed.body.name, renamed.body.version], [200, 'dbs', 2])
    const late = await cloud.request('PATCH', path, { body: { name: 'x' }, headers: { 'if-match': '"1"' } })
    assert.equal(late.body.code, 'changed_meanwhile')
    const policy = await cloud.request('PATCH', path, { body: { policy: 'affinity' } })
    assert.equal(policy.status, 422)
    const [one] = items(await create({ group_id: made.body.id }))
    assert.equal(one?.group_id, made.body.id)
    const listed = await cloud.request('GET', `/v1/instances?group_id=${String(made.body.id)}`)
    assert.equal(listed.body.items?.length, 1)
    assert.equal((await cloud.request('GET', '/v1/instance-groups?name=dbs')).body.items?.[0]?.instances, 1)
    const used = await cloud.request('DELETE', path)
    assert.deepEqual([used.status, used.body.code], [409, 'in_use'])
    await cloud.request('DELETE', `/v1/instances/${one?.id}`)
    assert.equal((await cloud.request('DELETE', path)).status, 204)
    assert.equal((await cloud.request('GET', path)).status, 404)
    const quota = await cloud.request('GET', '/v1/quotas')
    const rows = quota.body.resources as { resource: string; used: number }[]
    assert.equal(rows.find(one => one.resource === 'instance_groups')?.used, 0)
    assert.equal((await create({ group_id: made.body.id })).body.code, 'not_found')
  })

  test('anti-affinity is exact however many come at once, and refuses the rest with the reason', async () => {
    const group_id = await group('anti-affinity')
    // Each with another tag, so that they share no transaction.
    const answers = await Promise.all(
      Array.from({ length: 3 * hosts_max }, (_, n) => create({ group_id, name: `a${n}`, tags: { n: String(n) } })),
    )
    const made = answers.filter(one => one.status === 202).flatMap(items)
    assert.equal(made.length, hosts_max)
    assert.equal(new Set(hostsOf(made)).size, hosts_max)
    for (const one of answers.filter(answer => answer.status !== 202)) {
      assert.equal(one.body.code, 'no_capacity')
      assert.match(String(one.body.detail), /has one of its group already: 4 hosts/)
    }
    const kept = String(answers.find(one => one.status !== 202)?.body.placement_id)
    const why = await cloud.request('GET', `/v1/placements/${kept}`)
    assert.deepEqual(why.body.refusals, { anti_affinity: hosts_max })
    assert.match(JSON.stringify(why.body.reasons), /has one of the group g\d+ already, which stays apart/)
    assert.equal('around' in (why.body.asked as object), false)
  })

  const plan = (more: Record<string, unknown>) =>
    cloud.request('POST', '/v1/instances/plan', {
      body: { flavor_id, image_id, networks: [{ network_id }], ...more },
    })

  test('a batch that stays apart takes a host each, or none at all', async () => {
    const group_id = await group('anti-affinity')
    const over = await create({ group_id, count: hosts_max + 1 })
    assert.equal(over.body.code, 'no_capacity')
    assert.match(String(over.body.detail), /Only 4 of 5 would fit/)
    // Nothing of the group is anywhere yet.
    const planned = await plan({ group_id, count: hosts_max + 1 })
    const told = planned.body.placement as { hosts: { refused: string | null; instances: number }[] }
    assert.ok(
      told.hosts.every(one => one.instances === 1 && /an earlier one of the same request/.test(one.refused ?? '')),
    )
    assert.equal(new Set(hostsOf(items(await create({ group_id, count: hosts_max })))).size, hosts_max)
  })

  test('affinity: all at once from nothing, and all end up on one host', async () => {
    const group_id = await group('affinity')
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => create({ group_id, name: `t${n}`, tags: { n: String(n) } })),
    )
    assert.equal(new Set(hostsOf(answers.flatMap(items))).size, 1)
  })

  test('soft policies: together, or spread evenly, and never refused for it', async () => {
    const apart = hostsOf(items(await create({ group_id: await group('soft-anti-affinity'), count: 2 * hosts_max })))
    for (const n of Map.groupBy(apart, id => id).values()) assert.equal(n.length, 2)
    const together = hostsOf(items(await create({ group_id: await group('soft-affinity'), count: 5 })))
    assert.equal(new Set(together).size, 1)
  })

  test('hints: not with these, with these, and what cannot be', async () => {
    const [first, second] = items(await create({ group_id: await group('anti-affinity'), count: 2 }))
    assert.ok(first && second)
    for (let n = 0; n < hosts_max; n++) {
      const [apart] = items(await create({ different_from: [first.id, second.id] }))
      assert.ok(apart?.host_id !== first.host_id && apart?.host_id !== second.host_id)
      const [beside] = items(await create({ same_as: [first.id] }))
      assert.equal(beside?.host_id, first.host_id)
    }
    const torn = await create({ same_as: [first.id, second.id] })
    assert.equal(torn.body.code, 'no_capacity')
    assert.match(String(torn.body.detail), /not where the instances are that it shall be with: 4 hosts/)
    const both = await create({ same_as: [first.id], different_from: [first.id] })
    assert.equal(both.body.code, 'invalid')
    assert.ok(String(both.body.detail).includes(`instance ${first.name} and`), String(both.body.detail))
    assert.equal((await create({ same_as: [network_id] })).body.code, 'not_found')
    const planned = await plan({ same_as: [first.id, second.id] })
    assert.deepEqual([planned.status, planned.body.possible], [200, false])
  })

  test('hints are shown, keep an instance where it is, and are taken away or changed for when it is placed next', async () => {
    const [first, second] = items(await create({ group_id: await group('anti-affinity'), count: 2 }))
    assert.ok(first && second)
    const [made] = items(await create({ same_as: [first.id] }))
    assert.ok(made)
    const path = `/v1/instances/${made.id}`
    const shown = async () => {
      const { same_as, different_from } = (await cloud.request('GET', path)).body
      return { same_as, different_from }
    }
    assert.deepEqual(await shown(), { same_as: [first.id], different_from: [] })
    const { database } = cloud.cloud
    const goes = async () => {
      const row = await rowOf(made.id)
      return (await tryPlacingExisting(cloud.cloud, database.db as never, row, { exclude: new Map(), disk_gib: 0 }))
        .host_id
    }
    assert.equal(await goes(), null)
    const update = (body: Record<string, unknown>) => cloud.request('PATCH', path, { body })
    for (const [body, code] of [
      [{ same_as: [made.id] }, 'invalid'],
      [{ different_from: [first.id] }, 'invalid'],
      [{ same_as: [network_id] }, 'not_found'],
    ] as const)
      assert.equal((await update(body)).body.code, code, JSON.stringify(body))
    assert.equal((await update({ same_as: [second.id] })).status, 200)
    assert.equal(await goes(), second.host_id)
    assert.equal((await update({ same_as: [], different_from: [second.id] })).status, 200)
    assert.deepEqual(await shown(), { same_as: [], different_from: [second.id] })
    assert.ok(![null, made.host_id, second.host_id].includes(await goes()))
    assert.equal((await update({ different_from: [] })).status, 200)
    assert.notEqual(await goes(), null)
    // Of a controller of the version before, which wrote it with the placement alone.
    await database.db.updateTable('instance').set({ same_as: null }).where('id', '=', made.id).execute()
    assert.equal(await goes(), null)
  })

  test('a deleted instance has given up its place, and gets it back only while nobody of its group has taken it', async () => {
    const group_id = await group('anti-affinity')
    const all = items(await create({ group_id, count: hosts_max }))
    const [gone] = all
    await cloud.request('DELETE', `/v1/instances/${gone?.id}`, { headers: { prefer: 'wait=10' } })
    const [instead] = items(await create({ group_id }))
    assert.equal(instead?.host_id, gone?.host_id)
    const recovered = await cloud.request('POST', `/v1/instances/${gone?.id}/recover`, { body: {} })
    assert.deepEqual([recovered.status, recovered.body.code], [409, 'conflict'], JSON.stringify(recovered.body))
    await cloud.request('DELETE', `/v1/instances/${instead?.id}`, { headers: { prefer: 'wait=10' } })
    const again = await cloud.request('POST', `/v1/instances/${gone?.id}/recover`, { body: {} })
    assert.equal(again.status, 202, JSON.stringify(again.body))
  })

  test('an instance that goes elsewhere is placed by its group and all that it was made with', async () => {
    const group_id = await group('anti-affinity')
    const all = items(await create({ group_id, count: hosts_max - 1 }))
    const free = hosts.find(one => !hostsOf(all).includes(one.id))
    const [moving] = all
    assert.ok(moving?.host_id)
    const { database } = cloud.cloud
    const row = await database.db
      .selectFrom('instance')
      .selectAll()
      .where('id', '=', moving.id)
      .executeTakeFirstOrThrow()
    const exclude = new Map<string, string>()
    const seen = await tryPlacingExisting(cloud.cloud, database.db as never, row, { exclude, disk_gib: 0 })
    assert.equal(seen.host_id, free?.id)
    const placed = await database.transaction(tx => placeExisting(cloud.cloud, tx, row, { exclude, disk_gib: 0 }))
    assert.equal(placed.host_id, free?.id)
    const newest = database.db.selectFrom('placement').select('id').where('instance_id', '=', moving.id)
    const { id } = await newest.orderBy('id', 'desc').limit(1).executeTakeFirstOrThrow()
    const why = await cloud.request('GET', `/v1/placements/${id}`)
    assert.equal(why.body.host_id, free?.id)
    assert.deepEqual(why.body.refusals, { own_host: 1, anti_affinity: 2 })
    const where = await cloud.request('GET', `/v1/instances/${moving.id}/placement`)
    assert.equal(where.body.host_id, moving.host_id, 'it has not gone over')
    const nowhere = new Map([[String(free?.id), 'is out of the question']])
    await assert.rejects(
      database.transaction(tx => placeExisting(cloud.cloud, tx, row, { exclude: nowhere, disk_gib: 0 })),
      (error: Error) => error instanceof NoCapacity && /is out of the question/.test(error.message),
    )
  })

  const rowOf = (id: string) =>
    cloud.cloud.database.db.selectFrom('instance').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  const settled = (all: readonly Placed[]) => new Set(all.map(one => one.host_id)).size

  test('what stays together leaves its host together, when that is emptied or lost: the first goes anywhere, the others follow', async () => {
    const all = items(await create({ group_id: await group('affinity'), count: 3 }))
    const [first] = all
    assert.ok(first?.host_id)
    const host_id = first.host_id
    const exclude = new Map([[host_id, 'was lost']])
    const { database } = cloud.cloud
    const elsewhere = { exclude, disk_gib: 0 }
    await assert.rejects(
      database.transaction(async tx => placeExisting(cloud.cloud, tx, await rowOf(first.id), elsewhere)),
      (error: Error) =>
        error instanceof NoCapacity && /which is where it is: .*croft host maintenance start/.test(error.message),
      'one that is moved alone stays with the others',
    )
    const placed: Placed[] = []
    for (const { id } of all) {
      const row = await rowOf(id)
      placed.push(
        await database.transaction(async tx => {
          const found = await placeExisting(cloud.cloud, tx, row, {
            ...elsewhere,
            leaves: { host_id, for_good: false },
          })
          await tx.updateTable('instance').set({ host_id: found.host_id }).where('id', '=', id).execute()
          return found
        }),
      )
    }
    assert.equal(settled(placed), 1)
    assert.notEqual(placed[0]?.host_id, host_id)
  })

  test('what an instance was to be with keeps it from nowhere when that is deleted, or lost with its host', async () => {
    const [first] = items(await create())
    assert.ok(first?.host_id)
    const host_id = first.host_id
    const [beside] = items(await create({ same_as: [first.id] }))
    const row = await rowOf(String(beside?.id))
    const { database } = cloud.cloud
    const exclude = new Map([[host_id, 'is left']])
    const goes = async (leaves?: Leaves) => {
      const options = { exclude, disk_gib: 0, ...(leaves && { leaves }) }
      return (await tryPlacingExisting(cloud.cloud, database.db as never, row, options)).host_id !== null
    }
    assert.equal(await goes(), false)
    assert.equal(await goes({ host_id, for_good: false }), false, 'it follows once that has gone')
    assert.equal(await goes({ host_id, for_good: true }), true)
    const other = (await database.db.selectFrom('host').select('id').where('id', '<>', host_id).execute())[0]?.id ?? ''
    assert.equal(await goes({ host_id: other, for_good: true }), false, 'it waits on a host that is not lost')
    await sql`insert into host_absence (host_id, cause, since, fenced_at, fenced_by)
      values (${host_id}, 'silent', croft_now(), croft_now(), 'person')`.execute(database.db)
    assert.equal(await goes({ host_id: other, for_good: true }), true, 'both are lost')
    await database.db.deleteFrom('host_absence').where('host_id', '=', host_id).execute()
    await cloud.request('DELETE', `/v1/instances/${first.id}`, { headers: { prefer: 'wait=10' } })
    assert.equal(await goes(), true)
  })

  test('hints count one that is on its way on both hosts: nothing apart goes to either, and with whom it will be is not known', async () => {
    const [from, to] = hosts
    assert.ok(from && to)
    const [web] = items(await create({ host_id: from.id }))
    assert.ok(web)
    const [beside] = items(await create({ same_as: [web.id] }))
    assert.ok(beside)
    to.silent = true
    const begun = await cloud.request('POST', `/v1/instances/${web.id}/migrate`, { body: { host_id: to.id } })
    assert.equal(begun.status, 202, JSON.stringify(begun.body))
    for (const host of [from, to]) {
      const refused = await create({ different_from: [web.id], host_id: host.id })
      assert.equal(refused.body.code, 'no_capacity', `${host.name}: ${JSON.stringify(refused.body)}`)
    }
    const together = await create({ same_as: [web.id] })
    assert.deepEqual([together.status, together.body.code], [409, 'wrong_state'], JSON.stringify(together.body))
    assert.match(String(together.body.detail), /web, whose host it is to share, is being moved .* Ask again then/)
    const planned = await plan({ same_as: [web.id] })
    const [problem] = planned.body.problems as { code: string }[]
    assert.deepEqual([planned.status, planned.body.possible, problem?.code], [200, false, 'wrong_state'])
    const { database } = cloud.cloud
    const goes = async (leaves?: Leaves) => {
      const options = { exclude: new Map<string, string>(), disk_gib: 0, ...(leaves && { leaves }) }
      return (await tryPlacingExisting(cloud.cloud, database.db as never, await rowOf(beside.id), options)).host_id
    }
    assert.equal(await goes(), null, 'it follows once that has gone')
    assert.equal(await goes({ host_id: String(hosts[2]?.id), for_good: true }), to.id, 'and does not wait after a loss')
    const { operation } = begun.body as { operation: { id: string } }
    to.silent = false
    to.tell()
    await cloud.request('GET', `/v1/operations/${operation.id}`, { headers: { prefer: 'wait=20' } })
    assert.equal(await goes(), to.id)
    const [after] = items(await create({ same_as: [web.id] }))
    assert.equal(after?.host_id, to.id)
  })
})
