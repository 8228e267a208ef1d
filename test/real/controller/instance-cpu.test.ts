/** The CPU that an instance has decides where it can go: its flavor's, the setting's, or the one of a cluster, also when that has another by now. */
import assert from 'node:assert/strict'

import { after, afterEach, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { factsOf, poolOf } from '../../../sim/facts.ts'
import { type Instance, instanceRoutes } from '../../../src/api/instance.ts'
import { compareCpus } from '../../../src/controller/reconcilers/cpu-baseline.ts'
import { cpuBaseline } from '../../../src/controller/store/cpu-baseline.ts'
import { channels } from '../../../src/controller/store/database.ts'
import { event } from '../../../src/controller/store/event.ts'
import type { HostCpu } from '../../../src/protocol/host-cpu.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually, untilEvent } from '../../support/eventually.ts'
import { addImage, addNetwork, liftQuotas, ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

const pool_id = '11111111-2222-4333-8444-555555555557'
const cpu = (model: string, require: string[] = []): HostCpu => ({ model, vendor: 'Intel', require, disable: [] })

describe('controller/instance-cpu', () => {
  let cloud: TestCloud
  let networks: { network_id: string }[]
  let image_id: string
  let first: string
  let second: string
  const hosts = new Map<string, ObedientHost>()

  before(async () => {
    cloud = await testCloud()
    await liftQuotas(cloud)
    await cloud.request('PUT', '/v1/settings/ha.settle_s', { body: { value: 0 } })
    networks = [{ network_id: await addNetwork(cloud) }]
    image_id = await addImage(cloud)
    const [found] = (await cloud.request('GET', '/v1/clusters')).body.items ?? []
    first = String(found?.id)
    const made = await cloud.request('POST', '/v1/clusters', { body: { name: 'other', zone_id: found?.zone_id } })
    second = String(made.body.id)
  })
  after(() => cloud.close())
  afterEach(async () => {
    await cloud.request('DELETE', '/v1/settings/instance.cpu_model')
    for (const name of [...hosts.keys()]) await only(name, true)
    for (const host of hosts.values()) Object.assign(host, { failure: null, refuses: false, silent: false })
    for (const id of [first, second]) await lay(id, null)
  })

  async function add(name: string, cluster_id: string, facts: Partial<HostFacts>): Promise<ObedientHost> {
    const id = crypto.randomUUID()
    await cloud.cloud.database.db
      .insertInto('host')
      .values({ id, name, cluster_id, machine_id: `machine-${name}`, certificate_sha256: Buffer.from(name) })
      .execute()
    const large = factsOf(name, { memory_mib: name === 'a-weak' ? 640_000 : 64_000, cpus: 16 })
    const own = { virtualisation: 'kvm' as const, tunnel_address: `192.0.2.${hosts.size + 1}` }
    const host = new ObedientHost(cloud, id, name, { ...large, ...own, ...facts })
    host.onCall = ({ method }) => (method === 'cpu_compare' ? { result: { fits: true, missing: [] } } : {})
    await host.connect()
    hosts.set(name, host)
    return host
  }
  const named = (name: string): ObedientHost => {
    const found = hosts.get(name)
    assert.ok(found)
    return found
  }
  const only = (name: string, schedulable: boolean) =>
    cloud.request('PATCH', `/v1/hosts/${named(name).id}`, { body: { schedulable } })
  const lay = (cluster_id: string, baseline: HostCpu | null) =>
    cloud.cloud.database.transaction(tx => cpuBaseline.set(tx, cluster_id, baseline))
  const setModel = (value: string) => cloud.request('PUT', '/v1/settings/instance.cpu_model', { body: { value } })

  let made = 0
  async function ask(more: Record<string, unknown>, properties: Record<string, string> = {}) {
    const name = `vm-${++made}`
    const size = { name, vcpus: 1, memory_mib: 128, disk_gib: 1, properties }
    const flavor_id = (await cloud.request('POST', '/v1/flavors', { body: size })).body.id
    const body = { name, flavor_id, image_id, networks, ...more }
    return await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
  }
  async function create(host: string, more = {}, properties: Record<string, string> = {}): Promise<Instance> {
    const answered = await ask({ host_id: named(host).id, ...more }, properties)
    const [one] = replyOf(instanceRoutes.create, answered).items
    assert.ok(one)
    return one
  }
  const get = (id: string) => cloud.call(instanceRoutes.get, { params: { instance: id } })
  const migrate = (id: string, to: string) =>
    cloud.request('POST', `/v1/instances/${id}/migrate`, { body: { host_id: named(to).id } })
  const arrives = (id: string, host: string) =>
    untilEvent(cloud, async () => {
      const one = await get(id)
      return one.host === host && one.migration === null
    })

  test('a setting may name any model while no host has told of its own', async () => {
    assert.equal((await setModel('Nehalem')).status, 200)
  })

  describe('with hosts of two kinds', () => {
    before(async () => {
      const strong = { ...poolOf(pool_id), cpu_models: ['Nehalem', 'qemu64'], cpu_flags: ['sse4_2', 'avx512_new'] }
      await add('a-strong', first, { ...strong, host_cpu: cpu('Nehalem', ['aes', 'avx']) })
      await add('a-twin', first, { ...strong, host_cpu: cpu('Nehalem', ['aes', 'avx', 'rdtscp']) })
      const weak = { ...poolOf(pool_id), cpu_models: ['Nehalem', 'qemu64'], cpu_flags: ['sse4_2'] }
      await add('a-weak', first, { ...weak, host_cpu: cpu('Nehalem', ['aes']) })
      await add('b-epyc', second, { cpu_models: ['EPYC'], cpu_flags: ['sse4_2'], host_cpu: cpu('EPYC') })
    })

    test('a guest whose flavor names a model never saw its host’s flags, and moves without them', async () => {
      const one = await create('a-strong', {}, { 'cpu.model': 'Nehalem' })
      const moved = await migrate(one.id, 'a-weak')
      assert.equal(moved.status, 202, JSON.stringify(moved.body))
      await arrives(one.id, 'a-weak')
    })

    test('a guest whose flavor gives it its host’s CPU needs the flags of that, whatever its cluster’s CPU is', async () => {
      await lay(first, cpu('Nehalem', ['aes']))
      const one = await create('a-strong', {}, { 'cpu.model': 'host-passthrough' })
      const refused = await migrate(one.id, 'a-weak')
      assert.equal(refused.body.code, 'no_capacity', JSON.stringify(refused.body))
      assert.match(String(refused.body.detail), /has a CPU that lacks avx512_new/)
    })

    test('ARM guests see their host’s CPU, whatever is asked for', async () => {
      const arm = { arch: 'aarch64', cpu_flags: ['sve'] }
      await add('arm-1', second, arm)
      await add('arm-2', second, { ...arm, cpu_flags: [] })
      await lay(second, cpu('EPYC'))
      const one = await create('arm-1')
      const refused = await migrate(one.id, 'arm-2')
      assert.match(String(refused.body.detail), /has a CPU that lacks sve/)
      for (const name of ['arm-1', 'arm-2']) await only(name, false)
    })

    test('one that is off goes to no host that cannot give it the CPU that it has', async () => {
      await lay(first, cpu('Nehalem', ['aes']))
      const one = await create('a-strong', { start: false })
      const refused = await migrate(one.id, 'b-epyc')
      assert.equal(refused.body.code, 'no_capacity', JSON.stringify(refused.body))
      assert.match(String(refused.body.detail), /cannot give guests a CPU of model Nehalem/)
      const why = await cloud.request('GET', `/v1/instances/${one.id}/placement`)
      assert.match(JSON.stringify(why.body.refused_since), /"cpu":\{"model":"Nehalem"/)
      // Emulated guests have none of it.
      await add('b-emulated', second, { virtualisation: 'tcg', cpu_models: ['qemu64'] })
      assert.equal((await migrate(one.id, 'b-emulated')).status, 202)
      await arrives(one.id, 'b-emulated')
    })

    test('what has the CPU that its cluster had before goes only where that fits', async () => {
      await lay(first, cpu('Nehalem', ['aes', 'avx']))
      const older = await create('a-strong')
      await lay(first, cpu('Nehalem', ['aes']))
      const refused = await migrate(older.id, 'a-weak')
      assert.equal(refused.body.code, 'no_capacity', JSON.stringify(refused.body))
      assert.match(String(refused.body.detail), /has a CPU that lacks avx, which the instance’s has/)
      assert.equal((await migrate(older.id, 'a-twin')).status, 202)
      await arrives(older.id, 'a-twin')
      const newer = await create('a-strong')
      assert.equal((await migrate(newer.id, 'a-weak')).status, 202)
      await arrives(newer.id, 'a-weak')
    })

    test('what a host has said of a CPU that its cluster had before counts as long as its own is the same', async () => {
      const weak = named('a-weak')
      const before = { ...cpu('Skylake-Client', ['md-clear']), disable: ['hle'] }
      weak.onCall = params => {
        if (params.method !== 'cpu_compare') return {}
        const lacks = params.cpu.model === 'Skylake-Client'
        return { result: { fits: !lacks, missing: lacks ? ['xsavec'] : [] } }
      }
      await lay(first, before)
      await compareCpus(cloud.cloud)
      const one = await create('a-strong', { start: false })
      for (const flags of [['aes'], []]) {
        await lay(first, cpu('Nehalem', flags))
        await compareCpus(cloud.cloud)
      }
      const refused = await migrate(one.id, 'a-weak')
      assert.equal(refused.body.code, 'no_capacity', JSON.stringify(refused.body))
      assert.match(String(refused.body.detail), /has a CPU that lacks xsavec, which the instance’s has/)
      // The last few of them are kept.
      const { db } = cloud.cloud.database
      const known = async () => {
        const { rows } = await sql<{ known: unknown[] }>`
          select cpu_verdict->'known' as known from host where id = ${weak.id}::uuid`.execute(db)
        return rows[0]?.known.length
      }
      assert.equal(await known(), 3)
      for (let n = 0; n < 12; n++) {
        await lay(first, cpu('Nehalem', [`f${n}`]))
        await compareCpus(cloud.cloud)
      }
      assert.equal(await known(), 8)
    })

    /** It has never run, and is tried elsewhere: on the host of the other cluster alone. */
    async function refusedByFirst(): Promise<string> {
      const one = named('a-strong')
      const others = [...hosts.keys()].filter(name => name !== 'a-strong')
      for (const name of others) await only(name, false)
      one.silent = true
      const { body } = await cloud.request('POST', '/v1/instances', {
        body: { name: `vm-${++made}`, flavor_id: await tiny(), image_id, networks },
      })
      const id = String(body.items?.[0]?.id)
      await eventually(() => assert.ok(one.wanted.has(id)))
      await only('b-epyc', true)
      Object.assign(one, { silent: false, failure: 'Its pool is full.', refuses: true })
      one.tell({}, [id])
      return id
    }
    const tiny = async () => (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items?.[0]?.id

    test('refused by its host, and placed in another cluster, it gets the CPU of that', async () => {
      await lay(first, cpu('Nehalem', ['aes']))
      await lay(second, cpu('EPYC', ['svm']))
      const id = await refusedByFirst()
      await untilEvent(cloud, async () => (await get(id)).state === 'running')
      const told = named('b-epyc').wanted.get(id)
      assert.deepEqual([told?.cpu_model, told?.cpu_features], ['EPYC', { require: ['svm'], disable: [] }])
    })

    test('refused by its host, it keeps the model that the setting names, and goes only where that is', async () => {
      assert.equal((await setModel('Nehalem')).status, 200)
      await lay(second, cpu('EPYC', ['svm']))
      const id = await refusedByFirst()
      const failed = await untilEvent(cloud, async () => {
        const [one] = (await cloud.request('GET', `/v1/operations?resource_id=${id}`)).body.items ?? []
        return one?.state === 'failed' ? one : undefined
      })
      assert.match(String(failed.reason), /cannot give guests a CPU of model Nehalem/)
      assert.equal((await get(id)).host, 'a-strong')
    })

    test('a setting names a model that a host has, and new instances go where it is', async () => {
      const refused = await setModel('Nonsense-CPU')
      assert.deepEqual([refused.status, refused.body.code], [422, 'invalid'], JSON.stringify(refused.body))
      assert.match(String(refused.body.detail), /No host can give guests a CPU of model Nonsense-CPU/)
      for (const model of ['host-model', 'host-passthrough', 'default', 'EPYC'])
        assert.equal((await setModel(model)).status, 200, model)
      for (const name of ['b-emulated', 'arm-1', 'arm-2']) await only(name, false)
      const one = await ask({})
      assert.equal(one.body.items?.[0]?.host, 'b-epyc', JSON.stringify(one.body))
      await only('b-epyc', false)
      const none = await ask({})
      assert.equal(none.body.code, 'no_capacity')
      assert.match(String(none.body.detail), /cannot give guests a CPU of model EPYC.*instance\.cpu_model/)
      // The flavor's goes before it.
      const other = await ask({}, { 'cpu.model': 'Nehalem' })
      assert.match(String(other.body.items?.[0]?.host), /^a-/)
    })

    test('restarted after its host was lost, it goes at once where its CPU fits, and not where there is most room', async () => {
      await lay(first, cpu('Nehalem', ['aes', 'avx']))
      const { id } = await create('a-strong', { availability: 'high' })
      await lay(first, cpu('Nehalem', ['aes']))
      await named('a-strong').disconnect()
      await sql`update host_absence set fenced_at = croft_now(), fenced_by = 'person', asked_at = croft_now()
        where host_id = ${named('a-strong').id}::uuid`.execute(cloud.cloud.database.db)
      await cloud.cloud.database.transaction(tx => event.notify(tx, channels.absence, ''))
      await untilEvent(cloud, async () => {
        const { host, state } = await get(id)
        assert.notEqual(host, 'a-weak')
        return host === 'a-twin' && state === 'running'
      })
    })
  })
})
