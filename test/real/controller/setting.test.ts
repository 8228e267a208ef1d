/** Settings for parts of the cloud: which value holds where, who may set it, what each was before, and how hosts and controllers follow. */
import assert from 'node:assert/strict'
import { after, before, mock, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Settings } from '../../../src/controller/app/settings-in-force.ts'
import { setting as stored } from '../../../src/controller/store/setting.ts'
import { type AskOptions, type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'

suite('settings by scope', () => {
  let own: Awaited<ReturnType<typeof testDatabase>>
  let cloud: TestCloud
  let other: TestCloud
  let host: ObedientHost
  let elsewhere: ObedientHost
  let zone_id: string
  let cluster_id: string

  before(async () => {
    own = await testDatabase()
    cloud = await testCloud({ database_url: own.url })
    other = await testCloud({ database_url: own.url })
    const found = (await ok('GET', '/v1/clusters')).items?.[0]
    cluster_id = String(found?.id)
    zone_id = String(found?.zone_id)
    host = await addHost(cloud, 'h1')
    elsewhere = await addHost(other, 'h2')
  })
  after(async () => {
    await other.close()
    await cloud.close()
    await own.drop()
  })

  async function ok(method: string, path: string, options: AskOptions = {}) {
    const answered = await cloud.request(method, path, options)
    assert.ok(answered.status < 300, `${method} ${path}: ${answered.status} ${JSON.stringify(answered.body)}`)
    return answered.body
  }
  const interval = '/v1/settings/metrics.interval_s'
  const set = (path: string, body: object) => ok('PUT', path, { body })
  const sources = async (path: string) => {
    const { value, source, own, inherited } = await ok('GET', path)
    return [value, source, own, inherited]
  }

  /** Once the host has been told so, by the frame that says it. */
  async function told(of: ObedientHost, is: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(10_000)
    while (!is()) {
      await new Promise<void>((resolve, reject) => {
        of.onWanted = resolve
        late.addEventListener('abort', () => reject(new Error('the host was not told')), { once: true })
      })
    }
    of.onWanted = null
  }

  test('the most specific holds, says where it comes from, and what it would be without', async () => {
    assert.deepEqual(await sources(interval), [10, 'default', false, 10])
    assert.deepEqual(await sources(`${interval}?host_id=${host.id}`), [10, 'default', false, 10])
    await set(interval, { value: 15 })
    assert.deepEqual(await sources(`${interval}?host_id=${host.id}`), [15, 'global', false, 15])
    await set(interval, { value: 20, zone_id })
    await set(interval, { value: 30, cluster_id })
    assert.deepEqual(await sources(`${interval}?cluster_id=${cluster_id}`), [30, 'cluster', true, 20])
    const there = await set(interval, { value: 5, host_id: host.id })
    assert.deepEqual(
      [there.value, there.source, there.source_name, there.own, there.inherited],
      [5, 'host', 'h1', true, 30],
    )
    assert.deepEqual(await sources(`${interval}?host_id=${elsewhere.id}`), [30, 'cluster', false, 30])
    assert.deepEqual(await sources(interval), [15, 'global', true, 10])
    const places = await ok('GET', `${interval}/values`)
    assert.deepEqual(
      places.items?.map(one => [one.scope, one.value]),
      [
        ['cluster', 30],
        ['host', 5],
        ['zone', 20],
      ],
    )
    const listed = await ok('GET', `/v1/settings?host_id=${host.id}`)
    const names = (listed.items ?? []).map(one => String(one.name))
    assert.ok(names.includes('metrics.interval_s'))
    assert.ok(!names.includes('event.keep_days'), 'what is for the whole cloud alone is not there')
  })

  test('hosts of every controller are told at once, each what holds for it', async () => {
    await told(host, () => host.metrics_interval_s === 5)
    await told(elsewhere, () => elsewhere.metrics_interval_s === 30)
    assert.equal((await cloud.request('DELETE', `${interval}?host_id=${host.id}`)).status, 204)
    await told(host, () => host.metrics_interval_s === 30)
    await ok('DELETE', `${interval}?cluster_id=${cluster_id}`)
    await told(elsewhere, () => elsewhere.metrics_interval_s === 20)
    await ok('DELETE', `${interval}?zone_id=${zone_id}`)
    await ok('DELETE', interval)
    await told(host, () => host.metrics_interval_s === 10)
    // One that joins later is told what holds where it is.
    await set(interval, { value: 60, cluster_id })
    const late = await addHost(cloud, 'h3')
    assert.equal(late.metrics_interval_s, 60)
    await late.disconnect()
    await ok('DELETE', `${interval}?cluster_id=${cluster_id}`)
  })

  test('a project’s own: its running guests’ time to shut down, and no other project’s', async () => {
    const flavors = await ok('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(cloud) }]
    const body = {
      name: 'vm',
      flavor_id: flavors.items?.[0]?.id,
      image_id: await addImage(cloud),
      networks,
      host_id: host.id,
    }
    const made = await ok('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    const id = String(made.items?.[0]?.id)
    assert.equal(host.wanted.get(id)?.stop_timeout_s, 60)
    const { project_id } = cloud
    await set('/v1/settings/instance.stop_timeout_s', { value: 300, project_id })
    await told(host, () => host.wanted.get(id)?.stop_timeout_s === 300)
    await set('/v1/settings/instance.recovery_minutes', { value: 0, project_id })
    const gone = await ok('DELETE', `/v1/instances/${id}`)
    assert.ok(
      Date.parse(String((gone.instance as { purge_at: string }).purge_at)) <= Date.now(),
      'it can be recovered no more',
    )
    await ok('DELETE', `/v1/settings/instance.stop_timeout_s?project_id=${project_id}`)
  })

  test('a move is as the settings say where its host is', async () => {
    await set('/v1/settings/migration.bandwidth_mib_s', { value: 7, cluster_id })
    await set('/v1/settings/migration.timeout_s', { value: 77, zone_id })
    const { settings, database } = cloud.cloud
    await settings.read(database.db)
    await settings.learn(database.db, [host.id])
    assert.equal(settings.at('migration.bandwidth_mib_s', { host_id: host.id }), 7)
    assert.equal(settings.at('migration.timeout_s', { host_id: host.id }), 77)
    assert.equal(settings.get('migration.timeout_s'), 3600)
    await ok('DELETE', `/v1/settings/migration.bandwidth_mib_s?cluster_id=${cluster_id}`)
    await ok('DELETE', `/v1/settings/migration.timeout_s?zone_id=${zone_id}`)
  })

  test('what is reserved of memory counts at once for what hosts can be given', async () => {
    const limit = async () => Number((await ok('GET', `/v1/hosts/${host.id}`)).memory_limit_mib)
    const path = '/v1/settings/host.reserved_memory_mib'
    const before = await limit()
    await set(path, { value: 2048, cluster_id })
    const { memory_overcommit } = (await ok('GET', `/v1/clusters/${cluster_id}`)) as { memory_overcommit?: number }
    assert.equal(await limit(), before - Math.floor(1024 * Number(memory_overcommit)))
    await set(path, { value: 0 })
    assert.equal(await limit(), before - Math.floor(1024 * Number(memory_overcommit)), 'the cluster’s counts')
    await host.disconnect()
    await host.connect()
    assert.equal(await limit(), before - Math.floor(1024 * Number(memory_overcommit)), 'also when it comes back')
    await ok('DELETE', `${path}?cluster_id=${cluster_id}`)
    await ok('DELETE', path)
    assert.equal(await limit(), before)
  })

  test('what it was before, where, and by whom; what changes nothing leaves no trace', async () => {
    const path = '/v1/settings/operation.keep_days'
    await set(path, { value: 100 })
    await set(path, { value: 100 })
    await set(path, { value: 200 })
    await ok('DELETE', path)
    await ok('DELETE', path)
    const history = await ok('GET', `${path}/history`)
    assert.deepEqual(
      history.items?.map(one => [one.scope, one.before, one.after, one.user]),
      [
        ['global', 200, null, 'admin'],
        ['global', 100, 200, 'admin'],
        ['global', null, 100, 'admin'],
      ],
    )
    const first = await ok('GET', `${path}/history?limit=1`)
    assert.equal(first.items?.length, 1)
    assert.ok(first.next)
    const places = await ok('GET', `${interval}/history?limit=1000`)
    assert.ok(places.items?.some(one => one.scope === 'host' && one.scope_name === 'h1' && one.after === 5))
    // At once: each says what the one before it left.
    await Promise.all([1, 2, 3, 4].map(value => set('/v1/settings/token.lifetime_minutes', { value })))
    const raced = (await ok('GET', '/v1/settings/token.lifetime_minutes/history?sort=id')).items ?? []
    for (const [n, one] of raced.entries()) assert.equal(one.before, n === 0 ? null : raced[n - 1]?.after)
    await ok('DELETE', '/v1/settings/token.lifetime_minutes')
    let all = (await ok('GET', '/v1/setting-changes')).items ?? []
    assert.equal(all[0]?.name, 'token.lifetime_minutes')
    assert.ok(all.some(one => one.name === 'operation.keep_days'))
    await set(interval, { value: 60, zone_id })
    const of_zone = (await ok('GET', `${interval}/history?zone_id=${zone_id}&limit=1`)).items ?? []
    assert.deepEqual([of_zone[0]?.scope, of_zone[0]?.after], ['zone', 60])
    const of_host = (await ok('GET', `/v1/setting-changes?host_id=${host.id}`)).items ?? []
    assert.ok(of_host.length > 1 && of_host.every(one => one.scope_name === 'h1'))
    const there = (await ok('GET', `${interval}/values?zone_id=${zone_id}`)).items ?? []
    assert.deepEqual(
      there.map(one => [one.scope, one.value]),
      [['zone', 60]],
    )
    assert.deepEqual((await ok('GET', `${interval}/values?cluster_id=${cluster_id}`)).items, [])
    await ok('DELETE', `${interval}?zone_id=${zone_id}`)
    all = (await ok('GET', '/v1/setting-changes')).items ?? []
    const page = await ok('GET', '/v1/setting-changes?limit=1')
    assert.deepEqual([page.items, page.next !== null], [all.slice(0, 1), true])
  })

  test('what a host has as a field of its own is refused with how that is set', async () => {
    const refused = await cloud.request('PUT', '/v1/settings/host.reserved_memory_mib', {
      body: { value: 512, host_id: host.id },
    })
    assert.equal(refused.status, 422)
    assert.match(
      String(refused.body.detail),
      /It is a field of the host: croft host update h1 --reserved-memory-mib MIB\./,
    )
  })

  /** The first answer to such a question is held back; resolves once it is there, with what lets it go on. */
  function holdFirst(name: 'list' | 'hostPlaces'): Promise<() => void> {
    const held = Promise.withResolvers<() => void>()
    const ask = stored[name] as (...of: unknown[]) => Promise<never>
    const asked = mock.method(stored, name, async (...of: unknown[]) => {
      asked.mock.restore()
      const answer = await ask(...of)
      await new Promise<void>(resolve => held.resolve(resolve))
      return answer
    })
    return held.promise
  }
  /** Either it overtakes what is held back, or it waits for it. */
  const isOvertaken = (by: Promise<unknown>) => Promise.race([by, delay(300)])

  test('an answer that comes late never stands over a newer one', async () => {
    const { database } = cloud.cloud
    const settings = new Settings(database)
    const before = holdFirst('list')
    const older = settings.read(database.db)
    const goOn = await before
    await set('/v1/settings/event.keep_days', { value: 77 })
    const newer = settings.read(database.db)
    await isOvertaken(newer)
    goOn()
    await Promise.all([older, newer])
    assert.equal(settings.get('event.keep_days'), 77)
    await ok('DELETE', '/v1/settings/event.keep_days')
  })

  test('nor does where a host was before it went to another cluster', async () => {
    const { database } = cloud.cloud
    const { id } = await ok('POST', '/v1/clusters', { body: { name: 'later', zone_id } })
    await set('/v1/settings/migration.timeout_s', { value: 55, cluster_id: id })
    const settings = new Settings(database)
    await settings.read(database.db)
    const before = holdFirst('hostPlaces')
    const learning = settings.learn(database.db, [host.id])
    const goOn = await before
    const move = (to: unknown) =>
      database.db
        .updateTable('host')
        .set({ cluster_id: String(to) })
        .where('id', '=', host.id)
        .execute()
    await move(id)
    await isOvertaken(settings.read(database.db))
    goOn()
    await learning
    assert.equal(settings.at('migration.timeout_s', { host_id: host.id }), 55)
    await move(cluster_id)
    await ok('DELETE', `/v1/settings/migration.timeout_s?cluster_id=${String(id)}`)
  })

  test('refused: two places at once, where it cannot differ, a place that is not, and who may not', async () => {
    const refused = async (status: number, body: object, token = cloud.admin, path = interval) => {
      const answered = await cloud.request('PUT', path, { body, token })
      assert.equal(answered.status, status, JSON.stringify(answered.body))
      return String(answered.body.detail)
    }
    assert.match(await refused(422, { value: 5, zone_id, cluster_id }), /Name one part of the cloud/)
    assert.match(await refused(422, { value: 5, project_id: cloud.project_id }), /for: zone, cluster, host/)
    await refused(422, { value: 7, host_id: host.id })
    await refused(404, { value: 5, host_id: crypto.randomUUID() })
    assert.match(
      await refused(422, { value: 5, zone_id }, cloud.admin, '/v1/settings/event.keep_days'),
      /for the whole cloud alone/,
    )

    // Who runs a domain and was given it there sets it for its projects, and for nothing else.
    const domain = String((await ok('POST', '/v1/domains', { body: { name: 'shop' } })).id)
    const project_id = String((await ok('POST', '/v1/projects', { body: { name: 'shop', domain_id: domain } })).id)
    const user_id = String((await ok('POST', '/v1/users', { body: { name: 'sue', domain_id: domain } })).id)
    await ok('POST', '/v1/roles', { body: { name: 'tuner', permissions: ['setting.read', 'setting.manage'] } })
    await ok('POST', '/v1/role-grants', { body: { user_id, role: 'tuner', scope: 'domain', domain_id: domain } })
    const sue = await cloud.tokenOf(user_id, project_id)
    const stop = '/v1/settings/instance.stop_timeout_s'
    assert.equal((await cloud.request('PUT', stop, { token: sue, body: { value: 90, project_id } })).status, 200)
    const seen = await cloud.request('GET', `${stop}?project_id=${project_id}`, { token: sue })
    assert.deepEqual([seen.body.value, seen.body.source], [90, 'project'])
    await refused(403, { value: 90 }, sue, stop)
    await refused(403, { value: 5, host_id: host.id }, sue)
    await refused(404, { value: 90, project_id: cloud.project_id }, sue, stop)
    assert.equal((await cloud.request('GET', '/v1/settings', { token: sue })).status, 403)
    // And sees what it was there, and nothing of elsewhere.
    await ok('PUT', stop, { body: { value: 80, project_id: cloud.project_id } })
    const reads = async (path: string, expected: number) => {
      const { status, body } = await cloud.request('GET', path, { token: sue })
      assert.equal(status, expected, `${path}: ${JSON.stringify(body)}`)
      return (body.items ?? []).map(one => [one.name, one.scope, one.scope_name, one.value ?? one.after])
    }
    const shop = [['instance.stop_timeout_s', 'project', 'shop', 90]]
    for (const path of [`${stop}/values`, `${stop}/history`, '/v1/setting-changes']) {
      assert.deepEqual(await reads(`${path}?project_id=${project_id}`, 200), shop)
      await reads(`${path}?project_id=${String(cloud.project_id)}`, 404)
      await reads(path, 403)
      await reads(`${path}?cluster_id=${cluster_id}`, 403)
    }
    await ok('DELETE', `${stop}?project_id=${String(cloud.project_id)}`)
    // What was for a project goes with it; what was changed is still told.
    await ok('DELETE', `/v1/projects/${project_id}`)
    assert.deepEqual((await ok('GET', `${stop}/values`)).items, [])
    assert.ok((await ok('GET', `${stop}/history`)).items?.some(one => one.scope_name === 'shop' && one.after === 90))
  })
})
