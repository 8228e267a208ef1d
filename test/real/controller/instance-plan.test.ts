/**
 * The dry run of making instances: it says what creating then does or refuses, in the very words, takes nothing, waits for nobody's
 * locks, and tells who may not see hosts nothing of them.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { InstancePlan } from '../../../src/api/placement.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/instance-plan', () => {
  let cloud: TestCloud
  let image_id: string
  let network_id: string
  let member: string
  const flavors = new Map<string, string>()

  before(async () => {
    cloud = await testCloud()
    await addHost(cloud, 'large', { cpus: 16, memory_mib: 65_536, pool_gib: 500 })
    await addHost(cloud, 'little', { cpus: 4, memory_mib: 8192, pool_gib: 100 })
    image_id = await addImage(cloud)
    network_id = await addNetwork(cloud)
    const { body } = await cloud.request('GET', '/v1/flavors')
    for (const one of body.items ?? []) flavors.set(String(one.name), String(one.id))
    const giant = { name: 'giant', vcpus: 64, memory_mib: 500_000, disk_gib: 10 }
    flavors.set('giant', String((await cloud.request('POST', '/v1/flavors', { body: giant })).body.id))
    const user = await cloud.request('POST', '/v1/users', { body: { name: 'ada', password: 'correct horse battery' } })
    const { project_id } = cloud
    const grant = { user_id: user.body.id, role: 'member', scope: 'project', project_id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    member = await cloud.tokenOf(String(user.body.id), project_id)
  })
  after(() => cloud.close())

  const bodyOf = (changes: Record<string, unknown> = {}) => ({
    name: 'web',
    flavor_id: flavors.get('tiny'),
    image_id,
    networks: [{ network_id }],
    ...changes,
  })
  const ask = (changes: Record<string, unknown> = {}, token = cloud.admin) =>
    cloud.request('POST', '/v1/instances/plan', { body: bodyOf(changes), token })

  async function plan(changes: Record<string, unknown> = {}, token?: string): Promise<InstancePlan> {
    return replyOf(instanceRoutes.plan, await ask(changes, token))
  }

  /** One that is kept: what an operator reads of it, and that a member reads the same but for the hosts. */
  async function checkDecision(url: string, host_id: string | null): Promise<void> {
    const whole = await cloud.request('GET', url)
    assert.deepEqual((whole.body.hosts as { host: string }[]).map(one => one.host).sort(), ['large', 'little'])
    const told = await cloud.request('GET', url, { token: member })
    const reasons = (whole.body.reasons as object[]).map(one => ({ ...one, examples: [] }))
    assert.deepEqual([told.status, told.body], [200, { ...whole.body, hosts: [], reasons }])
    assert.equal(told.body.host_id, host_id)
  }

  /** All that creating would add to or change. */
  async function everything(): Promise<unknown> {
    const { db } = cloud.cloud.database
    const { rows } = await sql<Record<string, unknown>>`select
      (select count(*) from placement) as placements, (select count(*) from event) as events,
      (select count(*) from audit) as audits, (select count(*) from port) as ports, (select count(*) from instance) as instances,
      (select json_agg(k order by host_id) from host_claim k) as claims,
      (select json_agg(q order by scope, scope_id, resource) from quota q) as quotas,
      (select json_agg(s.next_address order by id) from subnet s) as addresses`.execute(db)
    return rows
  }

  test('what an image says of how its guests run chooses hosts', async () => {
    const changed = async (virtualisation: string) => {
      const asked = { body: { properties: { virtualisation } } }
      assert.equal((await cloud.request('PATCH', `/v1/images/${image_id}`, asked)).status, 200)
    }
    await changed('kvm')
    const { possible, problems } = await plan()
    assert.equal(possible, false)
    assert.match(problems[0]?.detail ?? '', /another kind of virtualisation/)
    assert.equal(
      (await cloud.request('PATCH', `/v1/images/${image_id}`, { body: { properties: { virtualisation: 'xen' } } }))
        .status,
      422,
    )
    await changed('tcg')
    assert.equal((await plan()).possible, true)
    assert.equal((await cloud.request('PATCH', `/v1/images/${image_id}`, { body: { properties: {} } })).status, 200)
  })

  test('an operator sees what each host scores; nothing is changed', async () => {
    const was = await everything()
    const told = await plan()
    assert.equal(told.possible, true)
    assert.deepEqual(told.problems, [])
    const { placement, quota } = told
    assert.deepEqual(
      placement?.hosts?.map(one => [one.host, one.instances, one.refused, one.zone]),
      [
        ['large', 1, null, 'default'],
        ['little', 0, null, 'default'],
      ],
    )
    assert.ok(placement.hosts.every(one => (one.score ?? 0) > 0 && Object.keys(one.weights).length > 0))
    assert.deepEqual(
      placement.zones.map(one => [one.zone, one.instances]),
      [['default', 1]],
    )
    const vcpus = quota?.find(one => one.resource === 'vcpus')
    assert.deepEqual(vcpus, { resource: 'vcpus', used: 0, limit: 200, asked: 1, after: 1 })
    assert.deepEqual(await everything(), was)
  })

  test('what it says, creating then does', async () => {
    const told = await plan({ count: 3 })
    const made = await cloud.request('POST', '/v1/instances', {
      body: bodyOf({ count: 3 }),
      headers: { prefer: 'wait=10' },
    })
    const items = replyOf(instanceRoutes.create, made).items
    const per_host = Map.groupBy(items, one => one.host)
    const said = told.placement?.hosts?.flatMap(one => (one.instances > 0 ? [[one.host, one.instances]] : []))
    assert.deepEqual(
      said,
      [...per_host].map(([host, all]) => [host, all.length]),
    )
    const { body } = await cloud.request('GET', '/v1/quotas')
    for (const { resource, after } of told.quota ?? []) {
      const now = (body.resources as { resource: string; used: number }[]).find(one => one.resource === resource)
      assert.equal(now?.used, after, resource)
    }
  })

  test('what would be refused is refused in the same words, all of it at once', async () => {
    const big = await addImage(cloud, 'big', 900 * 1024 ** 3)
    const cases: Record<string, [Record<string, unknown>, string[]]> = {
      'image larger than the disk': [{ image_id: big }, ['invalid']],
      'no host can take it': [{ flavor_id: flavors.get('giant') }, ['quota_exceeded', 'no_capacity']],
      'quota, all of a batch': [{ count: 1000 }, ['quota_exceeded', 'no_capacity']],
      'two sources': [{ boot: 'network' }, ['invalid']],
      'address outside': [{ networks: [{ network_id, fixed_addresses: ['192.0.2.9'] }] }, ['invalid']],
      'address taken': [{ networks: [{ network_id, fixed_addresses: ['10.0.0.2'] }] }, ['conflict']],
      'no key': [{ public_keys: ['hello'] }, ['invalid']],
      'no such flavor': [{ flavor_id: network_id }, []],
      'no such key pair': [{ key_names: ['nowhere'] }, []],
      'not base64': [{ user_data: 'a?' }, ['invalid']],
    }
    for (const [name, [changes, codes]] of Object.entries(cases)) {
      const { status, body } = await ask(changes)
      const refused = await cloud.request('POST', '/v1/instances', { body: bodyOf(changes) })
      if (codes.length === 0) {
        assert.deepEqual([status, body.code, body.detail], [404, refused.body.code, refused.body.detail], name)
        continue
      }
      const told = replyOf(instanceRoutes.plan, { status, body })
      assert.deepEqual(
        told.problems.map(one => one.code),
        codes,
        `${name}: ${JSON.stringify(body)}`,
      )
      assert.equal(told.possible, false)
      const [first] = told.problems
      assert.deepEqual(
        [first?.status, first?.code, first?.detail],
        [refused.status, refused.body.code, refused.body.detail],
      )
    }
  })

  test('a lack of room is told as creating tells it, but that no decision is kept', async () => {
    await cloud.request('PUT', `/v1/quotas/project/${cloud.project_id}`, { body: { vcpus: null, memory_mib: null } })
    for (const token of [cloud.admin, member]) {
      const told = await plan({ flavor_id: flavors.get('giant') }, token)
      const body = bodyOf({ flavor_id: flavors.get('giant') })
      const refused = await cloud.request('POST', '/v1/instances', { body, token })
      assert.equal(refused.body.code, 'no_capacity')
      const [first] = told.problems
      assert.ok(String(refused.body.detail).startsWith(String(first?.detail)), `${first?.detail}`)
      assert.deepEqual((first as Record<string, unknown>).refusals, refused.body.refusals)
    }
  })

  test('who may not see hosts learns where there is room and what fails, and no name', async () => {
    for (const changes of [
      {},
      { flavor_id: flavors.get('giant') },
      { count: 50 },
      { flavor_id: flavors.get('large') },
    ]) {
      const told = await plan(changes, member)
      assert.equal(told.placement?.hosts, null)
      assert.doesNotMatch(JSON.stringify(told), /(?<!too )\b(large|little)\b(?!")/)
      const body = bodyOf(changes)
      if (!told.possible) {
        const refused = await cloud.request('POST', '/v1/instances', { body, token: member })
        assert.equal(refused.status, 409)
        assert.doesNotMatch(JSON.stringify(refused.body), /(?<!too )\b(large|little)\b(?!")/)
        await checkDecision(`/v1/placements/${String(refused.body.placement_id)}`, null)
      }
    }
    const made = await cloud.request('POST', '/v1/instances', { body: bodyOf(), token: member })
    const items = replyOf(instanceRoutes.create, made).items
    await checkDecision(`/v1/instances/${items[0]?.id}/placement`, items[0]?.host_id ?? '')
    const giant = await plan({ flavor_id: flavors.get('giant') }, member)
    assert.deepEqual(giant.placement?.refusals, { vcpus: 2 })
    assert.match(String(giant.problems[0]?.detail), /too few vCPUs are free: 2 hosts/)
  })

  test('it waits for nobody and nobody waits for it: all that creating locks is locked meanwhile', async () => {
    await cloud.cloud.database.transaction(async tx => {
      await sql`select from quota for update`.execute(tx)
      await sql`select from host_claim for update`.execute(tx)
      await sql`select from host for update`.execute(tx)
      await sql`select from subnet for update`.execute(tx)
      await sql`select from image for update`.execute(tx)
      const told = await plan({ count: 2 })
      assert.equal(told.possible, true)
    })
  })

  test('a name is not needed, a wrong shape is refused, and a refusal leaves no audit', async () => {
    const count = async () => (await cloud.cloud.database.db.selectFrom('audit').selectAll().execute()).length
    const was = await count()
    assert.equal((await plan({ name: undefined })).possible, true)
    assert.equal((await ask({ nonsense: 1 })).status, 422)
    assert.equal((await ask({ flavor_id: network_id })).status, 404)
    assert.equal(await count(), was)
  })
})
