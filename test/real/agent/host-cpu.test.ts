/** CPUs with a real libvirtd: what a guest can have here, what hosts have in common, and what one lacks. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Value } from 'typebox/value'
import { baselineOf, compareTo, cpuXml, hostCpuOf, readCpu } from '../../../src/agent/drivers/libvirt/host-cpu.ts'
import { Libvirt } from '../../../src/lib/libvirt/index.ts'
import { HostCpu } from '../../../src/protocol/host-cpu.ts'
import { Daemon } from '../libvirt/daemon.ts'

let daemon: Daemon
let libvirt: Libvirt
const host = {
  virtualisation: 'tcg',
  arch: 'x86_64',
  default_cpu_model: 'host-model',
  datapath: 'system',
  integration_bridge: 'br-int',
  log_directory: '/nonexistent',
  machine_directory: '/var/lib/croft/machine',
} as const

describe('agent/host-cpu', () => {
  before(async () => {
    daemon = await Daemon.start()
    libvirt = await Libvirt.connect({ path: daemon.path })
  })
  after(async () => {
    await libvirt?.close()
    await daemon?.stop()
  })

  test('what a guest can have here is told in names alone, and libvirt takes them back', async () => {
    const cpu = await hostCpuOf(libvirt, host)
    assert.ok(cpu && Value.Check(HostCpu, cpu), JSON.stringify(cpu))
    assert.deepEqual(readCpu(cpuXml(cpu)), cpu)
    assert.deepEqual(await compareTo(libvirt, host, cpu), { fits: true, missing: [] })
    assert.equal(await hostCpuOf(libvirt, { ...host, arch: 'aarch64' }), null)
  })

  test('hosts of several kinds have in common what the least of them has, and each of them can carry that', async () => {
    const cpu = await hostCpuOf(libvirt, host)
    assert.ok(cpu)
    const older: HostCpu = { model: 'Nehalem', vendor: 'Intel', require: ['aes'], disable: [] }
    const newer: HostCpu = { model: 'SandyBridge', vendor: 'Intel', require: [], disable: ['aes'] }
    const common = await baselineOf(libvirt, host, [older, newer])
    assert.equal(common.model, 'Nehalem')
    assert.ok(!common.require.includes('aes'), JSON.stringify(common))
  })

  test('what a host lacks is named', async () => {
    const wish: HostCpu = { model: 'Nehalem', require: ['avx512f', 'amx-tile'], disable: [] }
    const verdict = await compareTo(libvirt, host, wish)
    assert.equal(verdict.fits, false)
    assert.ok(verdict.missing.includes('avx512f'), JSON.stringify(verdict))
  })
})
