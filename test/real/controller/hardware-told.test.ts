/** What hosts tell of their hardware, and what instances are given by that: flags by libvirt's names, NICs, firmware while libvirt is late. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hostHardwareRoutes } from '../../../src/api/host-hardware.ts'
import { instanceRoutes } from '../../../src/api/instance.ts'
import type { HostFacts } from '../../../src/protocol/host-facts.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

let cloud: TestCloud
let host: ObedientHost
let image_id: string
let network_id: string
let flavors = 0

const card = { vendor: '0x8086', device: '0x154c', class: '0x020000', numa_node: 0, used_by: null }
const facts: Partial<HostFacts> = {
  cpu_flags: ['pclmulqdq', 'tsc_deadline_timer', 'nonstop_tsc', 'ibrs'],
  host_cpu: { model: 'Nehalem', require: ['rdctl-no'], disable: [] },
  machine_features: ['uefi'],
  cpu_models: ['Nehalem'],
  pci: [
    { ...card, address: '0000:01:00.0', iommu_group: '1' },
    { ...card, address: '0000:02:00.0', iommu_group: '2', device: '0x1572' },
    { ...card, address: '0000:03:02.0', iommu_group: '3', physical_function: '0000:03:00.0' },
  ],
}

describe('controller/hardware-told', () => {
  before(async () => {
    cloud = await testCloud()
    host = await addHost(cloud, 'h1', { cpus: 8, memory_mib: 33_792, facts })
    image_id = await addImage(cloud)
    network_id = await addNetwork(cloud)
    for (const body of [
      { name: 'nic', vendor: '8086', device: '154c', is_nic: true },
      { name: 'whole-nic', vendor: '8086', device: '1572', is_nic: true },
      { name: 'card', vendor: '8086', device: '1572' },
    ]) {
      const made = await cloud.request('POST', '/v1/pci-aliases', { body })
      assert.equal(made.status, 201, JSON.stringify(made.body))
    }
  })
  after(() => cloud.close())

  async function create(properties: Record<string, string>) {
    const body = { name: `f${++flavors}`, vcpus: 1, memory_mib: 512, disk_gib: 1, properties }
    const flavor = await cloud.request('POST', '/v1/flavors', { body })
    assert.equal(flavor.status, 201, JSON.stringify(flavor.body))
    return await cloud.request('POST', '/v1/instances', {
      body: { name: 'web', flavor_id: flavor.body.id, image_id, networks: [{ network_id }] },
      headers: { prefer: 'wait=10' },
    })
  }
  const given = (answer: Awaited<ReturnType<typeof create>>) =>
    host.wanted.get(String(replyOf(instanceRoutes.create, answer).items[0]?.id))?.hardware

  const told = () => cloud.call(hostHardwareRoutes.get, { params: { host: host.id } })

  /** The host begins anew, and says this. */
  async function says(now: HostFacts): Promise<void> {
    await host.disconnect()
    Object.assign(host, { facts: now })
    await host.connect()
  }

  test('flags by libvirt’s names are had by hosts whose kernel names them otherwise, or whose libvirt names them', async () => {
    const flags = 'tsc-deadline,pclmuldq,spec-ctrl,invtsc,rdctl-no'
    assert.deepEqual(given(await create({ 'cpu.flags.required': flags }))?.flags_required, flags.split(','))
    const none = await create({ 'cpu.flags.required': 'tscdl' })
    assert.equal(none.status, 409)
    assert.match(
      String(none.body.detail),
      /No host has the CPU flag tscdl\. Unless that is mistyped \(flags have libvirt’s names/,
    )
  })

  test('the NIC of a port is a virtual function, and never a whole card', async () => {
    const { devices } = await told()
    assert.deepEqual(
      devices.map(one => [one.address, one.aliases]),
      [
        ['0000:02:00.0', ['card']],
        ['0000:03:02.0', ['nic']],
      ],
    )
    const [nic] = given(await create({ pci: 'nic' }))?.pci ?? []
    assert.equal(nic?.address, '0000:03:02.0')
    assert.ok(nic.port_id !== undefined)
    const gone = await create({ pci: 'nic' })
    assert.match(String(gone.body.detail), /has not nic free[).;]/, 'what is taken is not said to be a whole card')
    const whole = await create({ pci: 'whole-nic' })
    assert.equal(whole.status, 409)
    assert.match(
      String(whole.body.detail),
      /has not whole-nic free: .* virtual functions \(SR-IOV\), and matches whole/,
    )
    assert.deepEqual(given(await create({ pci: 'card' }))?.pci, [{ address: '0000:02:00.0' }])
  })

  test('what libvirt has not answered yet is as the same agent told it before; what it answered is so', async () => {
    const { machine_features: _, cpu_models: __, ...late } = host.facts
    await says(late)
    assert.deepEqual([(await told()).machine_features, (await told()).cpu_models], [['uefi'], ['Nehalem']])
    assert.equal(given(await create({ firmware: 'uefi' }))?.firmware, 'uefi')
    await says({ ...late, machine_features: [] })
    assert.deepEqual([(await told()).machine_features, (await told()).cpu_models], [[], ['Nehalem']])
    const none = await create({ firmware: 'uefi' })
    assert.match(String(none.body.detail), /has no UEFI firmware \(install ovmf/)
    await says({ ...late, machine_features: ['uefi'] })
    await says({ ...late, agent_version: '0.0.0-before' })
    assert.deepEqual((await told()).machine_features, [], 'an agent of before may not know of it')
    const silent = await create({ firmware: 'uefi' })
    assert.match(String(silent.body.detail), /has not told what its machines can have \(uefi\)/)
  })
})
