import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readHostCpus } from '../../../src/agent/facts/devices.ts'
import { chooseVirtualisation, factReader, readHostFacts } from '../../../src/agent/facts/host-facts.ts'
import { parseCpuinfo, parseCpuList, parseMemTotal_mib, parseOsRelease } from '../../../src/agent/facts/parse.ts'

const twoSockets = [0, 1, 2, 3]
  .map(
    n => `processor\t: ${n}
model name\t: Intel(R) Xeon(R) Gold 6230
physical id\t: ${n >> 1}
core id\t\t: 0
flags\t\t: fpu vmx sse2 lm`,
  )
  .join('\n\n')

test('cpuinfo: threads, cores and sockets are told apart', () => {
  assert.deepEqual(parseCpuinfo(`${twoSockets}\n\n`), {
    model: 'Intel(R) Xeon(R) Gold 6230',
    flags: ['fpu', 'vmx', 'sse2', 'lm'],
    cpus: 4,
    cores: 2,
    sockets: 2,
  })
  const arm = 'processor\t: 0\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nFeatures\t: fp asimd\n'
  assert.deepEqual(parseCpuinfo(arm), { model: '0xd0c', flags: ['fp', 'asimd'], cpus: 2, cores: 2, sockets: 1 })
  assert.equal(parseCpuinfo('').cpus, 0)
})

