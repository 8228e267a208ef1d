/** CPUs of one's own, huge pages and PCI devices over the API: asked for by flavors, claimed exactly once, told to hosts, given back. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { untilEvent } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

let cloud: TestCloud
let host: ObedientHost
let image_id: string
let network_id: string
let flavors = 0

/** Two nodes of four cores with two threads each: CPU n and n + 8 are one core, and 0 and 8 are the host's own. */
const facts: Partial<HostFacts> = {
  huge_pages: [{ size_kib: 2048, total: 2048 }],
  numa: [0, 1].map(node => ({
    node,
    cpus: [0, 1, 2, 3, 8, 9, 10, 11].map(cpu => cpu + 4 * node),
    memory_mib: 16_384,
    huge_pages: [{ size_kib: 2048, total: 1024 }],
  })),
  thread_siblings: Array.from({ length: 8 }, (_, n) => [n, n + 8]),
  cpu_models: ['Nehalem'],
  pci: [1, 2, 3, 4].map(n => ({
    address: `0000:0${n}:00.0`,
    vendor: '0x10de',
    device: '0x2235',
    class: '0x030200',
    iommu_group: String(n),
    numa_node: n % 2,
    used_by: n === 4 ? 'nic eth0' : null,
  })),
}

describe('controller/hardware', () => {
  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 16, memory_mib: 33_792, pool_gib: 10_000, facts })
    image_id = await addImage(cloud)
    network_id = await addNetwork(cloud)
    await liftQuotas(cloud)
    const body = { name: 'gpu', vendor: '10DE', class: '0302' }
    const alias = await cloud.request('POST', '/v1/pci-aliases', { body })
    assert.equal(alias.status, 201, JSON.stringify(alias.body))
  })
  after(() => cloud.close())

  async function flavor(properties: Record<string, string>, vcpus = 2, memory_mib = 1024) {
    const body = { name: `f${++flavors}`, vcpus, memory_mib, disk_gib: 1, properties }
    return await cloud.request('POST', '/v1/flavors', { body })
  }

  async function create(flavor_id: unknown, body: Record<string, unknown> = {}) {
    const given = { name: 'web', flavor_id, image_id, networks: [{ network_id }], ...body }
    return await cloud.request('POST', '/v1/instances', { body: given, headers: { prefer: 'wait=10' } })
  }

  async function make(properties: Record<string, string>, vcpus = 2, body: Record<string, unknown> = {}) {
    const answer = await create((await flavor(properties, vcpus)).body.id, body)
    return replyOf(instanceRoutes.create, answer).items.map(one => one.id)
  }

  async function purge(ids: readonly string[]) {
    for (const id of ids) {
      // Its record goes in the background, a moment after its operation has ended, with an event.
      const gone = Promise.withResolvers<void>()
      const unwatch = cloud.cloud.events.watch(rows => {
        if (rows.some(row => row.noun === 'instance' && row.kind === 'deleted' && row.resource_id === id))
          gone.resolve()
      })
      await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
      await gone.promise.finally(unwatch)
    }
  }

  async function claimed() {
    return await cloud.cloud.database.db
      .selectFrom('host_claim')
      .select(['vcpus', 'dedicated_vcpus', 'pinned_cpus', 'huge_mib'])
      .executeTakeFirstOrThrow()
  }
  const nothing = { vcpus: 0, dedicated_vcpus: 0, pinned_cpus: 0, huge_mib: 0 }

  test('a flavor with properties of OpenStack, which nobody reads, is refused with what does it here', async () => {
    const body = { name: 'nova', vcpus: 2, memory_mib: 512, disk_gib: 1, properties: { 'hw:cpu_policy': 'dedicated' } }
    const refused = await cloud.request('POST', '/v1/flavors', { body })
    assert.equal(refused.body.code, 'invalid', JSON.stringify(refused.body))
    assert.match(String(refused.body.detail), /hw:cpu_policy.*here is cpu\.policy/)
  })

  test('what cannot be is refused when the flavor is made', async () => {
    for (const [properties, words] of [
      [{ 'cpu.policy': 'mine' }, /shared, dedicated/],
      [{ pci: 'unheard-of' }, /no PCI alias unheard-of/],
      [{ 'memory.page_size': '1GiB', 'numa.nodes': '2' }, /whole number of pages/],
    ] as const) {
      const answer = await flavor({ ...properties })
      assert.equal(answer.status, 422, JSON.stringify(answer.body))
      assert.match(String(answer.body.detail), words)
    }
    const empty = await cloud.request('POST', '/v1/pci-aliases', { body: { name: 'all' } })
    assert.equal(empty.status, 422)
    const twice = await cloud.request('POST', '/v1/pci-aliases', { body: { name: 'gpu', vendor: '8086' } })
    assert.equal(twice.status, 409)
  })

  test('CPUs of one’s own: no two have one, shared ones lose it, and it all comes back', async () => {
    const ids = await make({ 'cpu.policy': 'dedicated' }, 2, { count: 3 })
    const cpus = ids.flatMap(id => host.wanted.get(id)?.hardware?.cells?.flatMap(cell => cell.cpus) ?? [])
    assert.equal(cpus.length, 6)
    assert.equal(new Set(cpus).size, 6)
    assert.ok(!cpus.includes(0) && !cpus.includes(8), 'the first core is the host’s')
    assert.deepEqual(await claimed(), { vcpus: 6, dedicated_vcpus: 6, pinned_cpus: 6, huge_mib: 0 })
    const shown = await cloud.request('GET', `/v1/hosts/${host.id}`)
    const { vcpus_limit, vcpus_claimed } = shown.body as Record<string, number>
    assert.equal(vcpus_claimed, Math.ceil(((vcpus_limit ?? 0) * 6) / 16), 'with the overcommit that they do not have')
    const isolated = await make({ 'cpu.policy': 'dedicated', 'cpu.threads': 'isolate' }, 2)
    assert.equal(host.wanted.get(isolated[0] ?? '')?.hardware?.idle_cpus?.length, 2)
    assert.equal((await claimed()).pinned_cpus, 10)
    const more = await create((await flavor({ 'cpu.policy': 'dedicated' }, 5)).body.id)
    assert.equal(more.status, 409, JSON.stringify(more.body))
    assert.match(String(more.body.detail), /CPUs of its own in a NUMA node/)
    await purge([...ids, ...isolated])
    assert.deepEqual(await claimed(), nothing)
  })

  test('an instance shows what it has of its host to who may see hosts, and to nobody else', async () => {
    const [id = ''] = await make({ 'cpu.policy': 'dedicated', 'cpu.threads': 'isolate', 'memory.page_size': '2MiB' })
    const [plain = ''] = await make({})
    const told = host.wanted.get(id)?.hardware
    const { on_host } = await cloud.call(instanceRoutes.get, { params: { instance: id } })
    const [cell] = told?.cells ?? []
    assert.equal(on_host?.cpus.length, 2)
    assert.deepEqual(on_host, {
      cpus: cell?.cpus,
      idle_cpus: told?.idle_cpus,
      nodes: [cell?.host_node],
      page_size_kib: 2048,
      memory_mib: 1024,
      devices: [],
    })
    assert.equal((await cloud.call(instanceRoutes.get, { params: { instance: plain } })).on_host, null)

    const user = await cloud.request('POST', '/v1/users', { body: { name: 'tenant' } })
    const grant = { user_id: user.body.id, role: 'member', scope: 'project', project_id: cloud.project_id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    const token = await cloud.tokenOf(String(user.body.id), cloud.project_id)
    const theirs = await cloud.request('GET', `/v1/instances/${id}`, { token })
    assert.deepEqual([theirs.status, theirs.body.on_host], [200, null])
    const listed = await cloud.request('GET', '/v1/instances', { token })
    assert.ok(!JSON.stringify(listed.body).includes('idle_cpus'))
    await purge([id, plain])
  })

  test('many at once never get one CPU twice, nor more than there are', async () => {
    const flavor_id = (await flavor({ 'cpu.policy': 'dedicated' }, 2)).body.id
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => create(flavor_id, { name: `r${n}`, tags: { n: String(n) } })),
    )
    const made = answers.flatMap(one => (one.status === 202 ? replyOf(instanceRoutes.create, one).items : []))
    assert.equal(made.length, 7, 'seven pairs beside the host’s own core')
    const cpus = made.flatMap(one => host.wanted.get(one.id)?.hardware?.cells?.[0]?.cpus ?? [])
    assert.equal(new Set(cpus).size, 14)
    await purge(made.map(one => one.id))
    assert.deepEqual(await claimed(), nothing)
  })

  test('a deleted one gives its CPUs up, and has others when it is recovered', async () => {
    const [id = ''] = await make({ 'cpu.policy': 'dedicated' })
    await cloud.request('DELETE', `/v1/instances/${id}`, { headers: { prefer: 'wait=10' } })
    await untilEvent(cloud, async () => (await claimed()).pinned_cpus === 0)
    const [other = ''] = await make({ 'cpu.policy': 'dedicated' })
    const recovered = await cloud.request('POST', `/v1/instances/${id}/recover`, {
      body: {},
      headers: { prefer: 'wait=10' },
    })
    assert.equal(recovered.status, 202, JSON.stringify(recovered.body))
    const cpus = [id, other].flatMap(one => host.wanted.get(one)?.hardware?.cells?.[0]?.cpus ?? [])
    assert.equal(new Set(cpus).size, 4)
    await purge([id, other])
    assert.deepEqual(await claimed(), nothing)
  })

  test('a deleted one keeps its disk till it is purged, and has it again whatever the host says of what is on it', async () => {
    const nvme = { vendor: '0x144d', device: '0xa80a', class: '0x010802', numa_node: 0, used_by: null }
    const disks = [5, 6].map(n => ({ ...nvme, address: `0000:0${n}:00.0`, iommu_group: String(n) }))
    const known = host.facts.pci
    const dial = (pci: HostFacts['pci']) => {
      host.facts.pci = pci
      return host.connect()
    }
    await dial([...known, ...disks])
    await cloud.request('POST', '/v1/pci-aliases', { body: { name: 'nvme', class: '0108' } })
    const had = (id: string) => host.wanted.get(id)?.hardware?.pci?.map(one => one.address)
    const [id = ''] = await make({ pci: 'gpu:1,nvme:1', 'cpu.policy': 'dedicated' })
    const [gpu, disk] = had(id) ?? []
    assert.match(disk ?? '', /^0000:0[56]/)
    await cloud.request('DELETE', `/v1/instances/${id}`, { headers: { prefer: 'wait=10' } })
    await untilEvent(cloud, async () => (await claimed()).pinned_cpus === 0)
    // Back with the host, with the guest's own partitions on it.
    const used_by = 'disk nvme1n1, with partitions on it'
    await dial([...known, ...disks.map(one => (one.address === disk ? { ...one, used_by } : one))])
    const others = await make({ pci: 'gpu:1,nvme:1' })
    assert.notEqual(others.flatMap(had)[1], disk)
    await dial([...known, ...disks])
    const third = await create((await flavor({ pci: 'nvme:1' })).body.id)
    assert.equal(third.status, 409, 'what is on it is its own')
    await dial([...known, ...disks.map(one => (one.address === disk ? { ...one, used_by } : one))])
    const asked = { body: {}, headers: { prefer: 'wait=10' } }
    const recovered = await cloud.request('POST', `/v1/instances/${id}/recover`, asked)
    assert.equal(recovered.status, 202, JSON.stringify(recovered.body))
    assert.equal(had(id)?.[1], disk)
    assert.ok(had(id)?.[0]?.startsWith('0000:0') && gpu !== undefined)
    assert.equal((await claimed()).pinned_cpus, 2)
    await purge([id, ...others])
    assert.deepEqual(await claimed(), nothing)
    const left = await cloud.cloud.database.db.selectFrom('host_pci_claim').selectAll().execute()
    assert.deepEqual(left, [])
    await dial(known)
  })

  test('huge pages are a room of their own', async () => {
    const ids = await make({ 'memory.page_size': '2MiB', 'numa.nodes': '2' }, 2, { count: 2 })
    const told = host.wanted.get(ids[0] ?? '')?.hardware
    assert.equal(told?.page_size_kib, 2048)
    assert.deepEqual(told?.cells?.map(cell => cell.host_node).sort(), [0, 1])
    assert.equal((await claimed()).huge_mib, 2048)
    const more = await create((await flavor({ 'memory.page_size': '2MiB' }, 1, 4096)).body.id)
    assert.equal(more.status, 409)
    assert.match(String(more.body.detail), /needs 4096 MiB in huge pages of 2048 KiB, 2048 are free/)
    await purge(ids)
    assert.deepEqual(await claimed(), nothing)
  })

  test('a device is one instance’s, and the host’s own is nobody’s', async () => {
    const ids = await make({ pci: 'gpu' }, 1, { count: 3 })
    const addresses = ids.flatMap(id => host.wanted.get(id)?.hardware?.pci?.map(one => one.address) ?? [])
    assert.deepEqual(addresses.sort(), ['0000:01:00.0', '0000:02:00.0', '0000:03:00.0'])
    const more = await create((await flavor({ pci: 'gpu' }, 1)).body.id)
    assert.equal(more.status, 409)
    assert.match(String(more.body.detail), /has not gpu free/)
    const taken = cloud.cloud.database.db.insertInto('host_pci_claim')
    const row = { host_id: host.id, address: '0000:01:00.0', instance_id: ids[2] ?? '' }
    await assert.rejects(taken.values(row).execute(), /host_pci_claim_pkey/)
    await purge(ids)
  })

  test('an instance grows while it runs as far as its flavor lets it, and shrinks while it is off', async () => {
    const [id = ''] = await make({ 'cpu.max': '4', 'memory.max_mib': '3072' })
    const resize = (body: unknown) =>
      cloud.request('POST', `/v1/instances/${id}/resize`, { body, headers: { prefer: 'wait=10' } })
    const grown = await resize({ vcpus: 3, memory_mib: 1536 })
    assert.equal(grown.status, 202, JSON.stringify(grown.body))
    assert.equal((grown.body.operation as { state: string }).state, 'succeeded')
    const wanted = host.wanted.get(id)
    assert.deepEqual([wanted?.vcpus, wanted?.memory_mib], [3, 1536])
    const told = { vcpus_max: 4, memory_max_mib: 3072, memory_base_mib: 1024 }
    assert.deepEqual(wanted?.hardware, told)
    assert.equal((await claimed()).vcpus, 3)
    for (const [body, words] of [
      [{ vcpus: 5 }, /4 vCPUs and 3072 MiB at most/],
      [{ memory_mib: 1600 }, /steps of 128 MiB from 1024 MiB/],
      [{ vcpus: 2 }, /only shrinks while it is off/],
    ] as const) {
      const refused = await resize(body)
      assert.ok(refused.status === 422 || refused.status === 409, JSON.stringify(refused.body))
      assert.match(String(refused.body.detail), words)
    }
    assert.equal((await claimed()).vcpus, 3, 'what is refused takes nothing')
    await cloud.request('POST', `/v1/instances/${id}/stop`, { body: {}, headers: { prefer: 'wait=10' } })
    const less = await resize({ vcpus: 1, memory_mib: 1000 })
    assert.equal(less.status, 202, JSON.stringify(less.body))
    assert.equal((await claimed()).vcpus, 1)
    assert.equal(host.wanted.get(id)?.hardware?.memory_base_mib, 1000)
    const [plain = ''] = await make({})
    const fixed = await cloud.request('POST', `/v1/instances/${plain}/resize`, { body: { vcpus: 3 } })
    assert.match(String(fixed.body.detail), /does not let it grow/)
    await purge([id, plain])
    assert.deepEqual(await claimed(), nothing)
  })

  test('a move claims on the other host by its own numbers, and each host is told its own', async () => {
    const other = await addHost(cloud, 'h2', { cpus: 16, memory_mib: 33_792, pool_gib: 10_000, facts })
    const flavor_id = (await flavor({ 'cpu.policy': 'dedicated' }, 7)).body.id
    const made = await create(flavor_id, { host_id: host.id })
    const id = String(replyOf(instanceRoutes.create, made).items[0]?.id)
    const moved = await cloud.request('POST', `/v1/instances/${id}/migrate`, {
      body: { host_id: other.id },
      headers: { prefer: 'wait=10' },
    })
    assert.ok(moved.status < 300, JSON.stringify(moved.body))
    await untilEvent(cloud, async () => {
      const rows = await cloud.cloud.database.db.selectFrom('hardware_claim').select('host_id').execute()
      return rows.length === 1 && rows[0]?.host_id === other.id
    })
    assert.equal(other.wanted.get(id)?.hardware?.cells?.[0]?.cpus.length, 7)
    await purge([id])
  })

  test('models: one that no host has is refused, one that there is is told', async () => {
    const none = await create((await flavor({ 'cpu.model': 'Skylake-Server' })).body.id)
    assert.equal(none.status, 409)
    assert.match(String(none.body.detail), /cannot give guests a CPU of model Skylake-Server/)
    const ids = await make({ 'cpu.model': 'Nehalem', 'cpu.flags.forbidden': 'sse4.2' })
    assert.deepEqual(host.wanted.get(ids[0] ?? '')?.hardware, { cpu_model: 'Nehalem', flags_forbidden: ['sse4.2'] })
    await purge(ids)
  })

  test('firmware and TPM: refused where no host has them, told where one has, shown with the instance', async () => {
    const secure = { firmware: 'uefi', secure_boot: 'true', tpm: '2.0' }
    const bad = await flavor({ secure_boot: 'true' })
    assert.match(String(bad.body.detail), /secure_boot=true needs firmware=uefi/)
    const flavor_id = (await flavor(secure)).body.id
    const none = await create(flavor_id)
    assert.equal(none.status, 409)
    assert.match(String(none.body.detail), /has not told what its machines can have \(uefi, secure_boot, tpm\)/)
    assert.match(String(none.body.detail), /swtpm-tools/)
    const machine_features = ['uefi', 'secure_boot', 'tpm']
    const able = await addHost(cloud, 'h3', { cpus: 4, pool_gib: 100, facts: { machine_features } })
    const shown = await cloud.request('GET', `/v1/hosts/${able.id}/hardware`)
    assert.deepEqual(shown.body['machine_features'], machine_features)
    const [one] = replyOf(instanceRoutes.create, await create(flavor_id)).items
    const hardware = { firmware: 'uefi', secure_boot: true, tpm: '2.0' }
    assert.deepEqual(able.wanted.get(one?.id ?? '')?.hardware, hardware)
    assert.deepEqual([one?.firmware, one?.secure_boot, one?.tpm], ['uefi', true, '2.0'])
    const there = await cloud.request('POST', `/v1/instances/${one?.id}/migrate`, { body: { host_id: host.id } })
    assert.equal(there.status, 409, 'nor to a host whose agent is of before')
    assert.match(String(there.body.detail), /or the agent is of a version before/)
    await purge([one?.id ?? ''])
  })

  test('an image asks for firmware and a TPM, in words that are known', async () => {
    const path = `/v1/images/${image_id}`
    const set = (properties: object) => cloud.request('PATCH', path, { body: { properties } })
    for (const bad of [{ firmware: 'efi' }, { tpm: '1.2' }, { secure_boot: 'yes' }, { hw_firmware_type: 'uefi' }]) {
      assert.equal((await set(bad)).status, 422, JSON.stringify(bad))
    }
    assert.equal((await set({ secure_boot: 'true' })).status, 200)
    const refused = await create((await flavor({})).body.id)
    assert.match(String(refused.body.detail), /secure_boot=true needs firmware=uefi/)
    await set({ firmware: 'uefi', tpm: '2.0' })
    const [id = ''] = await make({})
    const shown = replyOf(instanceRoutes.get, await cloud.request('GET', `/v1/instances/${id}`))
    assert.deepEqual([shown.firmware, shown.secure_boot, shown.tpm], ['uefi', false, '2.0'])
    await purge([id])
    await set({})
  })
})
