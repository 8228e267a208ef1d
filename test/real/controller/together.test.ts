/** Requests that share a transaction: each gets what it would have got alone, and one that cannot be done spoils no other. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/together', () => {
  let cloud: TestCloud
  let body: Record<string, unknown>
  before(async () => {
    cloud = await testCloud()
    for (const name of ['h1', 'h2', 'h3']) await addHost(cloud, name)
    await liftQuotas(cloud)
    const image_id = await addImage(cloud)
    const network_id = await addNetwork(cloud)
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    body = { flavor_id: flavors.items?.[0]?.id, image_id, networks: [{ network_id }] }
  })
  after(() => cloud.close())

  const create = (name: string, key?: string) =>
    cloud.request('POST', '/v1/instances', {
      body: { ...body, name },
      headers: { prefer: 'wait=30', ...(key && { 'idempotency-key': key }) },
    })
  const many = <T>(count: number, work: (n: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, n) => work(n)))
  const madeBy = (answer: Awaited<ReturnType<typeof create>>) => {
    const { items, operation } = replyOf(instanceRoutes.create, answer)
    const [made] = items
    assert.ok(made)
    return { made, operation }
  }

  test('each has an instance, an operation, an address and an audit row of its own', async () => {
    const answers = await many(12, n => create(`one-${n}`))
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 202),
    )
    const all = answers.map(madeBy)
    assert.deepEqual(
      all.map(({ made }) => made.name),
      answers.map((_, n) => `one-${n}`),
    )
    for (const { made, operation } of all) {
      assert.equal(operation.resource_id, made.id)
      assert.equal(operation.state, 'succeeded')
      assert.equal(made.state, 'running')
    }
    assert.equal(new Set(all.map(({ operation }) => operation.id)).size, 12)
    assert.equal(new Set(all.map(({ made }) => made.addresses[0]?.address)).size, 12)
    const rows = await cloud.cloud.database.db
      .selectFrom('audit')
      .select('request_id')
      .where('action', '=', 'instance.create')
      .execute()
    assert.deepEqual(
      new Set(rows.map(row => row.request_id)),
      new Set(answers.map(({ headers }) => headers['x-request-id'])),
    )
    const { rows: together } = await transactionsOf(all.map(({ made }) => made.id))
    assert.ok(together < 12, `${together} transactions for 12 requests: none were done together`)
  })

  /** How many transactions wrote the creation of these. */
  async function transactionsOf(ids: string[]) {
    const rows = await cloud.cloud.database.db
      .selectFrom('event')
      .select('xid')
      .distinct()
      .where('kind', '=', 'created')
      .where('resource_id', 'in', ids)
      .execute()
    return { rows: rows.length }
  }

  test('the same key twice at once makes one instance, and those beside it are made as well', async () => {
    const answers = await many(8, n => create(`key-${n < 2 ? 'same' : n}`, `key ${n < 2 ? 'same' : n}`))
    const ids = answers.map(answer => madeBy(answer).made.id)
    assert.equal(ids[0], ids[1])
    assert.equal(new Set(ids).size, 7)
  })

  test('where the quota has room for some, so many are made, and each other is told why not', async () => {
    const { db } = cloud.cloud.database
    const quotaRow = () =>
      db
        .selectFrom('quota')
        .selectAll()
        .where('scope', '=', 'project')
        .where('scope_id', '=', cloud.project_id)
        .where('resource', '=', 'instances')
        .executeTakeFirstOrThrow()
    const { used } = await quotaRow()
    await db
      .updateTable('quota')
      .set({ limit_value: used + 3 })
      .where('scope_id', '=', cloud.project_id)
      .where('resource', '=', 'instances')
      .execute()
    const answers = await many(9, n => create(`few-${n}`))
    assert.deepEqual(Object.groupBy(answers, ({ status }) => String(status))['202']?.length, 3)
    for (const { status, body: problem } of answers) if (status !== 202) assert.equal(problem.code, 'quota_exceeded')
    assert.equal((await quotaRow()).used, used + 3)
    await liftQuotas(cloud)
  })

  test('deletions at once: each instance goes, one asked for twice is deleted once', async () => {
    const ids = (await many(5, n => create(`gone-${n}`))).map(answer => madeBy(answer).made.id)
    const headers = { prefer: 'wait=30' }
    const remove = (id: string) => cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers })
    const answers = await Promise.all([...ids, ids[0] ?? ''].map(remove))
    const statuses = answers.map(({ status }) => status)
    assert.deepEqual(statuses.slice(1, 5), [202, 202, 202, 202])
    // The other finds it under way, or gone already.
    assert.match([statuses[0], statuses[5]].sort().join(' '), /^202 (404|409)$/)
  })

  test('what else a request changes is told as its own', async () => {
    const ids = (await many(4, n => create(`keep-${n}`))).map(answer => madeBy(answer).made.id)
    const answers = await Promise.all(ids.map(id => cloud.request('DELETE', `/v1/instances/${id}?keep_root=true`)))
    const requests = answers.map(({ headers }) => String(headers['x-request-id']))
    const rows = await cloud.cloud.database.db
      .selectFrom('event')
      .select('request_id')
      .where('noun', '=', 'volume')
      .where('kind', '=', 'changed')
      .execute()
    assert.deepEqual(rows.map(row => row.request_id).sort(), requests.sort())
  })

  test('a version that has changed refuses its own request alone', async () => {
    const ids = (await many(3, n => create(`old-${n}`))).map(answer => madeBy(answer).made.id)
    const stop = (id: string, n: number) =>
      cloud.request('POST', `/v1/instances/${id}/stop`, { body: {}, headers: n === 1 ? { 'if-match': '"999"' } : {} })
    const answers = await Promise.all(ids.map(stop))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 412, 202],
    )
  })

  test('whoever sends the request id of another gets what they asked for themselves', async () => {
    const project = await cloud.request('POST', '/v1/projects', {
      body: { name: 'other', domain_id: cloud.domain_id },
    })
    await liftQuotas(cloud)
    await cloud.cloud.database.db.updateTable('image').set({ visibility: 'public' }).execute()
    const other_id = String(project.body.id)
    const other = await cloud.tokenOf(cloud.admin_user_id, other_id)
    const headers = { 'x-request-id': crypto.randomUUID() }
    const createTwo = (name: string, token: string) =>
      cloud.request('POST', '/v1/instances', {
        body: { ...body, networks: [], name, count: 2, tags: { of: name } },
        headers,
        token,
      })
    // The first is under way while the others come.
    const answers = await Promise.all([
      createTwo('first', cloud.admin),
      createTwo('mine', cloud.admin),
      createTwo('theirs', other),
    ])
    const made = answers.map(answer =>
      replyOf(instanceRoutes.create, answer).items.map(one => [one.project_id, one.tags.of]),
    )
    assert.deepEqual(made, [
      Array.from({ length: 2 }, () => [cloud.project_id, 'first']),
      Array.from({ length: 2 }, () => [cloud.project_id, 'mine']),
      Array.from({ length: 2 }, () => [other_id, 'theirs']),
    ])
  })

  test('requests whose database went away as it committed are not done again', async () => {
    const database = cloud.cloud.database.of('request')
    const lost = new Set<unknown>()
    const transaction = database.transaction.bind(database)
    const cut: typeof transaction = async work => {
      const done = await transaction(work)
      const isBatch = Array.isArray(done) && done.length > 1 && Object.hasOwn(done[0] as object, 'operation')
      if (!isBatch || lost.size > 0) return done
      lost.add(done)
      throw new Error('Connection terminated unexpectedly')
    }
    Object.assign(database, { transaction: cut })
    try {
      const answers = await many(6, n => create(`once-${n}`))
      assert.equal(lost.size, 1, 'a batch was cut')
      for (const { status } of answers) assert.ok(status === 202 || status === 503, String(status))
    } finally {
      Object.assign(database, { transaction })
    }
    const { body: all } = await cloud.request('GET', '/v1/instances?limit=1000')
    const names = (all.items ?? []).map(one => String(one.name)).filter(name => name.startsWith('once-'))
    assert.deepEqual(
      names.sort(),
      Array.from({ length: 6 }, (_, n) => `once-${n}`),
    )
  })
})
