/** Which of the things that an operation is about failed, and why: by page, by outcome, and no more of it than one may see. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { operationRoutes } from '../../../src/api/operation.ts'
import { type AskOptions, type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

suite('targets of operations', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let base: object

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 64, memory_mib: 262_144 })
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    base = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks }
  })
  after(() => cloud.close())

  async function make(name: string, count: number, wait = true): Promise<{ operation: string; ids: string[] }> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...base, name, count },
      ...(wait && { headers: { prefer: 'wait=10' } }),
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    return {
      operation: (made.body.operation as { id: string }).id,
      ids: (made.body.items ?? []).map(one => String(one.id)).sort(),
    }
  }

  async function targets(operation: string, query = '', options: AskOptions = {}) {
    const answer = await cloud.request('GET', `/v1/operations/${operation}/targets${query}`, options)
    return replyOf(operationRoutes.targets, answer)
  }

  test('of a batch of which some fail, each with its reason', async () => {
    host.failure = 'the disk is broken'
    host.fails = one => ['part-2', 'part-4'].includes(one.metadata.name)
    const { operation, ids } = await make('part', 5)
    host.failure = host.fails = null
    const { items, next } = await targets(operation)
    assert.deepEqual(
      items.map(one => one.resource_id),
      ids,
    )
    assert.equal(next, null)
    const failed = await targets(operation, '?outcome=failed')
    assert.deepEqual(failed.items.map(one => [one.noun, one.name, one.outcome, one.reason, one.percent]).sort(), [
      ['instance', 'part-2', 'failed', 'the disk is broken', 100],
      ['instance', 'part-4', 'failed', 'the disk is broken', 100],
    ])
    assert.deepEqual((await targets(operation, '?outcome=succeeded')).items.map(one => one.name).sort(), [
      'part-1',
      'part-3',
      'part-5',
    ])
    assert.deepEqual((await targets(operation, '?outcome=open')).items, [])
    // Page after page, filtered too, none twice and none left out.
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await targets(operation, `?limit=2&outcome=succeeded${cursor}`)
      seen.push(...page.items.map(one => one.resource_id))
      cursor = page.next === null ? '' : `&cursor=${page.next}`
    } while (cursor !== '')
    assert.equal(new Set(seen).size, 3)
    assert.equal(seen.length, 3)
    for (const query of ['?outcome=lost', '?cursor=x', '?sort=name']) {
      const refused = await cloud.request('GET', `/v1/operations/${operation}/targets${query}`)
      assert.ok([400, 422].includes(refused.status), `${query}: ${refused.status}`)
    }
    // What is gone keeps its outcome, and has no name.
    for (const id of ids)
      await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
    const gone = await targets(operation, '?outcome=failed')
    assert.deepEqual(
      gone.items.map(one => [one.name, one.reason]),
      [
        [null, 'the disk is broken'],
        [null, 'the disk is broken'],
      ],
    )
  })

  test('what is open says how far it is and what it waits for', async () => {
    host.silent = true
    const { operation, ids } = await make('open', 2, false)
    while (!ids.every(id => host.wanted.has(id))) await new Promise(resolve => setImmediate(resolve))
    host.silent = false
    host.tell({ applied_generation: 0, progress: { step: 'fetching the image', percent: 40 } }, [String(ids[0])])
    const first = async () => (await targets(operation, '?outcome=open')).items[0]
    while ((await first())?.step === null) await new Promise(resolve => setImmediate(resolve))
    const { items } = await targets(operation, '?outcome=open')
    assert.deepEqual(
      items.map(one => [one.resource_id, one.outcome, one.step, one.percent, one.reason]),
      [
        [ids[0], null, 'fetching the image', 40, null],
        [ids[1], null, null, 0, null],
      ],
    )
    await host.disconnect()
    assert.match((await targets(operation)).items[1]?.reason ?? '', /The host h1 does not answer/)
    await host.connect()
    host.tell()
    await cloud.request('GET', `/v1/operations/${operation}`, { headers: { prefer: 'wait=10' } })
    assert.equal((await targets(operation, '?outcome=succeeded')).items.length, 2)
  })

  test('as one may see the operation, and of things no more than one may', async () => {
    const { operation } = await make('mine', 2)
    const path = `/v1/operations/${operation}/targets`
    const { body: project } = await cloud.request('POST', '/v1/projects', { body: { name: 'other' } })
    const user = async (name: string, role: string, project_id: unknown) => {
      const { body } = await cloud.request('POST', '/v1/users', { body: { name } })
      const grant = { user_id: body.id, role, scope: 'project', project_id }
      assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
      return cloud.tokenOf(String(body.id), String(project_id))
    }
    const stranger = await user('stranger', 'member', project.id)
    assert.equal((await cloud.request('GET', path, { token: stranger })).status, 404)
    assert.equal(
      (await targets(operation, '', { token: await user('member', 'member', cloud.project_id) })).items.length,
      2,
    )
    const role = { name: 'clerk', permissions: ['operation.read'] }
    assert.equal((await cloud.request('POST', '/v1/roles', { body: role })).status, 201)
    const clerk = await targets(operation, '', { token: await user('clerk', 'clerk', cloud.project_id) })
    assert.deepEqual(
      clerk.items.map(one => [one.name, one.outcome]),
      [
        [null, 'succeeded'],
        [null, 'succeeded'],
      ],
    )
    assert.equal((await cloud.request('GET', `/v1/operations/${crypto.randomUUID()}/targets`)).status, 404)
  })
})