test('small texts of the kernel', () => {
  assert.deepEqual(parseCpuList('0-3,8,10-11\n'), [0, 1, 2, 3, 8, 10, 11])
  assert.deepEqual(parseCpuList(''), [])
  assert.equal(parseMemTotal_mib('MemTotal:       24684092 kB\nMemFree: 1 kB'), 24105)
  assert.equal(parseMemTotal_mib('Node 0 MemTotal:       2048 kB'), 2)
  assert.equal(parseMemTotal_mib(''), null)
  assert.equal(
    parseOsRelease('NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    'Debian GNU/Linux 12 (bookworm)',
  )
})

/** A NIC that is up, a disk that is mounted, one that is not, the screen, virtual functions, one prepared by hand. */
const pci = 'sys/bus/pci/devices'
const pciTree: Record<string, string> = {
  'sys/class/net/eth1/flags': '0x1003',
  [`${pci}/0000:02:00.0/class`]: '0x010802',
  [`${pci}/0000:02:00.0/numa_node`]: '1',
  [`${pci}/0000:02:00.0/nvme/nvme0/transport`]: 'pcie',
  [`${pci}/0000:03:00.0/class`]: '0x010802',
  [`${pci}/0000:03:00.0/numa_node`]: '-1',
  [`${pci}/0000:03:00.0/nvme/nvme1/transport`]: 'pcie',
  [`${pci}/0000:04:00.0/class`]: '0x030000',
  [`${pci}/0000:04:00.0/boot_vga`]: '1',
  [`${pci}/0000:05:00.0/class`]: '0x020000',
  [`${pci}/0000:05:00.0/sriov_numvfs`]: '1',
  [`${pci}/0000:05:00.1/class`]: '0x020000',
  [`${pci}/0000:06:00.0/class`]: '0x030000',
  [`${pci}/0000:06:00.0/boot_vga`]: '1',
  'sys/block/nvme0n1/nvme0n1p1/dev': '259:1',
  'sys/block/nvme1n1/dev': '259:9',
  'proc/self/mountinfo': '22 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n',
}
const pciLinks: Record<string, string> = {
  'sys/class/net/eth1/device': '../../../bus/pci/devices/0000:01:00.0',
  'sys/block/nvme0n1/device': '../../bus/pci/devices/0000:02:00.0/nvme/nvme0',
  'sys/block/nvme1n1/device': '../../bus/pci/devices/0000:03:00.0/nvme/nvme1',
  [`${pci}/0000:05:00.1/physfn`]: '../0000:05:00.0',
  [`${pci}/0000:06:00.0/driver`]: '/sys/bus/pci/drivers/vfio-pci',
  [`${pci}/0000:02:00.0/iommu_group`]: '../groups/7',
  [`${pci}/0000:03:00.0/iommu_group`]: '../groups/8',
  [`${pci}/0000:04:00.0/iommu_group`]: '../groups/9',
  [`${pci}/0000:05:00.0/iommu_group`]: '../groups/10',
  [`${pci}/0000:05:00.1/iommu_group`]: '../groups/11',
  [`${pci}/0000:06:00.0/iommu_group`]: '../groups/12',
}

test('a whole host from a tree of files', async t => {
  const root = await mkdtemp(join(tmpdir(), 'croft-facts-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const files: Record<string, string> = {
    'proc/cpuinfo': twoSockets,
    'proc/meminfo': 'MemTotal: 1048576 kB',
    'proc/sys/kernel/random/boot_id': 'b-1\n',
    'sys/block/sda/size': '2048\n',
    'sys/block/sda/device/model': 'DISK 9000\n',
    'sys/block/sda/queue/rotational': '1\n',
    'sys/block/loop0/size': '0',
    'sys/class/net/eth0/address': '52:54:00:00:00:01\n',
    'sys/class/net/eth0/mtu': '9000\n',
    'sys/class/net/eth0/speed': '25000\n',
    'sys/class/net/eth0/device/sriov_totalvfs': '64\n',
    'sys/class/net/lo/mtu': '65536',
    'sys/bus/pci/devices/0000:01:00.0/vendor': '0x15b3',
    'sys/bus/pci/devices/0000:01:00.0/device': '0x1017',
    'sys/bus/pci/devices/0000:01:00.0/class': '0x020000',
    'sys/bus/pci/devices/0000:00:00.0/class': '0x060000',
    'sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages': '512',
    'sys/devices/system/node/node0/cpulist': '0-1',
    'sys/devices/system/node/node0/meminfo': 'Node 0 MemTotal: 524288 kB',
    'sys/devices/system/node/online': '0',
    'sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages': '256',
    'sys/devices/system/cpu/cpu0/topology/thread_siblings_list': '0,2',
    'sys/devices/system/cpu/cpu2/topology/thread_siblings_list': '0,2',
    'sys/devices/system/cpu/cpu1/topology/thread_siblings_list': '1,3',
    'sys/devices/system/cpu/online': '0-3',
    ...pciTree,
  }
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  await symlink('/somewhere/drivers/mlx5_core', join(root, 'sys/class/net/eth0/device/driver'))
  for (const [name, target] of Object.entries(pciLinks)) await symlink(target, join(root, name))
  const facts = await readHostFacts({
    root,
    agent_version: '1',
    machine_id: 'm',
    virtualisation: 'kvm',
    room: () => Promise.resolve({ total_gib: 10, free_gib: 5 }),
    hypervisorVersions: () => Promise.reject(new Error('away')),
    cpuModels: () => Promise.resolve(['Nehalem']),
    network: () =>
      Promise.resolve({ ovs_version: '3', ovn_version: '24', datapath: 'netdev', tunnel_address: '10.0.0.1' }),
  })
  assert.equal(facts.hostname, hostname(), 'what the machine calls itself now')
  assert.deepEqual(facts.disks.slice(2), [{ name: 'sda', size_bytes: 1048576, model: 'DISK 9000', rotational: true }])
  assert.deepEqual(facts.nics, [
    { name: 'eth0', mac: '52:54:00:00:00:01', mtu: 9000, speed_mbps: 25000, driver: 'mlx5_core', sriov_vfs: 64 },
  ])
  assert.deepEqual(
    facts.pci.map(({ address, used_by, iommu_group, numa_node }) => [address, used_by, iommu_group, numa_node]),
    [
      ['0000:01:00.0', 'nic eth1', null, null],
      ['0000:02:00.0', 'disk nvme0n1, mounted', '7', 1],
      ['0000:03:00.0', null, '8', null],
      ['0000:04:00.0', 'the host’s screen', '9', null],
      ['0000:05:00.0', 'its virtual functions', '10', null],
      ['0000:05:00.1', null, '11', null],
      ['0000:06:00.0', null, '12', null],
    ],
  )
  assert.equal(facts.pci[6]?.driver, 'vfio-pci')
  assert.equal(facts.pci[5]?.physical_function, '0000:05:00.0')
  assert.deepEqual(facts.thread_siblings, [
    [0, 2],
    [1, 3],
  ])
  assert.deepEqual((await readHostCpus(join(root, 'sys'))).all, [0, 1, 2, 3])
  assert.deepEqual(facts.cpu_models, ['Nehalem'])
  assert.deepEqual(facts.huge_pages, [{ size_kib: 2048, total: 512 }])
  assert.deepEqual(facts.numa, [
    { node: 0, cpus: [0, 1], memory_mib: 512, huge_pages: [{ size_kib: 2048, total: 256 }] },
  ])
  assert.deepEqual(
    [facts.boot_id, facts.memory_mib, facts.libvirt_version, facts.datapath],
    ['b-1', 1024, '', 'netdev'],
  )
  assert.equal(await chooseVirtualisation(root), 'tcg', 'the flag without the device is not enough')
  await mkdir(join(root, 'dev'))
  await writeFile(join(root, 'dev/kvm'), '')
  assert.equal(await chooseVirtualisation(root), 'kvm')
})

test('what a driver does not answer in time is as it said last, and its late answer counts next time', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const root = await mkdtemp(join(tmpdir(), 'croft-facts-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  let answer: () => Promise<string[]> = () => Promise.resolve(['uefi'])
  let asked = Promise.withResolvers<void>()
  const facts = factReader({
    ...{ root, agent_version: '1', machine_id: 'm', virtualisation: 'kvm' },
    room: () => Promise.resolve({ total_gib: 10, free_gib: 5 }),
    hypervisorVersions: () => Promise.resolve({ libvirt: '9', qemu: '8' }),
    network: () => Promise.resolve({ ovs_version: '3', ovn_version: '24', datapath: 'netdev', tunnel_address: 'x' }),
    cpuModels: () => answer(),
    machineFeatures: () => {
      asked.resolve()
      return answer()
    },
  })
  const readLate = async () => {
    asked = Promise.withResolvers()
    const read = facts.read()
    await asked.promise
    t.mock.timers.tick(2000)
    return await read
  }
  const never = new Promise<string[]>(() => undefined)
  const said = (read: Awaited<ReturnType<typeof facts.read>>) => [read.cpu_models, read.machine_features]

  assert.deepEqual(said(await facts.read()), [['uefi'], ['uefi']])
  answer = () => never
  assert.deepEqual(said(await readLate()), [['uefi'], ['uefi']])
  answer = () => Promise.reject(new Error('libvirt is away'))
  assert.deepEqual(said(await facts.read()), [['uefi'], ['uefi']])
  const late = Promise.withResolvers<string[]>()
  answer = () => late.promise
  await readLate()
  late.resolve(['uefi', 'tpm'])
  answer = () => never
  assert.deepEqual((await readLate()).machine_features, ['uefi', 'tpm'])
  answer = () => Promise.resolve([])
  assert.deepEqual(said(await facts.read()), [[], []], 'empty is an answer, too')
})

test('what no driver has answered yet is left out, and not called none', async t => {
  const root = await mkdtemp(join(tmpdir(), 'croft-facts-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const away = () => Promise.reject(new Error('libvirt is away'))
  const facts = factReader({
    ...{ root, agent_version: '1', machine_id: 'm', virtualisation: 'kvm' },
    room: () => Promise.resolve({ total_gib: 10, free_gib: 5 }),
    ...{ hypervisorVersions: away, network: away, cpuModels: away, machineFeatures: away, hostCpu: away },
  })
  const read = await facts.read()
  for (const key of ['cpu_models', 'machine_features', 'host_cpu']) assert.ok(!(key in read), key)
  assert.deepEqual([read.libvirt_version, read.tunnel_address], ['', ''])
})
