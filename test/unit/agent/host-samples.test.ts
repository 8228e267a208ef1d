/** What a host measures of itself fits the protocol, whatever its devices are called: a frame that does not would end its link. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { hostSample } from '../../../src/agent/drivers/host-samples.ts'
import { HostSample } from '../../../src/protocol/samples.ts'

void test('devices with names beyond what is usual are left out, and the others are measured', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'croft-samples-'))
  const file = async (name: string, text: string) => {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true })
    await writeFile(path.join(root, name), text)
  }
  try {
    await file('proc/stat', 'cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 100 0 100 1000 0 0 0 0 0 0\n')
    await file('proc/meminfo', 'MemTotal: 2048 kB\nMemAvailable: 1024 kB\n')
    await file('proc/loadavg', '0.50 0.40 0.30 1/100 1\n')
    const counters = '10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0'
    await file('proc/net/dev', `Inter-|\n face |\n  eth0: ${counters}\n lan+1: ${counters}\n`)
    const disk = '1 0 8 0 2 0 16 0 0 0 0'
    await file('proc/diskstats', `8 0 sda ${disk}\n104 0 cciss!c0d0 ${disk}\n`)
    for (const nic of ['eth0', 'lan+1']) {
      await mkdir(path.join(root, 'sys/class/net', nic, 'device'), { recursive: true })
      await symlink('/sys/bus/pci/drivers/e1000e', path.join(root, 'sys/class/net', nic, 'device/driver'))
    }
    for (const name of ['sda', 'cciss!c0d0']) await file(`sys/block/${name}/size`, '100\n')
    const sample = await hostSample(() => Promise.resolve({ total_bytes: 10, free_bytes: 5 }), root)
    assert.deepEqual([...Value.Errors(HostSample, sample)], [])
    assert.deepEqual(
      sample.nics.map(one => [one.name, one.receive_bytes]),
      [['eth0', 10]],
    )
    assert.deepEqual(
      sample.disks.map(one => [one.name, one.write_ops]),
      [['sda', 2]],
    )
  } finally {
    await rm(root, { recursive: true })
  }
})
