/** Hosts that are lost: declared dead when others cannot reach them, fenced, and their highly available instances run elsewhere. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type Host, hostRoutes } from '../../../src/api/host.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { zoneRoutes } from '../../../src/api/zone.ts'
import { haRestartRoutes } from '../../../src/api/ha-restart.ts'
import { absence } from '../../../src/controller/store/absence.ts'
import { channels } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import { type RedfishTest, redfishService } from '../../support/bmc.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

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

  /** Three fresh hosts on one pool, which reached each other while they were there; now others that they ask cannot reach the first. */
  beforeEach(async () => {
    count += 1
    hosts = []
    for (const n of [1, 2, 3]) {
      const facts = { pool_id, tunnel_address: `192.0.2.${count * 10 + n}` }
      const host = await addHost(cloud, `h${count}-${n}`, {}, facts)
      host.onCall = ({ method }) => (method === 'probe' ? { result: { reached: 'machine' } } : { error: 'no' })
      hosts.push(host)
    }
    const ids = hosts.map(host => host.id)
    await eventually(async () => {
      const rows = await cloud.cloud.database.db
        .selectFrom('host_reach')
        .selectAll()
        .where('host_id', 'in', ids)
        .execute()
      assert.deepEqual(
        rows.map(row => row.reached_by.length),
        [2, 2, 2],
      )
    })
    for (const host of hosts) host.onCall = () => ({ result: { reached: 'none' } })
    service.instead = null
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
      body: { ...body, name, host_id: host.id, availability: high ? 'high' : 'restart' },
      headers: { prefer: 'wait=20' },
    })
    const [one] = replyOf(instanceRoutes.create, made).items
    assert.ok(one)
    return one.id
  }

  async function shown(host: ObedientHost): Promise<Host> {
    return await cloud.call(hostRoutes.get, { params: { host: host.id } })
  }

  async function instance(id: string): Promise<Instance> {
    return await cloud.call(instanceRoutes.get, { params: { instance: id } })
  }

  async function memberOf(project_id: string): Promise<string> {
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: `of-${project_id}` } })
    const grant = { user_id: user.id, role: 'member', scope: 'project', project_id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    return cloud.tokenOf(String(user.id), project_id)
  }

  const until = <T>(look: () => Promise<T | undefined | false>): Promise<T> => untilEvent(cloud, look)

  /** So many times, from now on, the loop has looked at all that is lost. */
  async function passes(count: number): Promise<void> {
    const { db } = cloud.cloud.database
    const kept = async () =>
      (await db.selectFrom('leader').select('lease_until').executeTakeFirst())?.lease_until.getTime()
    // Each begins with keeping the lead, so that the one before is over by then.
    for (let n = 0; n <= count; n++) {
      const before = await kept()
      await eventually(async () => assert.notEqual(await kept(), before))
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
    assert.match((await instance(plain)).reason ?? '', /power was seen to be off: .* It is started again with the host/)
    const lost = await shown(first())
    assert.equal(lost.availability, 'fenced')
    assert.equal(lost.absence?.fenced_by, 'redfish')
    assert.equal(lost.absence.opinions.length, 2)
    const restart = await until(async () => {
      const [one] = (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items
      return one?.outcome === 'running' && one
    })
    assert.equal(restart.to_host_id, moved.host_id)
    assert.equal(restart.instance, moved.name)
    const { cluster_id } = await shown(first())
    for (const [query, found] of [
      [`from_host_id=${first().id}`, [restart.id]],
      [`to_host_id=${moved.host_id}`, [restart.id]],
      [`to_host_id=${first().id}`, []],
      [`cluster_id=${cluster_id}&all_projects=true`, [restart.id]],
      [`cluster_id=${crypto.randomUUID()}`, []],
    ] as const) {
      const { items = [] } = (await cloud.request('GET', `/v1/ha-restarts?${query}`)).body
      assert.deepEqual(
        items.map(one => one.id),
        found,
        query,
      )
    }
    await until(async () => {
      const { items = [] } = (await cloud.request('GET', `/v1/events?noun=ha-restart&resource_id=${restart.id}`)).body
      return items.map(one => one.kind).join() === 'created,changed'
    })
    assert.match(restart.reason, /Restarted on .* was lost; its power was cut by Redfish and seen to be off at/)
    assert.equal((await instance(plain)).host_id, first().id, 'what is not highly available waits for its host')
    assert.ok(hosts.some(host => host.id === moved.host_id && host.wanted.has(id)))
  })

  test('who may not see hosts reads a restart without them; another project’s is not there', async () => {
    const id = await run('one', first())
    await setBmc(first())
    await first().disconnect()
    const told = await until(async () => {
      const [one] = (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items
      return one?.outcome === 'running' && one
    })
    assert.deepEqual(await cloud.call(haRestartRoutes.get, { params: { ha_restart: told.id } }), told)
    assert.equal(told.from_host, first().name)
    const secret = `${second().name} said no`
    await sql`update ha_restart set failure = ${secret} where id = ${told.id}::uuid`.execute(cloud.cloud.database.db)
    const path = `/v1/ha-restarts/${told.id}`
    const seen = await cloud.request('GET', path, { token: await memberOf(cloud.project_id) })
    assert.equal(seen.status, 200, JSON.stringify(seen.body))
    const hidden = { from_host: null, from_host_id: null, to_host: null, to_host_id: null }
    const reason = 'The host that it ran on was lost.'
    assert.deepEqual(seen.body, { ...told, ...hidden, reason, failure: null })
    const project = await cloud.request('POST', '/v1/projects', { body: { name: 'elsewhere' } })
    const refused = await cloud.request('GET', path, { token: await memberOf(String(project.body.id)) })
    assert.equal(refused.status, 404)
    assert.equal(refused.body.code, 'not_found')
  })

  test('power that was off is not told as cut; the host that is back is told to leave what moved, and keeps the rest', async () => {
    const id = await run('one', first())
    await setBmc(first())
    await service.setPower('off')
    await first().disconnect()
    await until(async () => (await instance(id)).host_id !== first().id)
    assert.equal((await shown(first())).availability_reason, 'Its power was off already, as Redfish told.')
    const [restart] = (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items
    assert.match(restart?.reason ?? '', /was lost; its power was off already, as Redfish told at 2/)
    first().wanted.clear()
    await first().connect()
    await until(async () => first().wanted.get(id)?.migration?.step === 'leave')
    assert.equal((await shown(first())).availability, 'up')
    assert.equal((await shown(first())).absence, null)
  })

  test('power that is off after a cut whose answer was lost is not told as off before, even when it is seen by a later attempt', async () => {
    const id = await run('one', first())
    await setBmc(first())
    let cut = false
    service.instead = what => {
      if (what.startsWith('POST')) {
        cut = true
        void service.setPower('off')
        return { status: 500 }
      }
      return cut ? { status: 401 } : null
    }
    await first().disconnect()
    const failed = await until(async () => (await shown(first())).absence?.fence_failure ?? undefined)
    assert.match(failed, /HTTP 401/)
    service.instead = null
    await until(async () => (await instance(id)).host_id !== first().id)
    assert.equal((await shown(first())).availability_reason, 'Its power was cut by Redfish and seen to be off.')
    const [restart] = (await cloud.call(haRestartRoutes.list, { query: { instance_id: id } })).items
    assert.match(restart?.reason ?? '', /its power was cut by Redfish and seen to be off at/)
  })

  test('why its power could not be cut is told also once its lease has fenced it; no more once it is off', async () => {
    await setBmc(first())
    await run('one', first())
    service.instead = () => ({ status: 401 })
    await first().disconnect()
    await until(async () => (await shown(first())).absence?.fence_failure?.includes('HTTP 401'))
    const { database } = cloud.cloud
    const tried = service.asked.length
    // While it is tried once more, which then is told as well.
    await database.transaction(async tx => {
      await absence.lock(tx, first().id)
      await eventually(() => assert.ok(service.asked.length > tried))
      await absence.note(tx, first().id, { fenced_by: 'lease' })
    })
    await until(async () => {
      const of = database.db.selectFrom('host_absence').where('host_id', '=', first().id)
      return (await of.select('fence_attempts').executeTakeFirst())?.fence_attempts === 2
    })
    const told = await shown(first())
    assert.equal(told.availability, 'fenced')
    assert.match(told.availability_reason, /^Its lease is over.*Cutting its power failed: .*HTTP 401/)
    await database.transaction(tx => absence.note(tx, first().id, { fenced_by: 'redfish' }))
    assert.equal((await shown(first())).absence?.fence_failure, null)
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

  test('one witness that lies, or is cut off itself, has nobody’s power cut while others could be asked', async () => {
    await run('one', first())
    await setBmc(first())
    second().onCall = () => ({ result: { reached: 'none' } })
    third().onCall = () => ({ error: 'not now' })
    await first().disconnect()
    const suspect = await until(async () => {
      const now = await shown(first())
      return now.absence?.opinions.length === 2 && now
    })
    assert.deepEqual(
      new Set(suspect.absence?.opinions.map(one => one.reached)),
      new Set(['none', null]),
      'one of two has told',
    )
    assert.equal(suspect.availability, 'suspect')
    await passes(2)
    assert.equal(await service.power(), 'on')
  })

  test('a firewall that lets nothing through between hosts makes none of them dead: nobody can tell', async () => {
    await run('one', first())
    await setBmc(first())
    const { db } = cloud.cloud.database
    // As it was found when it was there.
    await db.updateTable('host_reach').set({ reached_by: [] }).where('host_id', '=', first().id).execute()
    await first().disconnect()
    const suspect = await until(async () => {
      const now = await shown(first())
      return now.absence?.opinions.length === 2 && now
    })
    assert.deepEqual(
      suspect.absence?.opinions.map(one => one.reached),
      [null, null],
    )
    assert.equal(suspect.availability, 'suspect')
    assert.match(suspect.availability_reason, /No other host could tell whether it lives/)
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

  async function vouch(host: ObedientHost): Promise<void> {
    await until(async () => ['dead', 'suspect'].includes((await shown(host)).availability))
    const path = `/v1/hosts/${host.id}/fence`
    const said = await cloud.request('POST', path, { body: { name: host.name, confirm_off: true } })
    assert.equal(said.status, 202, JSON.stringify(said.body))
    assert.match(String(said.body.availability_reason), /^The user admin has vouched that it is off, at \d{4}-.*Z\.$/)
  }

  /** On its way from the first to the second. */
  async function beingSent(): Promise<{ id: string; migration: string }> {
    const id = await run('one', first())
    first().sends = 'on-and-on'
    const asked = await cloud.request('POST', `/v1/instances/${id}/migrate`, { body: { host_id: second().id } })
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    const { id: migration } = asked.body.migration as { id: string }
    await until(async () => first().sent.has(id))
    return { id, migration }
  }

  test('lost while an instance is being sent: it runs elsewhere once the other end has nothing of it, and why it waits is shown', async () => {
    const { id, migration } = await beingSent()
    second().silent = true
    await first().disconnect()
    await vouch(first())
    const move = await until(async () => {
      const { body: found } = await cloud.request('GET', `/v1/migrations/${migration}`)
      return found.phase === 'discarding' && found
    })
    assert.match(String(move.reason), /was lost/)
    const waiting = await until(async () => {
      const now = await instance(id)
      return now.ha_obstacle !== null && now
    })
    assert.equal(waiting.host_id, first().id)
    assert.match(waiting.ha_obstacle ?? '', /was on its way to another host when its own was lost, and may run there/)
    await eventually(() => assert.equal(second().wanted.get(id)?.migration?.step, 'discard'))
    second().silent = false
    second().tell({}, [id])
    await until(async () => {
      const now = await instance(id)
      return now.host_id !== first().id && now.state === 'running' && now.ha_obstacle === null
    })
  })

  for (const guarded of [true, false]) {
    test(`so, and the other end is lost as well: ${guarded ? 'fenced by its lease too, which it had said that it keeps, it runs elsewhere' : 'its lease says nothing of what it never said to guard'}`, async () => {
      const { id, migration } = await beingSent()
      const { db } = cloud.cloud.database
      await first().disconnect()
      await second().disconnect()
      // After its last word, which would say it again; and before an operator lets anything be done.
      if (!guarded)
        await db.updateTable('migration').set({ guarded_version: null }).where('id', '=', migration).execute()
      const override = (await cloud.request('GET', '/v1/zones')).body.items?.[0]
      await until(
        async () => (await cloud.request('POST', `/v1/zones/${String(override?.id)}/override-storm`)).status === 200,
      )
      await until(async () => (await shown(second())).availability !== 'up')
      // As its lease being over would be noted.
      await sql`update host_absence set fenced_at = croft_now(), fenced_by = 'lease' where host_id = ${second().id}::uuid`.execute(
        db,
      )
      await vouch(first())
      if (guarded) {
        await until(async () => (await instance(id)).host_id === third().id)
        return
      }
      await until(async () => (await instance(id)).ha_obstacle !== null)
      assert.equal((await instance(id)).host_id, first().id)
      // Somebody vouches for that one, too.
      await db.updateTable('host_absence').set({ fenced_by: 'person' }).where('host_id', '=', second().id).execute()
      await until(async () => (await instance(id)).host_id === third().id)
    })
  }

  for (const fenced_by of ['person', 'redfish', 'lease'] as const) {
    test(`fenced by ${fenced_by}: what its host never said to guard stays, and why is shown`, async () => {
      const id = await run('guarded', first())
      const late = await run('late', first())
      const { db } = cloud.cloud.database
      await first().disconnect()
      const turned = await cloud.request('PATCH', `/v1/instances/${late}`, { body: { availability: 'restart' } })
      assert.equal(turned.status, 200, JSON.stringify(turned.body))
      await cloud.request('PATCH', `/v1/instances/${late}`, { body: { availability: 'high' } })
      await sql`update host_absence set fenced_at = croft_now(), fenced_by = ${fenced_by}, asked_at = croft_now()
        where host_id = ${first().id}::uuid`.execute(db)
      await cloud.cloud.database.transaction(tx => event.notify(tx, channels.absence, first().id))
      await until(async () => (await instance(id)).host_id !== first().id)
      const stays = await instance(late)
      assert.equal(stays.host_id, first().id)
      assert.match(stays.ha_obstacle ?? '', /keeps no leases|did not hear that it is highly available/)
      await until(async () => (await instance(id)).ha_obstacle === null)
    })
  }

  test('while a storm settles nothing is restarted either, though its host was fenced before it', async () => {
    const id = await run('one', first())
    const { db } = cloud.cloud.database
    const settle = async (value: number) => {
      const set = await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value } })
      assert.equal(set.status, 200, JSON.stringify(set.body))
    }
    await settle(3600)
    // The leader counts as steady all the same: only the storm holds it back.
    await sql`update leader set steady_since = croft_now() - interval '2 hours'`.execute(db)
    const [zone] = (await cloud.call(zoneRoutes.list)).items
    await db
      .insertInto('zone_storm')
      .values({ zone_id: String(zone?.id), gone: 2, hosts: 3 })
      .execute()
    await first().disconnect()
    await sql`update host_absence set fenced_at = croft_now(), fenced_by = 'person', asked_at = croft_now()
      where host_id = ${first().id}::uuid`.execute(db)
    await passes(2)
    assert.equal((await instance(id)).host_id, first().id)
    await settle(0)
    await until(async () => (await instance(id)).host_id !== first().id)
  })

  test('what a storm is may differ by zone', async () => {
    const id = await run('one', first())
    await setBmc(first())
    const zone_id = String((await cloud.call(zoneRoutes.list)).items[0]?.id)
    const path = '/v1/settings/ha.storm_hosts_min'
    const set = await cloud.request('PUT', path, { body: { value: 3, zone_id } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    await second().disconnect()
    await first().disconnect()
    await until(async () => (await instance(id)).host_id === third().id)
    assert.equal((await cloud.call(zoneRoutes.list)).items[0]?.storm, null)
    assert.equal((await cloud.request('DELETE', `${path}?zone_id=${zone_id}`)).status, 204)
  })

  test('a storm: two of three hosts vanish, nothing is fenced until an operator says so', async () => {
    const id = await run('one', first())
    await setBmc(first())
    await second().disconnect()
    await first().disconnect()
    const zones = async () => (await cloud.call(zoneRoutes.list)).items
    const stormy = await until(async () => {
      const [zone] = await zones()
      return zone?.storm?.gone === 2 && zone
    })
    assert.equal(stormy.storm?.hosts, 3)
    assert.match(
      (await instance(id)).ha_obstacle ?? '',
      new RegExp(`vanished at once.*override-storm ${stormy.name}\\)`),
    )
    await until(async () => (await shown(first())).availability === 'dead')
    assert.match(
      (await shown(first())).availability_reason,
      new RegExp(`zone ${stormy.name} .*override-storm ${stormy.name}\\.$`),
    )
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
