/**
 * An instance that only its host knows, after a restore, has CPUs, huge pages and devices of that host. With its record they are claimed anew:
 * nobody else is given them, and they come back when it goes.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { instanceRoutes } from '../../../src/api/instance.ts'
import { claimAsHeld } from '../../../src/controller/app/restored-hardware.ts'
import { hardwareClaim } from '../../../src/controller/store/hardware-claim.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { eventually } from '../../support/eventually.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

/** One node of eight cores without threads, of which the first is the host's own; two devices. */
const facts: Partial<HostFacts> = {
  huge_pages: [{ size_kib: 2048, total: 2048 }],
  numa: [
    {
      node: 0,
      cpus: [0, 1, 2, 3, 4, 5, 6, 7],
      memory_mib: 16_384,
      huge_pages: [{ size_kib: 2048, total: 2048 }],
    },
  ],
  thread_siblings: Array.from({ length: 8 }, (_, n) => [n]),
  pci: [1, 2].map(n => ({
    address: `0000:0${n}:00.0`,
    vendor: '0x10de',
    device: '0x2235',
    class: '0x030200',
    iommu_group: String(n),
    numa_node: 0,
    used_by: null,
  })),
}

const properties = { 'cpu.policy': 'dedicated', 'memory.page_size': '2MiB', pci: 'gpu' }

