/** Hosts that are lost: declared dead when others cannot reach them, fenced, and their highly available instances run elsewhere. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { Host } from '../../../src/api/host.ts'
import type { Instance } from '../../../src/api/instance.ts'
import type { Zone } from '../../../src/api/zone.ts'
import type { HaRestart } from '../../../src/api/ha-restart.ts'
import { type RedfishTest, redfishService } from '../../support/bmc.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'

const pool_id = '11111111-2222-4333-8444-555555555555'

describe('controller/availability', { timeout: 300_000 }, () => {
  let cloud: TestCloud
  let hosts: ObedientHost[]
  let service: RedfishTest
  let body: Record<string, unknown>
  let count = 0

  before(async () => {
    cloud = await testCloud()
    service = await redfishService()
    await liftQuotas(cloud)
    for (const [name, value] of [['ha.settle_s', 0]] as const) {
      const set = await cloud.request('PUT', `/v1/settings/${name}`, { body: { value } })
      assert.equal(set.status, 200, JSON.stringify(set.body))
    }
    const [flavor] = (await cloud.request('GET', '/v1/flavors?name=small')).body.items ?? []
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavor?.id, image_id: await addImage(cloud), networks }
  })
  after(async () => {
    await service.close()
    await cloud.close()
  })

  /** Three fresh hosts on one pool; others that they ask cannot reach the first. */
  beforeEach(async () => {
    count += 1
    hosts = []
    for (const n of [1, 2, 3]) {
      const facts = { pool_id, tunnel_address: `192.0.2.${count * 10 + n}` }
      const host = await addHost(cloud, `h${count}-${n}`, {}, facts)
      host.onCall = ({ method }) => (method === 'probe' ? { result: { reached: 'none' } } : { error: 'no' })
      hosts.push(host)
    }
    await service.setPower('on')
  })
  afterEach(async () => {
    const { db } = cloud.cloud.database
    for (const host of hosts) await host.disconnect()
    for (const table of ['ha_restart', 'migration', 'host_absence', 'zone_storm'] as const)
      await db.deleteFrom(table).execute()
    const ids = hosts.map(host => host.id)
    await db.deleteFrom('volume').where('host_id', 'in', ids).execute()
    await db.deleteFrom('instance').where('host_id', 'in', ids).execute()
    await db.updateTable('host').set({ removed_at: new Date() }).where('id', 'in', ids).execute()
  })

  const [first, second, third] = [0, 1, 2].map(n => () => hosts[n] as ObedientHost) as [
    () => ObedientHost,
    () => ObedientHost,
    () => ObedientHost,
  ]

  async function run(name: string, host: ObedientHost, high = true): Promise<string> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name, host_id: host.id },
      headers: { prefer: 'wait=20' },
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const [one] = made.body.items as unknown as Instance[]
    assert.ok(one)
    const availability = high ? 'high' : 'restart'
    await cloud.cloud.database.db
      .updateTable('instance')
      .set({ availability } as never)
      .where('id', '=', one.id)
      .execute()
    return one.id
  }

  async function shown(host: ObedientHost): Promise<Host> {
    return (await cloud.request('GET', `/v1/hosts/${host.id}`)).body as unknown as Host
  }

  async function instance(id: string): Promise<Instance> {
    return (await cloud.request('GET', `/v1/instances/${id}`)).body as unknown as Instance
  }

  /** Whenever anything happens, until it is so. */
  async function until<T>(look: () => Promise<T | undefined | false>, within_ms = 60_000): Promise<T> {
    const end = Promise.withResolvers<T>()
    const timer = setTimeout(() => end.reject(new Error('it never came')), within_ms)
    let looking = false
    let again = false
    const tryIt = async () => {
      if (looking) return void (again = true)
      looking = true
      do {
        again = false
        const found = await look()
        if (found) end.resolve(found)
      } while (again)
      looking = false
    }
    const run = () => void tryIt().catch(end.reject)
    const unwatch = cloud.cloud.events.watch(run)
    run()
    try {
      return await end.promise
    } finally {
      unwatch()
      clearTimeout(timer)
    }
  }

  async function setBmc(host: ObedientHost): Promise<void> {
    const { address, port, user, password } = service.bmc
    const { certificate_sha256 } = service
    const set = await cloud.request('PUT', `/v1/hosts/${host.id}/bmc`, {
      body: { kind: 'redfish', address, port, user, password, certificate_sha256 },
    })
    assert.equal(set.status, 200, JSON.stringify(set.body))
  }

  test('with fencing: others are asked, power is cut, and the instance runs elsewhere, with the reason told', async () => {
    const id = await run('one', first())
    const plain = await run('plain', first(), false)
    await setBmc(first())
    const began = performance.now()
    await first().disconnect()
    const moved = await until(async () => {
      const now = await instance(id)
      return now.host_id !== first().id && now.state === 'running' && now
    })
    assert.ok(performance.now() - began < 25_000)
    assert.equal(await service.power(), 'off')
    const lost = await shown(first())
    assert.equal(lost.availability, 'fenced')
    assert.equal(lost.absence?.fenced_by, 'redfish')
    assert.equal(lost.absence.opinions.length, 2)
    const restart = await until(async () => {
      const { items = [] } = (await cloud.request('GET', `/v1/ha-restarts?instance_id=${id}`)).body
      const [one] = items as unknown as HaRestart[]
      return one?.outcome === 'running' && one
    })
    assert.equal(restart.to_host_id, moved.host_id)
    assert.match(restart.reason, /Restarted on .* was lost; its power was cut by Redfish and seen to be off at/)
    assert.equal((await instance(plain)).host_id, first().id, 'what is not highly available waits for its host')
    assert.ok(hosts.some(host => host.id === moved.host_id && host.wanted.has(id)))
  })

  test('the host that is back is told to leave what moved, and keeps the rest', async () => {
    const id = await run('one', first())
    await setBmc(first())
    await first().disconnect()
    await until(async () => (await instance(id)).host_id !== first().id)
    first().wanted.clear()
    await first().connect()
    await until(async () => first().wanted.get(id)?.migration?.step === 'leave')
    assert.equal((await shown(first())).availability, 'up')
    assert.equal((await shown(first())).absence, null)
  })

  test('a machine that others reach keeps its power', async () => {
    await run('one', first())
    await setBmc(first())
    second().onCall = () => ({ result: { reached: 'machine' } })
    await first().disconnect()
    const suspect = await until(async () => {
      const now = await shown(first())
      return now.absence?.opinions.length === 2 && now
    })
    assert.equal(suspect.availability, 'suspect')
    assert.match(suspect.availability_reason, new RegExp(`${second().name} can reach the machine`))
    assert.equal(await service.power(), 'on')
  })

  test('without a management controller nothing runs elsewhere until somebody vouches that the host is off', async () => {
    const id = await run('one', first())
    await first().disconnect()
    await until(async () => (await shown(first())).availability === 'dead')
    assert.equal((await instance(id)).host_id, first().id)
    const path = `/v1/hosts/${first().id}/fence`
    const wrong = await cloud.request('POST', path, { body: { name: 'another', confirm_off: true } })
    assert.equal(wrong.status, 422)
    const none = await cloud.request('POST', path, { body: { name: first().name } })
    assert.equal(none.status, 409)
    assert.match(String(none.body.detail), /--confirm-off/)
    const said = await cloud.request('POST', path, { body: { name: first().name, confirm_off: true } })
    assert.equal(said.status, 202, JSON.stringify(said.body))
    await until(async () => (await instance(id)).host_id !== first().id)
    const up = await cloud.request('POST', `/v1/hosts/${second().id}/fence`, {
      body: { name: second().name, confirm_off: true },
    })
    assert.equal(up.status, 409)
  })

  test('a storm: two of three hosts vanish, nothing is fenced until an operator says so', async () => {
    const id = await run('one', first())
    await setBmc(first())
    await second().disconnect()
    await first().disconnect()
    const zones = () => cloud.request('GET', '/v1/zones').then(({ body: { items = [] } }) => items)
    const stormy = await until(async () => {
      const zone = (await zones())[0] as unknown as Zone
      return zone.storm?.gone === 2 && zone
    })
    assert.equal(stormy.storm?.hosts, 3)
    await until(async () => (await shown(first())).availability === 'dead')
    assert.equal(await service.power(), 'on')
    const over = await cloud.request('POST', `/v1/zones/${stormy.id}/override-storm`)
    assert.equal(over.status, 200, JSON.stringify(over.body))
    await until(async () => (await instance(id)).host_id === third().id)
    assert.equal(await service.power(), 'off')
    await second().connect()
    await until(async () => (await zones())[0]?.storm === null)
    assert.equal((await cloud.request('POST', `/v1/zones/${stormy.id}/override-storm`)).status, 409)
  })
})
