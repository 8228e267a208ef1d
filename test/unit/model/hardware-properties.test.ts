/** What flavors and images may ask of hardware, and what is refused with which words. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { matchesAlias } from '../../../src/model/hardware.ts'
import { BadHardware, mergedProperties, readHardware } from '../../../src/model/hardware-properties.ts'

const size = { vcpus: 4, memory_mib: 4096 }
const refuses = (properties: Record<string, string>, words: RegExp) =>
  assert.throws(
    () => readHardware(properties, size),
    (error: unknown) => error instanceof BadHardware && words.test(error.message),
    JSON.stringify(properties),
  )

describe('hardware in properties', () => {
  test('nothing asked is nothing', () => {
    assert.equal(readHardware({}, size), null)
    assert.equal(readHardware({ 'label:ssd': 'yes', cpu_flags: 'avx2', department: 'x' }, size), null)
  })

  test('dedicated CPUs are one node of the guest unless it says otherwise', () => {
    const read = readHardware({ 'cpu.policy': 'dedicated', 'cpu.threads': 'isolate' }, size)
    assert.equal(read?.cpu_policy, 'dedicated')
    assert.equal(read?.threads, 'isolate')
    assert.deepEqual(read?.cells, [{ vcpus: [0, 1, 2, 3], memory_mib: 4096 }])
    const two = readHardware({ 'numa.nodes': '2' }, size)
    assert.deepEqual(two?.cells, [
      { vcpus: [0, 1], memory_mib: 2048 },
      { vcpus: [2, 3], memory_mib: 2048 },
    ])
  })

  test('nodes of one’s own making', () => {
    const read = readHardware(
      { 'numa.0.cpus': '0-2', 'numa.0.memory_mib': '3072', 'numa.1.cpus': '3', 'numa.1.memory_mib': '1024' },
      size,
    )
    assert.deepEqual(read?.cells, [
      { vcpus: [0, 1, 2], memory_mib: 3072 },
      { vcpus: [3], memory_mib: 1024 },
    ])
    refuses({ 'numa.0.cpus': '0-2', 'numa.0.memory_mib': '4096' }, /exactly once/)
    refuses({ 'numa.0.cpus': '0-3,3', 'numa.0.memory_mib': '4096' }, /exactly once/)
    refuses({ 'numa.0.cpus': '0-3', 'numa.0.memory_mib': '1024' }, /sum up to 1024 MiB/)
    refuses({ 'numa.0.cpus': '0-3' }, /needs numa.N.cpus and numa.N.memory_mib/)
    refuses({ 'numa.nodes': '1', 'numa.1.cpus': '0-3', 'numa.1.memory_mib': '4096' }, /node 0 has not both/)
    refuses({ 'numa.0.cpus': '3-1', 'numa.0.memory_mib': '4096' }, /not a list of vCPUs/)
    refuses({ 'numa.nodes': '3' }, /not evenly divided/)
  })

  test('pages, devices, flags, topology and growth', () => {
    assert.equal(readHardware({ 'memory.page_size': '2MiB' }, size)?.page_size, 2048)
    assert.equal(readHardware({ 'memory.page_size': 'large' }, size)?.page_size, 'large')
    assert.deepEqual(readHardware({ pci: 'gpu:2, nic' }, size)?.pci, [
      { alias: 'gpu', count: 2 },
      { alias: 'nic', count: 1 },
    ])
    assert.deepEqual(readHardware({ 'cpu.topology': '1:2:2' }, size)?.topology, { sockets: 1, cores: 2, threads: 2 })
    assert.equal(readHardware({ 'cpu.max': '8', 'cpu.topology': '2:4:1' }, size)?.vcpus_max, 8)
    assert.equal(readHardware({ 'memory.max_mib': '8192' }, size)?.memory_max_mib, 8192)
    assert.deepEqual(readHardware({ 'cpu.flags.required': 'avx2 aes,avx2' }, size)?.flags_required, ['avx2', 'aes'])
    const kernel = {
      'cpu.flags.required': 'tsc_deadline_timer,sse4_1,nonstop_tsc',
      'cpu.flags.forbidden': 'dts,avx512_vnni',
    }
    assert.deepEqual(readHardware(kernel, size)?.flags_required, ['tsc-deadline', 'sse4.1', 'invtsc'])
    assert.deepEqual(readHardware(kernel, size)?.flags_forbidden, ['ds', 'avx512vnni'])
  })

  test('what cannot be is refused with the property’s name', () => {
    refuses({ 'cpu.polcy': 'dedicated' }, /no property cpu.polcy/)
    refuses({ 'cpu.policy': 'mine' }, /shared, dedicated/)
    refuses({ 'cpu.threads': 'isolate' }, /needs cpu.policy=dedicated/)
    refuses({ 'cpu.topology': '2:2:2' }, /product of 4/)
    refuses({ 'cpu.max': '2' }, /between 4 and/)
    refuses({ 'cpu.max': '8', 'cpu.policy': 'dedicated' }, /do not grow/)
    refuses({ 'memory.max_mib': '8192', 'numa.nodes': '2' }, /do not grow/)
    refuses({ 'memory.page_size': '3MiB' }, /small, large, any, 2MiB, 1GiB/)
    refuses(
      { 'memory.page_size': '1GiB', 'numa.0.cpus': '0-3', 'numa.0.memory_mib': '4096', 'numa.nodes': '2' },
      /node 1/,
    )
    refuses({ 'cpu.flags.required': 'avx', 'cpu.flags.forbidden': 'avx' }, /both required and forbidden/)
    refuses({ 'cpu.flags.required': 'pclmulqdq', 'cpu.flags.forbidden': 'pclmuldq' }, /flag pclmuldq is both/)
    refuses({ 'cpu.flags.required': 'avx;rm' }, /not the name of a CPU flag/)
    refuses({ 'cpu.model': '<model>' }, /not the name of a CPU model/)
    refuses({ pci: 'gpu:0' }, /list of aliases/)
    refuses({ pci: 'gpu:99' }, /at most 16/)
    refuses({ pci: 'gpu', 'pci.numa': 'required' }, /needs devices/)
    assert.throws(
      () => readHardware({ 'memory.page_size': '1GiB' }, { vcpus: 1, memory_mib: 1500 }),
      /whole number of pages/,
    )
  })

  test('an image brings what takes nothing, and may insist on what only a flavor gives', () => {
    assert.deepEqual(mergedProperties({ 'cpu.flags.required': 'aes' }, { 'cpu.flags.required': 'avx', os: 'debian' }), {
      'cpu.flags.required': 'aes,avx',
    })
    assert.throws(() => mergedProperties({}, { 'cpu.policy': 'dedicated' }), /only a flavor can give/)
    assert.throws(() => mergedProperties({}, { pci: 'gpu' }), /only a flavor can give/)
    assert.throws(() => mergedProperties({ 'numa.nodes': '1' }, { 'numa.nodes': '2' }), /the flavor has 1/)
    const both = mergedProperties({ 'memory.page_size': 'large' }, { 'memory.page_size': '2MiB' })
    assert.equal(both['memory.page_size'], '2MiB')
  })

  test('firmware, secure boot and a TPM: of flavor or image, where they go together', () => {
    assert.equal(readHardware({ firmware: 'uefi' }, size)?.firmware, 'uefi')
    const read = readHardware(mergedProperties({ tpm: '2.0' }, { firmware: 'uefi', secure_boot: 'true' }), size)
    assert.deepEqual([read?.firmware, read?.secure_boot, read?.tpm], ['uefi', true, '2.0'])
    const none = readHardware({ firmware: 'uefi', secure_boot: 'false', tpm: 'none' }, size)
    assert.deepEqual([none?.secure_boot, none?.tpm], [undefined, undefined])
    refuses({ secure_boot: 'true' }, /secure_boot=true needs firmware=uefi/)
    refuses({ secure_boot: 'true', firmware: 'bios' }, /needs firmware=uefi/)
    refuses({ firmware: 'efi' }, /bios, uefi/)
    refuses({ tpm: '1.2' }, /none, 2\.0/)
    refuses({ 'tpm.model': 'tpm-tis' }, /no property tpm\.model/)
    refuses({ firmware: "uefi'/><x y='" }, /bios, uefi/)
    assert.throws(() => mergedProperties({ tpm: 'none' }, { tpm: '2.0' }), /the flavor has none/)
    const arm = { architecture: 'aarch64' }
    assert.throws(() => mergedProperties({ firmware: 'bios' }, arm), /have UEFI alone/)
    assert.throws(() => mergedProperties({ firmware: 'uefi' }, { ...arm, secure_boot: 'true' }), /is for x86_64/)
    assert.deepEqual(mergedProperties({ firmware: 'uefi' }, arm), { firmware: 'uefi' })
  })

  test('an alias matches by vendor, device and the beginning of a class', () => {
    const device = { vendor: '0x10de', device: '0x2235', class: '0x030200' }
    assert.ok(matchesAlias({ vendor: '10DE', device: null, class: '03' }, device))
    assert.ok(!matchesAlias({ vendor: '10de', device: '2236', class: null }, device))
    assert.ok(!matchesAlias({ vendor: null, device: null, class: '02' }, device))
  })
})
