import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { chooseVirtualisation, readHostFacts } from '../../../src/agent/facts/host-facts.ts'
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
  }
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  await symlink('/somewhere/drivers/mlx5_core', join(root, 'sys/class/net/eth0/device/driver'))
  const facts = await readHostFacts({
    root,
    agent_version: '1',
    machine_id: 'm',
    virtualisation: 'kvm',
    room: () => Promise.resolve({ total_gib: 10, free_gib: 5 }),
    hypervisorVersions: () => Promise.reject(new Error('away')),
    network: () =>
      Promise.resolve({ ovs_version: '3', ovn_version: '24', datapath: 'netdev', tunnel_address: '10.0.0.1' }),
  })
  assert.deepEqual(facts.disks, [{ name: 'sda', size_bytes: 1048576, model: 'DISK 9000', rotational: true }])
  assert.deepEqual(facts.nics, [
    { name: 'eth0', mac: '52:54:00:00:00:01', mtu: 9000, speed_mbps: 25000, driver: 'mlx5_core', sriov_vfs: 64 },
  ])
  assert.deepEqual(
    facts.pci.map(each => each.address),
    ['0000:01:00.0'],
  )
  assert.deepEqual(facts.huge_pages, [{ size_kib: 2048, total: 512 }])
  assert.deepEqual(facts.numa, [{ node: 0, cpus: [0, 1], memory_mib: 512 }])
  assert.deepEqual(
    [facts.boot_id, facts.memory_mib, facts.libvirt_version, facts.datapath],
    ['b-1', 1024, '', 'netdev'],
  )
  assert.equal(await chooseVirtualisation(root), 'tcg', 'the flag without the device is not enough')
  await mkdir(join(root, 'dev'))
  await writeFile(join(root, 'dev/kvm'), '')
  assert.equal(await chooseVirtualisation(root), 'kvm')
})
