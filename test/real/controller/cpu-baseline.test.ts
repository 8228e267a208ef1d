/** The CPU that hosts of a cluster have in common: found, kept, told to new instances; and what hosts that lie can do about it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { factsOf } from '../../../sim/facts.ts'
import { compareCpus } from '../../../src/controller/reconcilers/cpu-baseline.ts'
import type { Tx } from '../../../src/controller/store/database.ts'
import { setFacts, setFactsOfMany } from '../../../src/controller/store/host-facts.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import type { HostCpu } from '../../../src/protocol/host-cpu.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addImage, addNetwork, ObedientHost } from '../../support/obedient-host.ts'

/** As a libvirt of these words alone would: one model, and its features. */
class CpuHost {
  readonly host: ObedientHost
  readonly has: Set<string>

  constructor(test: TestCloud, id: string, name: string, flags: readonly string[], said?: unknown) {
    this.has = new Set(flags)
    const host_cpu = (said ?? cpuOf(flags)) as HostCpu
    this.host = new ObedientHost(test, id, name, { ...factsOf(name), host_cpu })
    this.host.onCall = params => {
      if (params.method === 'cpu_baseline') return { result: this.baseline(params.cpus) }
      if (params.method === 'cpu_compare') return { result: this.compare(params.cpu) }
      return {}
    }
  }

  baseline(cpus: HostCpu[]): unknown {
    return cpuOf((cpus[0]?.require ?? []).filter(flag => cpus.every(one => one.require.includes(flag))))
  }

  compare(cpu: HostCpu): unknown {
    const missing = cpu.require.filter(flag => !this.has.has(flag))
    return { fits: missing.length === 0, missing }
  }
}

const cpuOf = (require: readonly string[]): HostCpu => ({
  model: 'Nehalem',
  vendor: 'Intel',
  require: [...require],
  disable: [],
})

