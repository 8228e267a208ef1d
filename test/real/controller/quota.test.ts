/** Quotas: exact whatever comes at once. */
import assert from 'node:assert/strict'
import { after, before, describe, mock, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { projectQuota } from '../../../src/controller/store/project-quota.ts'
import { quota } from '../../../src/controller/store/quota.ts'
import { CloudError } from '../../../src/model/errors.ts'
import type { QuotaCharge } from '../../../src/model/quota.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

let cloud: TestCloud
describe('controller/quota', () => {
  before(async () => void (cloud = await testCloud()))
  after(() => cloud.close())

  function charge(to: { project_id: string; domain_id: string }, amounts: QuotaCharge): Promise<void> {
    return cloud.cloud.database.transaction(tx => quota.charge(tx, to, amounts))
  }

  async function used(scope: 'project' | 'domain', id: string, resource: string): Promise<number | undefined> {
    return (await quota.list(cloud.cloud.database.db, scope, id)).find(row => row.resource === resource)?.used
  }

  async function makeDomain(name: string, parent_id?: string): Promise<string> {
    const { body } = await cloud.request('POST', '/v1/domains', { body: { name, ...(parent_id && { parent_id }) } })
    return String(body.id)
  }

  async function makeProject(name: string, domain_id: string): Promise<string> {
    const { status, body } = await cloud.request('POST', '/v1/projects', { body: { name, domain_id } })
    assert.equal(status, 201, JSON.stringify(body))
    return String(body.id)
  }

  async function limit(scope: string, id: string, limits: Record<string, number | null>): Promise<void> {
    const { status, body } = await cloud.request('PUT', `/v1/quotas/${scope}/${id}`, { body: limits })
    assert.equal(status, 200, JSON.stringify(body))
  }

  test('a project starts with the defaults, a domain without limits', async () => {
    const domain_id = await makeDomain('fresh')
    const id = await makeProject('fresh', domain_id)
    const { status, body } = await cloud.request('GET', `/v1/quotas?project_id=${id}`)
    assert.equal(status, 200)
    const rows = body.resources as { resource: string; used: number; limit: number | null }[]
    assert.deepEqual(rows[0], { resource: 'instances', used: 0, limit: 100 })
    assert.equal(rows.length, 10)
    const whole = await cloud.request('GET', `/v1/quotas?domain_id=${domain_id}`)
    assert.ok((whole.body.resources as typeof rows).every(row => row.limit === null))
  })

  test('fifty at once at the limit: as many get in as fit, and no more', async () => {
    const domain_id = await makeDomain('crowd')
    const to = { project_id: await makeProject('crowd', domain_id), domain_id }
    await limit('project', to.project_id, { instances: 17, vcpus: 1000 })
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => charge(to, { instances: 1, vcpus: 2 })))
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 17)
    assert.equal(await used('project', to.project_id, 'instances'), 17)
    assert.equal(await used('project', to.project_id, 'vcpus'), 34)
    assert.equal(await used('domain', domain_id, 'vcpus'), 34)
  })

  test('two projects at once under one domain limit: together exactly the limit, and no deadlock', async () => {
    const domain_id = await makeDomain('shared')
    const a = { project_id: await makeProject('a', domain_id), domain_id }
    const b = { project_id: await makeProject('b', domain_id), domain_id }
    await limit('domain', domain_id, { memory_mib: 1000 })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => charge(i % 2 ? a : b, { memory_mib: 50, vcpus: 1 })),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 20)
    assert.equal(await used('domain', domain_id, 'memory_mib'), 1000)
    assert.equal(await used('domain', domain_id, 'vcpus'), 20)
    const refusal = outcomes.find(outcome => outcome.status === 'rejected')?.reason as CloudError
    assert.equal(refusal.code, 'quota_exceeded')
    assert.deepEqual(refusal.detail, {
      resource: 'memory_mib',
      scope: 'domain',
      scope_id: domain_id,
      limit: 1000,
      used: 1000,
      asked: 50,
    })
    assert.match(
      refusal.message,
      /The domain 'shared' may have 1000 MiB of memory and uses 1000; this asks for 50 more/,
    )
  })

  test('a charge counts in every domain above, and a limit there counts too', async () => {
    const top = await makeDomain('top')
    const middle = await makeDomain('middle', top)
    const to = { project_id: await makeProject('deep', middle), domain_id: middle }
    await limit('domain', top, { networks: 2 })
    await charge(to, { networks: 2 })
    assert.equal(await used('domain', middle, 'networks'), 2)
    assert.equal(await used('domain', top, 'networks'), 2)
    await assert.rejects(charge(to, { networks: 1 }), /'top' may have 2 networks/)
    await cloud.cloud.database.transaction(tx => quota.release(tx, to, { networks: 1 }))
    assert.equal(await used('domain', top, 'networks'), 1)
    assert.equal(await used('project', to.project_id, 'networks'), 1)
  })

  test('what projects of several domains give back at once waits for nobody in a circle', async () => {
    const { database } = cloud.cloud
    const [a, b] = [await makeDomain('circle-a'), await makeDomain('circle-b')]
    const all: { project_id: string; domain_id: string }[] = []
    for (const domain_id of [b, a, b]) {
      const to = { project_id: await makeProject(`circle-${all.length}`, domain_id), domain_id }
      await limit('project', to.project_id, { networks: null })
      await charge(to, { networks: all.length === 1 ? 70 : 40 })
      all.push(to)
    }
    // A transaction that a deadlock ended is tried again.
    let attempts = 0
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        database.transaction(tx => {
          attempts += 1
          const two = n % 2 ? all.slice(0, 2) : all.slice(1)
          return projectQuota.releaseAll(
            tx,
            two.map(({ project_id }) => ({ project_id, amounts: { networks: 1 } })),
          )
        }),
      ),
    )
    const left = await Promise.all(all.map(to => used('project', to.project_id, 'networks')))
    assert.deepEqual(left, [10, 10, 10])
    assert.deepEqual([await used('domain', a, 'networks'), await used('domain', b, 'networks')], [10, 20])
    assert.equal(attempts, 60)
  })

  test('whatever is charged and released, in any order and at once: what is used is what was let in', async () => {
    const domain_id = await makeDomain('property')
    const to = { project_id: await makeProject('property', domain_id), domain_id }
    await limit('project', to.project_id, { vcpus: 20, instances: null })
    const amounts = fc.array(fc.record({ vcpus: fc.integer({ min: 0, max: 8 }), instances: fc.constant(1) }), {
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(amounts, async charges => {
        const outcomes = await Promise.allSettled(charges.map(each => charge(to, each)))
        const inside = charges.filter((_, i) => outcomes[i]?.status === 'fulfilled')
        const vcpus = inside.reduce((sum, each) => sum + each.vcpus, 0)
        assert.equal(await used('project', to.project_id, 'vcpus'), vcpus)
        assert.equal(await used('domain', domain_id, 'instances'), inside.length)
        assert.ok(vcpus <= 20)
        await Promise.all(inside.map(each => cloud.cloud.database.transaction(tx => quota.release(tx, to, each))))
        assert.equal(await used('project', to.project_id, 'vcpus'), 0)
      }),
      { numRuns: 15 },
    )
  })

  test('limits are set by who is above: shapes, strangers, and those who would raise their own', async () => {
    const { project_id, domain_id } = cloud
    const bad = [{ instances: -1 }, { instances: 1.5 }, { cows: 1 }, { instances: '7' }]
    for (const body of bad) {
      const { status } = await cloud.request('PUT', `/v1/quotas/project/${project_id}`, { body })
      assert.equal(status, 422, JSON.stringify(body))
    }
    const nowhere = await cloud.request('PUT', `/v1/quotas/project/${domain_id}`, { body: { instances: 1 } })
    assert.equal(nowhere.status, 404)
    const made = await cloud.request('POST', '/v1/users', { body: { name: 'boss' } })
    const user_id = String(made.body.id)
    await cloud.request('POST', '/v1/role-grants', {
      body: { user_id, role: 'domain-admin', scope: 'domain', domain_id },
    })
    const token = await cloud.tokenOf(user_id, project_id)
    const own = await cloud.request('PUT', `/v1/quotas/domain/${domain_id}`, { token, body: { instances: 9 } })
    assert.equal(own.status, 403)
    const below = await cloud.request('PUT', `/v1/quotas/project/${project_id}`, { token, body: { images: 9 } })
    assert.equal(below.status, 200)
    const other = await makeDomain('not-theirs')
    const theirs = await makeProject('not-theirs', other)
    const foreign = await cloud.request('PUT', `/v1/quotas/project/${theirs}`, { token, body: { images: 9 } })
    assert.equal(foreign.status, 404)
    assert.equal((await cloud.request('GET', `/v1/quotas?project_id=${theirs}`, { token })).status, 404)
    assert.equal((await cloud.request('GET', '/v1/quotas', { token })).body.scope_id, project_id)
  })

  test('for who is over quota nothing is placed, and nobody is kept away from room on a host', async () => {
    await addHost(cloud, 'h1')
    const { project_id, domain_id } = cloud
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    const [flavor_id, image_id, network_id] = [flavors.items?.[0]?.id, await addImage(cloud), await addNetwork(cloud)]
    const create = async (name: string, count = 1) => {
      const body = { name, count, flavor_id, image_id, networks: [{ network_id }] }
      const { status, body: said } = await cloud.request('POST', '/v1/instances', { body })
      return { status, code: said.code }
    }
    const { hosts, database } = cloud.cloud
    const decided = mock.method(hosts.placer, 'place')
    const promised = mock.method(hosts, 'promise')
    const calls = () => [decided.mock.callCount(), promised.mock.callCount()]
    try {
      await limit('project', project_id, { instances: 3 })
      assert.equal((await create('fits')).status, 202)
      assert.deepEqual(calls(), [1, 1])
      const over = { status: 409, code: 'quota_exceeded' }
      assert.deepEqual(await create('three', 3), over)
      assert.deepEqual(calls(), [1, 1], 'seen before anything is decided')
      // It fits when it is looked at, and no longer when it is charged: somebody else charges meanwhile.
      const { late } = await database.transaction(async tx => {
        await quota.charge(tx, { project_id, domain_id }, { instances: 2 })
        const waiting = create('late')
        await eventually(async () => {
          const { rows } = await sql`select from pg_locks where not granted`.execute(database.db)
          assert.equal(rows.length, 1, 'it waits for the quota')
        })
        return { late: waiting }
      })
      assert.deepEqual(await late, over)
      assert.deepEqual(calls(), [2, 1], 'decided, and nobody is kept away')
      assert.equal(await used('project', project_id, 'instances'), 3)
    } finally {
      mock.restoreAll()
    }
  })
})
