import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Instance } from '../../../src/api/instance.ts'
import type { Operation } from '../../../src/api/operation.ts'
import { makeId } from '../../../src/controller/cloud.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'

let cloud: TestCloud
let host: ObedientHost
let image_id: string
let flavor_id: string
let network_id: string

describe('controller/instance', () => {
  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 2000, memory_mib: 4_000_000, pool_gib: 100_000 })
    image_id = await addImage(cloud)
    const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
    flavor_id = String(flavors.body.items?.[0]?.id)
    network_id = await addNetwork(cloud)
    await liftQuotas(cloud)
  })
  after(() => cloud.close())

  async function create(body: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
    const given = { name: 'web', flavor_id, image_id, networks: [{ network_id }], ...body }
    return await cloud.request('POST', '/v1/instances', { body: given, headers: { prefer: 'wait=10', ...headers } })
  }

  async function act(id: string, verb: string, body: unknown = {}) {
    return await cloud.request('POST', `/v1/instances/${id}/${verb}`, { body, headers: { prefer: 'wait=10' } })
  }

  function created(answer: { body: Record<string, unknown> }): { items: Instance[]; operation: Operation } {
    return answer.body as never
  }

  test('an instance is made, stopped, started, rebooted, deleted, recovered and purged', async () => {
    const made = await create()
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const { items, operation } = created(made)
    const [one] = items
    assert.ok(one)
    assert.equal(operation.state, 'succeeded')
    assert.equal(one.state, 'running')
    assert.equal(one.host, 'h1')
    assert.equal(one.addresses.length, 1)
    const wanted = host.wanted.get(one.id)
    assert.equal(wanted?.disks[0]?.image?.image_id, image_id)
    assert.equal(wanted?.ports[0]?.addresses[0]?.address, one.addresses[0]?.address)
    for (const [verb, state] of [
      ['stop', 'stopped'],
      ['start', 'running'],
      ['reboot', 'running'],
    ] as const) {
      const acted = await act(one.id, verb)
      assert.equal(acted.status, 202, JSON.stringify(acted.body))
      assert.equal((acted.body.operation as Operation).state, 'succeeded')
      assert.equal((acted.body.instance as Instance).state, state)
    }
    assert.equal(host.wanted.get(one.id)?.reboot_count, 1)
    const deleted = await cloud.request('DELETE', `/v1/instances/${one.id}`, { headers: { prefer: 'wait=10' } })
    assert.equal((deleted.body.instance as Instance).state, 'deleted')
    assert.equal(host.wanted.get(one.id)?.power, 'deleted')
    assert.equal((await cloud.request('GET', '/v1/instances')).body.items?.length, 0)
    assert.equal((await cloud.request('GET', '/v1/instances?deleted=true')).body.items?.length, 1)
    const recovered = await act(one.id, 'recover')
    assert.equal((recovered.body.instance as Instance).state, 'stopped', JSON.stringify(recovered.body))
    const purged = await cloud.request('DELETE', `/v1/instances/${one.id}?purge=true`, {
      headers: { prefer: 'wait=10' },
    })
    assert.equal((purged.body.operation as Operation).state, 'succeeded', JSON.stringify(purged.body))
    await gone(one.id)
    await nothingLeft()
  })

  /** Resolves when the instance's record is out of the database. */
  async function gone(id: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = cloud.cloud.events.watch(events => {
      if (events.some(one => one.resource_id === id && one.kind === 'deleted')) resolve()
    })
    const answer = await cloud.request('GET', `/v1/instances/${id}`)
    if (answer.status === 404) resolve()
    await promise
    stop()
  }

  /** Claims, quota and addresses are as if there had never been anything. */
  async function nothingLeft(): Promise<void> {
    const { db } = cloud.cloud.database
    const left = await db.selectFrom('host_claim').selectAll().where('host_id', '=', host.id).executeTakeFirstOrThrow()
    assert.deepEqual([left.vcpus, left.memory_mib, left.disk_gib], [0, 0, 0])
    const used = await db.selectFrom('quota').selectAll().where('used', '>', 0).execute()
    assert.deepEqual(
      used.filter(row => ['instances', 'vcpus', 'memory_mib', 'storage_gib'].includes(row.resource)),
      [],
    )
    const ports = await db.selectFrom('port').selectAll().where('kind', '=', 'instance').execute()
    assert.deepEqual(ports, [])
    assert.deepEqual(await db.selectFrom('volume').selectAll().execute(), [])
  }

  test('a failure on the host is an error with its reason, and a start mends it', async () => {
    host.failure = 'The disk is full.'
    const { items, operation } = created(await create())
    assert.equal(operation.state, 'failed')
    assert.equal(operation.reason, 'The disk is full.')
    assert.equal(items[0]?.state, 'error')
    assert.equal(items[0]?.reason, 'The disk is full.')
    host.failure = null
    const started = await act(items[0]?.id ?? '', 'start')
    assert.equal((started.body.instance as Instance).state, 'running')
    await cloud.request('DELETE', `/v1/instances/${items[0]?.id}?purge=true`)
    await gone(items[0]?.id ?? '')
  })

  test('a host that goes makes its instances unknown, and operations wait, saying for what', async () => {
    const { items } = created(await create())
    const id = items[0]?.id ?? ''
    await host.disconnect()
    const unknown = await cloud.request('GET', `/v1/instances/${id}`)
    assert.equal(unknown.body.state, 'unknown')
    const stopping = await cloud.request('POST', `/v1/instances/${id}/stop`, { body: {} })
    const operation = stopping.body.operation as Operation
    assert.equal(operation.state, 'waiting')
    assert.match(operation.reason ?? '', /h1 does not answer/)
    const refused = await create()
    assert.equal(refused.status, 409)
    assert.equal(refused.body.code, 'no_capacity')
    assert.match(String(refused.body.detail), /does not answer/)
    const why = await cloud.request('GET', `/v1/placements/${String(refused.body.placement_id)}`)
    assert.deepEqual(why.body.refusals, { answers: 1 })
    await host.connect()
    const ended = await cloud.request('GET', `/v1/operations/${operation.id}`, { headers: { prefer: 'wait=10' } })
    assert.equal(ended.body.state, 'succeeded')
    await cloud.request('DELETE', `/v1/instances/${id}?purge=true`)
    await gone(id)
  })

  test('a guest that shuts itself down is stopped, and stays so', async () => {
    const { items } = created(await create())
    const id = items[0]?.id ?? ''
    host.tell({ power: 'stopped', stopped_by_guest: true }, [id])
    const settled = Promise.withResolvers<void>()
    const stop = cloud.cloud.events.watch(() => {
      if (host.wanted.get(id)?.power === 'stopped') settled.resolve()
    })
    await settled.promise
    stop()
    assert.equal((await cloud.request('GET', `/v1/instances/${id}`)).body.wanted_power, 'stopped')
    await cloud.request('DELETE', `/v1/instances/${id}?purge=true`)
    await gone(id)
  })

  test('an idempotency key makes one instance of many requests', async () => {
    const key = { 'idempotency-key': 'just-one' }
    const answers = await Promise.all(Array.from({ length: 8 }, () => create({ name: 'once' }, key)))
    assert.deepEqual(new Set(answers.map(one => one.status)), new Set([202]))
    assert.equal(new Set(answers.map(one => created(one).items[0]?.id)).size, 1)
    const other = await create({ name: 'other' }, key)
    assert.equal(other.body.code, 'idempotency_mismatch')
    const id = created(answers[0] ?? { body: {} }).items[0]?.id ?? ''
    await cloud.request('DELETE', `/v1/instances/${id}?purge=true`)
    await gone(id)
  })

  test('what cannot be is refused, says why, and changes nothing', async () => {
    const cases: [Record<string, unknown>, number, RegExp][] = [
      [{ name: 7 }, 422, /name/],
      [{ colour: 'red' }, 422, /colour/],
      [{ name: 'x'.repeat(200) }, 422, /name/],
      [{ flavor_id: makeId(cloud.cloud) }, 404, /flavor/],
      [{ image_id: makeId(cloud.cloud) }, 404, /image/],
      [{ image_id: await addImage(cloud, 'huge', 50 * 1024 ** 3) }, 422, /needs a disk of 50 GiB/],
      [{ networks: [{ network_id: makeId(cloud.cloud) }] }, 404, /network/],
      [{ key_names: ['none'] }, 404, /key pair/],
      [{ user_data: 'not base64!' }, 422, /base64/],
      [{ host_id: makeId(cloud.cloud) }, 409, /another host/],
      [{ count: 1001 }, 422, /count/],
    ]
    for (const [body, status, detail] of cases) {
      const answer = await create(body)
      assert.equal(answer.status, status, JSON.stringify([body, answer.body]))
      assert.match(String(answer.body.detail), detail)
    }
    await nothingLeft()
  })

  test('a concurrent rush for the last room never overbooks a host', async () => {
    const small = await addHost(cloud, 'small', { cpus: 100, memory_mib: 1024 + 10 * 128, pool_gib: 100 })
    const answers = await Promise.all(
      Array.from({ length: 25 }, (_, n) => create({ name: `rush-${n}`, host_id: small.id })),
    )
    const won = answers.filter(one => one.status === 202)
    assert.equal(won.length, 10)
    assert.ok(answers.filter(one => one.status !== 202).every(one => one.body.code === 'no_capacity'))
    for (const one of won) {
      const id = created(one).items[0]?.id ?? ''
      await cloud.request('DELETE', `/v1/instances/${id}?purge=true`)
      await gone(id)
    }
  })

  test('a thousand instances are one request, and all run', async () => {
    const made = await create({ count: 1000, name: 'fleet' })
    assert.equal(made.status, 202, JSON.stringify(made.body).slice(0, 500))
    const { items, operation } = created(made)
    assert.equal(items.length, 1000)
    assert.equal(operation.state, 'succeeded')
    assert.equal(new Set(items.flatMap(one => one.addresses.map(address => address.address))).size, 1000)
    assert.ok(items.every(one => one.state === 'running'))
    const page = await cloud.request('GET', '/v1/instances?limit=300&sort=-name')
    assert.equal(page.body.items?.length, 300)
    const seen = new Set(page.body.items?.map(one => one.id))
    let next = page.body.next
    while (typeof next === 'string') {
      const more = await cloud.request('GET', `/v1/instances?limit=300&sort=-name&cursor=${next}`)
      for (const one of more.body.items ?? []) seen.add(one.id)
      next = more.body.next
    }
    assert.equal(seen.size, 1000)
  })
})
