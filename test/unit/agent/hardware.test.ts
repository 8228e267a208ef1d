/** What a machine finds of itself that no copy of its disk has. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readHardware } from '../../../src/agent/hardware.ts'

async function machine(): Promise<{ root: string; nic(name: string, bus: string, set?: '0' | '3'): Promise<string> }> {
  const root = await mkdtemp(join(tmpdir(), 'croft-hardware-'))
  return {
    root,
    async nic(name, bus, set = '0') {
      const at = join(root, 'sys/class/net', name)
      await mkdir(join(at, 'device'), { recursive: true })
      await writeFile(join(at, 'addr_assign_type'), `${set}\n`)
      await symlink(`../../../bus/${bus}`, join(at, 'device/subsystem'))
      return at
    },
  }
}

const links = (...ones: object[]) => ({ links: () => Promise.resolve(JSON.stringify(ones)) })

test('the board; and NICs that are its own, by the addresses that they were made with', async () => {
  const { root, nic } = await machine()
  await nic('eth0', 'pci')
  await nic('eth1', 'pci', '3')
  await nic('eth2', 'pci', '3')
  await nic('usb0', 'usb')
  await mkdir(join(await nic('vf0', 'pci'), 'device/physfn'))
  await mkdir(join(root, 'sys/class/net/br0'), { recursive: true })
  const found = links(
    { ifname: 'lo', address: '00:00:00:00:00:00' },
    { ifname: 'eth0', address: '52:54:00:00:00:01' },
    { ifname: 'eth1', address: '52:54:00:00:00:01', permaddr: '52:54:00:00:00:02' },
    { ifname: 'eth2', address: '52:54:00:00:00:99' },
    { ifname: 'usb0', address: '52:54:00:00:00:03' },
    { ifname: 'vf0', address: '52:54:00:00:00:04' },
    { ifname: 'br0', address: '52:54:00:00:00:05' },
    { address: 7 },
  )
  const nics = ['52:54:00:00:00:01', '52:54:00:00:00:02']
  assert.deepEqual(await readHardware({ root, ...found }), { nics })
  await mkdir(join(root, 'sys/class/dmi/id'), { recursive: true })
  await writeFile(join(root, 'sys/class/dmi/id/product_uuid'), '4C4C4544-0035-4C10-8044-B7C04F4D3332\n')
  assert.deepEqual(await readHardware({ root, ...found }), { board: '4c4c4544-0035-4c10-8044-b7c04f4d3332', nics })
  await rm(root, { recursive: true })
})

test('where nothing is to be had, nothing is said', async () => {
  const { root } = await machine()
  for (const read of [() => Promise.reject(new Error('no ip')), () => Promise.resolve('{}')])
    assert.deepEqual(await readHardware({ root, links: read }), {})
  await rm(root, { recursive: true })
})
