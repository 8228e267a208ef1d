/** What is told of an instance's place: the decision that put it there, and apart from it what was refused since, and what would help. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { haRestartRoutes } from '../../../src/api/ha-restart.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { haRestart } from '../../../src/controller/store/ha-restart.ts'
import { removedSuffix } from '../../../src/model/removed-name.ts'
import { type Answered, type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

describe('controller/explained', () => {
  let cloud: TestCloud
  let hosts: ObedientHost[]
  let wish: Record<string, unknown>

  /** Two hosts of one zone, and one of another. */
  before(async () => {
    cloud = await testCloud()
    hosts = [await addHost(cloud, 'h1'), await addHost(cloud, 'h2'), await addHost(cloud, 'far')]
    const { body: zone } = await cloud.request('POST', '/v1/zones', { body: { name: 'far' } })
    const { body: cluster } = await cloud.request('POST', '/v1/clusters', { body: { name: 'far', zone_id: zone.id } })
    const moved = cloud.cloud.database.db.updateTable('host').set({ cluster_id: String(cluster.id) })
    await moved.where('name', '=', 'far').execute()
    await liftQuotas(cloud)
    const { items } = (await cloud.request('GET', '/v1/flavors?name=tiny')).body
    const networks = [{ network_id: await addNetwork(cloud) }]
    wish = { flavor_id: items?.[0]?.id, image_id: await addImage(cloud), networks }
  })
  after(() => cloud.close())

  const host = (n: number) => hosts[n] as ObedientHost
  async function create(name: string, more: Record<string, unknown> = {}): Promise<Instance> {
    const headers = { prefer: 'wait=20' }
    const made = await cloud.request('POST', '/v1/instances', { body: { ...wish, name, ...more }, headers })
    return replyOf(instanceRoutes.create, made).items[0] as Instance
  }
  const migrate = (one: Instance, host_id?: string): Promise<Answered> =>
    cloud.request('POST', `/v1/instances/${one.id}/migrate`, { body: { ...(host_id !== undefined && { host_id }) } })
  const explain = (one: Instance) => cloud.call(instanceRoutes.explain, { params: { instance: one.id } })

  test('a refused move leaves the decision in view, and is told of beside it until it has moved', async () => {
    const { body: group } = await cloud.request('POST', '/v1/instance-groups', {
      body: { name: 'db', policy: 'anti-affinity' },
    })
    const one = await create('db-1', { group_id: group.id, host_id: host(0).id })
    const other = await create('db-2', { group_id: group.id, host_id: host(1).id })
    const decided = await explain(one)
    assert.deepEqual([decided.host_id, decided.refused_since], [host(0).id, null])
    const refused = await migrate(one, host(1).id)
    assert.equal(refused.body.code, 'no_capacity', JSON.stringify(refused.body))
    const told = await explain(one)
    assert.deepEqual({ ...told, refused_since: null }, decided)
    assert.equal(told.refused_since?.host_id, null)
    assert.deepEqual(told.refused_since.refusals, { asked_host: 2, anti_affinity: 1 })
    assert.equal(told.refused_since.id, refused.body.placement_id)

    await cloud.request('DELETE', `/v1/instances/${other.id}?purge=true`, { headers: { prefer: 'wait=20' } })
    const begun = await migrate(one, host(1).id)
    assert.equal(begun.status, 202, JSON.stringify(begun.body))
    const { operation } = begun.body as { operation: { id: string } }
    await cloud.request('GET', `/v1/operations/${operation.id}`, { headers: { prefer: 'wait=20' } })
    const there = await explain(one)
    assert.deepEqual([there.host_id, there.refused_since], [host(1).id, null])
  })

  test('a move that no host can take is told what would help it: no other zone, and where it is now is no host ruled out', async () => {
    const one = await create('alone', { host_id: host(0).id })
    await cloud.request('PATCH', `/v1/hosts/${host(1).id}`, { body: { schedulable: false } })
    const refused = await migrate(one)
    assert.equal(refused.body.code, 'no_capacity', JSON.stringify(refused.body))
    const sentence = String(refused.body.detail)
    assert.match(sentence, /where it is now: 1 host, h1 has it now/)
    assert.match(sentence, /Let a host take new instances again/)
    assert.doesNotMatch(sentence, /another zone, or none|ruled out/i)
    const only = await create('over-there', { host_id: host(2).id })
    assert.match(String((await migrate(only)).body.detail), /Add a host to its zone\./)
    await cloud.request('PATCH', `/v1/hosts/${host(1).id}`, { body: { schedulable: true } })
  })

  test('a host that was removed since is told as removed, by decisions and restarts that name it', async () => {
    const gone = await addHost(cloud, 'gone')
    const one = await create('left', { host_id: host(0).id })
    await haRestart.insert(cloud.cloud.database.db as never, {
      ...{ id: crypto.randomUUID(), project_id: cloud.project_id, instance_id: one.id, generation: 1, verify_s: null },
      ...{ from_host_id: gone.id, from_host: 'gone', to_host_id: host(0).id, to_host: 'h1', outcome: 'running' },
      ...{ fenced_by: 'lease', reason: 'It was lost.', lost_at: new Date() },
    })
    const named = async () => {
      const restarts = await cloud.call(haRestartRoutes.list, { query: { instance_id: one.id } })
      const { from_host, to_host } = restarts.items[0] ?? {}
      const { hosts, reasons } = await explain(one)
      const examples = reasons.flatMap(reason => reason.examples)
      const ofGone = [...hosts, ...examples].filter(other => other.host_id === gone.id).map(other => other.host)
      return { from_host, to_host, decision: [...new Set(ofGone)] }
    }
    assert.deepEqual(await named(), { from_host: 'gone', to_host: 'h1', decision: ['gone'] })
    await gone.disconnect()
    const { status, body } = await cloud.request('DELETE', `/v1/hosts/${gone.id}`)
    assert.equal(status, 204, JSON.stringify(body))
    const removed = `gone${removedSuffix(gone.id)}`
    assert.deepEqual(await named(), { from_host: removed, to_host: 'h1', decision: [removed] })
  })
})