describe('controller/cpu-baseline', () => {
  let cloud: TestCloud
  let cluster_id: string
  let network_id: string
  let image_id: string
  let flavor_id: unknown

  before(async () => {
    cloud = await testCloud()
    cluster_id = String((await cloud.request('GET', '/v1/clusters')).body.items?.[0]?.id)
    network_id = await addNetwork(cloud)
    image_id = await addImage(cloud)
    flavor_id = (await cloud.request('GET', '/v1/flavors?name=tiny')).body.items?.[0]?.id
  })
  after(() => cloud.close())

  async function add(name: string, flags: readonly string[], said?: unknown): Promise<CpuHost> {
    // The liar is the first by id, and so the first that is asked.
    const id = name === 'liar' ? '00000000-0000-7000-8000-000000000000' : crypto.randomUUID()
    const { db } = cloud.cloud.database
    const certificate_sha256 = Buffer.from(name)
    await db
      .insertInto('host')
      .values({ id, name, cluster_id, machine_id: `machine-${name}`, certificate_sha256 })
      .execute()
    const made = new CpuHost(cloud, id, name, flags, said)
    await made.host.connect()
    return made
  }

  const baseline = async () => (await cloud.request('GET', `/v1/clusters/${cluster_id}`)).body.cpu_baseline
  const plan = () => cloud.request('GET', `/v1/clusters/${cluster_id}/cpu-baseline`)
  const look = () => compareCpus(cloud.cloud)
  const missing = async ({ host }: CpuHost) => (await cloud.request('GET', `/v1/hosts/${host.id}`)).body.cpu_missing

  async function create(name: string): Promise<Record<string, unknown>> {
    const body = { name, flavor_id, image_id, networks: [{ network_id }] }
    const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    return made.body.items?.[0] ?? {}
  }

  test('found with the second host, given to new instances, kept when others join', async () => {
    const one = await add('one', ['aes', 'avx', 'avx2'])
    await look()
    assert.equal(await baseline(), null)
    const two = await add('two', ['aes', 'avx'])
    await look()
    assert.deepEqual(await baseline(), cpuOf(['aes', 'avx']))
    await look()
    assert.deepEqual([await missing(one), await missing(two)], [null, null])
    const made = await create('vm')
    const wanted = [one, two].map(({ host }) => host.wanted.get(String(made.id))).find(found => found)
    assert.equal(wanted?.cpu_model, 'Nehalem')
    assert.deepEqual(wanted?.cpu_features, { require: ['aes', 'avx'], disable: [] })
    // A lesser host joins: it takes none, and nobody else loses anything.
    const three = await add('three', ['aes'])
    await look()
    assert.deepEqual(await baseline(), cpuOf(['aes', 'avx']))
    assert.deepEqual(await missing(three), ['avx'])
    await cloud.request('PATCH', `/v1/hosts/${one.host.id}`, { body: { schedulable: false } })
    await cloud.request('PATCH', `/v1/hosts/${two.host.id}`, { body: { schedulable: false } })
    const body = { name: 'nowhere', flavor_id, image_id, networks: [{ network_id }] }
    const refused = await cloud.request('POST', '/v1/instances', { body })
    assert.equal(refused.body.code, 'no_capacity')
    for (const { host } of [one, two])
      await cloud.request('PATCH', `/v1/hosts/${host.id}`, { body: { schedulable: true } })
  })

  test('a host whose hypervisor is late keeps its CPU and what it said of others, however it dials in; one with another CPU does not', async () => {
    const { db } = cloud.cloud.database
    const { host } = await add('late', ['aes'])
    const { host_cpu, cpu_models = ['Nehalem'], ...rest } = host.facts
    await look()
    Object.assign(host.facts, { cpu_models })
    await host.connect()
    const kept = async () =>
      await db.selectFrom('host').select(['facts', 'cpu_verdict']).where('id', '=', host.id).executeTakeFirstOrThrow()
    const before = await kept()
    assert.deepEqual([host_cpu?.require, (before.facts as HostFacts).cpu_models], [['aes'], cpu_models])
    assert.ok(before.cpu_verdict)
    for (const write of [setFactsOfOne, setFactsTogether]) {
      for (const more of [{}, { kernel: '6.18' }]) {
        await cloud.cloud.database.transaction(tx => write(tx, host.id, { ...rest, ...more }))
        const { facts, cpu_verdict } = await kept()
        assert.deepEqual(cpu_verdict, before.cpu_verdict)
        assert.deepEqual([(facts as HostFacts).host_cpu, (facts as HostFacts).cpu_models], [host_cpu, cpu_models])
        assert.equal((facts as HostFacts).kernel, more.kernel ?? rest.kernel)
      }
    }
    for (const write of [setFactsOfOne, setFactsTogether]) {
      await cloud.cloud.database.transaction(tx =>
        setFactsOfOne(tx, host.id, { ...rest, host_cpu: cpuOf(['aes']), cpu_models }),
      )
      await db.updateTable('host').set({ cpu_verdict: before.cpu_verdict }).where('id', '=', host.id).execute()
      await cloud.cloud.database.transaction(tx => write(tx, host.id, { ...rest, cpu_model: 'another' }))
      const { facts, cpu_verdict } = await kept()
      assert.deepEqual(
        [cpu_verdict, (facts as HostFacts).host_cpu, (facts as HostFacts).cpu_models],
        [null, undefined, undefined],
      )
    }
    await host.disconnect()
    await db.updateTable('host').set({ removed_at: new Date() }).where('id', '=', host.id).execute()
  })

  const setFactsOfOne = (tx: Tx, id: string, facts: HostFacts): Promise<unknown> => setFacts(tx, id, facts, 0)
  const setFactsTogether = (tx: Tx, host_id: string, facts: HostFacts): Promise<unknown> =>
    setFactsOfMany(tx, [{ host_id, facts, reserved_mib: 0, link_address: null }])

  test('what would change is shown before; taken, it is for new instances, and all hosts are asked anew', async () => {
    const shown = await plan()
    assert.equal(shown.status, 200, JSON.stringify(shown.body))
    assert.deepEqual([shown.body.changed, shown.body.proposed], [true, cpuOf(['aes'])])
    assert.equal(shown.body.instances, 1)
    assert.deepEqual(await baseline(), cpuOf(['aes', 'avx']))
    const taken = await cloud.request('PUT', `/v1/clusters/${cluster_id}/cpu-baseline`)
    assert.deepEqual(taken.body.cpu_baseline, cpuOf(['aes']), JSON.stringify(taken.body))
    await look()
    const hosts = (await cloud.request('GET', '/v1/hosts')).body.items ?? []
    assert.deepEqual(
      hosts.map(one => one.cpu_missing),
      [null, null, null],
    )
    assert.equal((await plan()).body.changed, false)
  })

  test('a host that lies, about what others have or about itself, harms only itself', async () => {
    const { db } = cloud.cloud.database
    await db
      .updateTable('cluster')
      .set({ cpu_baseline_version: 0, cpu_baseline: null })
      .where('id', '=', cluster_id)
      .execute()
    const liar = await add('liar', ['aes'])
    liar.baseline = () => cpuOf(['aes', 'made-up'])
    liar.compare = () => ({ fits: true, missing: [] })
    for (const nonsense of [
      '<cpu/>',
      { model: '<a/>', require: [], disable: [] },
      { ...cpuOf([]), require: ['a b'] },
      null,
    ]) {
      liar.baseline = () => nonsense
      assert.deepEqual((await plan()).body.proposed, cpuOf(['aes']))
    }
    liar.baseline = () => cpuOf(['aes', 'made-up'])
    assert.deepEqual((await plan()).body.proposed, cpuOf(['aes']))
    await look()
    assert.deepEqual(await baseline(), cpuOf(['aes']))
    liar.compare = () => ({ fits: false, missing: ['<b>', 'x'.repeat(1000)] })
    await db.updateTable('host').set({ cpu_verdict: null }).where('id', '=', liar.host.id).execute()
    await look()
    assert.equal(await missing(liar), null)
    liar.compare = () => ({ fits: false, missing: ['rdtscp'] })
    await look()
    assert.deepEqual(await missing(liar), ['rdtscp'])
    const others = (await cloud.request('GET', '/v1/hosts')).body.items?.filter(one => one.name !== 'liar') ?? []
    assert.ok(others.every(one => one.cpu_missing === null))
  })

  test('a CPU that no libvirt names ends the link of who says it, and is nowhere kept', async () => {
    await assert.rejects(add('injector', [], { model: "x'><feature/>", require: [], disable: [] }), /does not fit/)
    await assert.rejects(add('flood', [], cpuOf(Array.from({ length: 5000 }, (_, n) => `f${n}`))), /does not fit/)
  })
})
