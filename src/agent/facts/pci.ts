/**
 * PCI devices, and what the host itself needs them for. A device with a disk in use (disk-use.ts), a NIC that is up, or the host's screen
 * is never a guest's, whatever an alias matches; one that is bound to vfio-pci was prepared for guests by hand.
 */
import { readdir, readlink, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { HostFacts } from '../../protocol/host-facts.ts'
import { disksInUse } from './disk-use.ts'
import { readText } from './text.ts'

/** pci.ids says what the numbers mean; bridges and the like are left out of the report. */
const pciBridgeClass = '0x06'
const pciAddress = /[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=\/|$)/g

async function names(path: string): Promise<string[]> {
  return (await readdir(path).catch((): string[] => [])).sort()
}

async function linkName(path: string): Promise<string | null> {
  return await readlink(path).then(basename, () => null)
}

/** `root`: of /proc and /sys. */
export async function readPci(root: string): Promise<HostFacts['pci']> {
  const at = join(root, 'sys/bus/pci/devices')
  const used = await usedDevices(root)
  const all = await Promise.all((await names(at)).map(address => readDevice(join(at, address), address, used)))
  return all.filter(each => !each.class.startsWith(pciBridgeClass))
}

async function readDevice(
  at: string,
  address: string,
  used: ReadonlyMap<string, string>,
): Promise<HostFacts['pci'][number]> {
  const text = (name: string) => readText(join(at, name))
  const driver = await linkName(join(at, 'driver'))
  const physical_function = await linkName(join(at, 'physfn'))
  const numa_node = Number((await text('numa_node')) || -1)
  const owner = driver === 'vfio-pci' ? null : (used.get(address) ?? (await ownUse(text)))
  return {
    address,
    vendor: await text('vendor'),
    device: await text('device'),
    class: await text('class'),
    ...(driver !== null && { driver }),
    iommu_group: await linkName(join(at, 'iommu_group')),
    numa_node: numa_node >= 0 ? numa_node : null,
    ...(physical_function !== null && { physical_function }),
    used_by: owner,
  }
}

async function ownUse(text: (name: string) => Promise<string>): Promise<string | null> {
  if ((await text('boot_vga')) === '1') return 'the host’s screen'
  return Number((await text('sriov_numvfs')) || 0) > 0 ? 'its virtual functions' : null
}

/** By address, what depends on the device. */
async function usedDevices(root: string): Promise<Map<string, string>> {
  const used = new Map<string, string>()
  const note = async (path: string, what: string) => {
    const real = await realpath(path).catch(() => '')
    for (const address of real.match(pciAddress) ?? []) used.set(address, what)
  }
  for (const [disk, why] of await disksInUse(root)) {
    const at = join(root, 'sys/block', disk, 'device')
    // An NVMe disk that several controllers may reach is below none of them, but names them (nvme0, nvme1).
    const controllers = (await names(at)).filter(name => /^nvme\d+$/.test(name))
    for (const device of [at, ...controllers.map(name => join(at, name))]) await note(device, `disk ${disk}, ${why}`)
  }
  for (const nic of await names(join(root, 'sys/class/net'))) {
    const at = join(root, 'sys/class/net', nic)
    const up = (Number(await readText(join(at, 'flags'))) & 1) === 1
    if (up || (await linkName(join(at, 'master'))) !== null) await note(join(at, 'device'), `nic ${nic}`)
  }
  return used
}