describe('controller/adopt-hardware', () => {
  let cloud: TestCloud
  let host: ObedientHost
  let body: Record<string, unknown>

  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 8, memory_mib: 33_792, pool_gib: 10_000, facts })
    await liftQuotas(cloud)
    await cloud.request('POST', '/v1/pci-aliases', { body: { name: 'gpu', vendor: '10DE', class: '0302' } })
    const size = { name: 'own', vcpus: 2, memory_mib: 1024, disk_gib: 1, properties }
    const flavor = await cloud.request('POST', '/v1/flavors', { body: size })
    assert.equal(flavor.status, 201, JSON.stringify(flavor.body))
    const networks = [{ network_id: await addNetwork(cloud) }]
    body = { flavor_id: flavor.body.id, image_id: await addImage(cloud), networks }
  })
  after(() => cloud.close())

  async function create(name: string): Promise<WantedInstance> {
    const made = await cloud.request('POST', '/v1/instances', {
      body: { ...body, name },
      headers: { prefer: 'wait=10' },
    })
    const [one] = replyOf(instanceRoutes.create, made).items
    const wanted = host.wanted.get(one?.id ?? '')
    assert.ok(wanted)
    return wanted
  }

  async function purge(id: string): Promise<void> {
    const gone = Promise.withResolvers<void>()
    const unwatch = cloud.cloud.events.watch(rows => {
      if (rows.some(row => row.noun === 'instance' && row.kind === 'deleted' && row.resource_id === id)) gone.resolve()
    })
    await cloud.request('DELETE', `/v1/instances/${id}?purge=true`, { headers: { prefer: 'wait=10' } })
    await gone.promise.finally(unwatch)
  }

  /** The record is lost, and the host goes on with what it was told. */
  async function lost(name: string): Promise<WantedInstance> {
    const wanted = await create(name)
    await purge(wanted.id)
    return wanted
  }

  async function adopt(wanted: WantedInstance) {
    const { id: instance_id, generation, details_version, power } = wanted
    const held = { host_id: host.id, instance_id, kind: 'orphaned' as const, generation, details_version, power }
    await cloud.cloud.database.db
      .insertInto('held_instance')
      .values({ ...held, wanted: sql`${JSON.stringify(wanted)}::jsonb` })
      .execute()
    return await cloud.request('POST', `/v1/hosts/${host.id}/adopt`, { body: { instance_id } })
  }

  async function claimed() {
    const { db } = cloud.cloud.database
    const counts = await db
      .selectFrom('host_claim')
      .select(['vcpus', 'dedicated_vcpus', 'pinned_cpus', 'huge_mib'])
      .where('host_id', '=', host.id)
      .executeTakeFirstOrThrow()
    const cpus = await db.selectFrom('host_cpu_claim').select('cpu').orderBy('cpu').execute()
    const pci = await db.selectFrom('host_pci_claim').select('address').orderBy('address').execute()
    return { ...counts, cpus: cpus.map(row => row.cpu), pci: pci.map(row => row.address) }
  }
  const nothing = { vcpus: 0, dedicated_vcpus: 0, pinned_cpus: 0, huge_mib: 0, cpus: [], pci: [] }

  test('what the host has for it is claimed as before, is nobody else’s, and comes back', async () => {
    const wanted = await create('guest')
    const before_ = await claimed()
    assert.deepEqual([before_.cpus.length, before_.pci.length, before_.huge_mib], [2, 1, 1024])
    await purge(wanted.id)
    assert.deepEqual(await claimed(), nothing)
    const adopted = await adopt(wanted)
    assert.equal(adopted.status, 200, JSON.stringify(adopted.body))
    assert.deepEqual(await claimed(), before_)
    const { body: hardware } = await cloud.request('GET', `/v1/hosts/${host.id}/hardware`)
    assert.match(JSON.stringify(hardware), new RegExp(wanted.id))
    // The guest runs on with what it has: what its host is told is the same.
    await cloud.request('PATCH', `/v1/instances/${wanted.id}`, {
      body: { tags: { a: 'b' } },
      headers: { prefer: 'wait=10' },
    })
    await eventually(() => assert.deepEqual(host.wanted.get(wanted.id)?.hardware, wanted.hardware))
    const other = await create('other')
    const now = await claimed()
    assert.deepEqual([new Set(now.cpus).size, now.pci, now.huge_mib], [4, ['0000:01:00.0', '0000:02:00.0'], 2048])
    await purge(other.id)
    assert.deepEqual(await claimed(), before_)
    await purge(wanted.id)
    assert.deepEqual(await claimed(), nothing)
  })

  test('what another was given since the restore, or the host does not have, is not claimed: no record is made', async () => {
    const wanted = await lost('late')
    const since = await create('since')
    assert.deepEqual(since.hardware?.cells, wanted.hardware?.cells, 'the same CPUs, as nobody knew of them')
    const taken = await claimed()
    const { hardware } = wanted
    const free = hardware?.cells?.map(cell => ({ ...cell, cpus: [6, 7] })) ?? []
    for (const [changed, why] of [
      [hardware, /has the CPU \d+, which another instance was given since/],
      [{ ...hardware, cells: free }, /has the device 0000:0\d:00.0, which another instance was given since/],
      [
        { ...hardware, cells: free, pci: [{ address: '0000:0f:00.0' }] },
        /device 0000:0f:00.0, which its host does not have/,
      ],
      [
        { ...hardware, cells: free.map(cell => ({ ...cell, cpus: [6, 8] })) },
        /has the CPU 8, which is not one of the NUMA node 0/,
      ],
      [{ ...hardware, cells: [...free, ...free] }, /has a CPU twice/],
    ] as const) {
      const one = { ...wanted, id: crypto.randomUUID(), hardware: changed as NonNullable<WantedInstance['hardware']> }
      const answered = await adopt(one)
      assert.equal(answered.status, 409, JSON.stringify(answered.body))
      assert.match(String(answered.body.detail), why)
      assert.deepEqual(await claimed(), taken)
    }
    await purge(since.id)
  })

  test('of two adopted at once that show the same hardware one has it', async () => {
    const wanted = await lost('twice')
    const disks = wanted.disks.map(disk => ({ ...disk, volume_id: crypto.randomUUID() }))
    const twin = { ...wanted, id: crypto.randomUUID(), disks, ports: [] }
    const answers = await Promise.all([wanted, twin].map(one => adopt({ ...one, ports: [] })))
    assert.deepEqual(answers.map(one => one.status).sort(), [200, 409])
    const now = await claimed()
    assert.deepEqual([now.cpus.length, now.pci.length, now.huge_mib, now.pinned_cpus], [2, 1, 1024, 2])
    const [adopted] = [wanted, twin].filter((_, n) => answers[n]?.status === 200)
    await purge(adopted?.id ?? '')
    assert.deepEqual(await claimed(), nothing)
  })

  test('the record that follows its host after a restore claims there what the guest has, and only what is free', async () => {
    const { database } = cloud.cloud
    const wanted = await create('followed')
    const before_ = await claimed()
    await database.transaction(async tx => {
      await hardwareClaim.release(tx, [{ instance_id: wanted.id, host_id: host.id }])
      await claimAsHeld(tx, host.id, wanted)
    })
    assert.deepEqual(await claimed(), before_)
    await database.transaction(tx => hardwareClaim.release(tx, [{ instance_id: wanted.id, host_id: host.id }]))
    const since = await create('since-then')
    const taken = await claimed()
    await database.transaction(tx => claimAsHeld(tx, host.id, wanted))
    assert.deepEqual(await claimed(), taken, 'it stays the other one’s')
    await purge(since.id)
    await purge(wanted.id)
    assert.deepEqual(await claimed(), nothing)
  })
})
