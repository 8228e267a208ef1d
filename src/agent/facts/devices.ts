/** Disks, NICs, huge pages, NUMA nodes and cores, as /sys shows them. A file that is not there counts as nothing known. */
import { readdir, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { HostFacts } from '../../protocol/host-facts.ts'
import { parseCpuList, parseMemTotal_mib } from './parse.ts'
import { readText } from './text.ts'

/** Loop devices, RAM disks, mappings and the like stand on others. */
const virtualDisk = /^(loop|ram|zram|dm-|md|sr|fd|nbd)/

async function names(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort()
  } catch {
    return []
  }
}

export async function readDisks(sys: string): Promise<HostFacts['disks']> {
  const all = (await names(join(sys, 'block'))).filter(name => !virtualDisk.test(name))
  return Promise.all(
    all.map(async name => {
      const at = join(sys, 'block', name)
      return {
        name,
        // The kernel counts in sectors of 512 bytes, whatever the disk's own.
        size_bytes: Number((await readText(join(at, 'size'))) || 0) * 512,
        model: await readText(join(at, 'device/model')),
        rotational: (await readText(join(at, 'queue/rotational'))) === '1',
      }
    }),
  )
}

/** NICs with a device below them: bridges, taps and other software interfaces are not the host's hardware. */
export async function readNics(sys: string): Promise<HostFacts['nics']> {
  const found: HostFacts['nics'] = []
  for (const name of await names(join(sys, 'class/net'))) {
    const at = join(sys, 'class/net', name)
    const driver = await readlink(join(at, 'device/driver')).then(basename, () => '')
    if (driver === '') continue
    const speed_mbps = Number((await readText(join(at, 'speed'))) || -1)
    found.push({
      name,
      mac: await readText(join(at, 'address')),
      mtu: Number((await readText(join(at, 'mtu'))) || 0),
      speed_mbps: speed_mbps > 0 ? speed_mbps : null,
      driver,
      sriov_vfs: Number((await readText(join(at, 'device/sriov_totalvfs'))) || 0),
    })
  }
  return found
}

export function readHugePages(sys: string): Promise<HostFacts['huge_pages']> {
  return pagesIn(join(sys, 'kernel/mm/hugepages'))
}

async function pagesIn(root: string): Promise<HostFacts['huge_pages']> {
  const all = await Promise.all(
    (await names(root)).map(async name => ({
      size_kib: Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0),
      total: Number((await readText(join(root, name, 'nr_hugepages'))) || 0),
    })),
  )
  return all.filter(each => each.size_kib > 0).sort((a, b) => a.size_kib - b.size_kib)
}

export async function readNuma(sys: string): Promise<HostFacts['numa']> {
  const root = join(sys, 'devices/system/node')
  const nodes = (await names(root)).filter(name => /^node\d+$/.test(name))
  const all = await Promise.all(
    nodes.map(async name => ({
      node: Number(name.slice(4)),
      cpus: parseCpuList(await readText(join(root, name, 'cpulist'))),
      memory_mib: parseMemTotal_mib(await readText(join(root, name, 'meminfo'))) ?? 0,
      huge_pages: await pagesIn(join(root, name, 'hugepages')),
    })),
  )
  return all.sort((a, b) => a.node - b.node)
}

/** Those that run now, and by NUMA node. */
export async function readHostCpus(sys: string) {
  const all = parseCpuList(await readText(join(sys, 'devices/system/cpu/online')))
  return { all, nodes: (await readNuma(sys)).map(({ node, cpus }) => ({ node, cpus })) }
}

/** CPUs that are threads of one core, as far as the kernel says; each core once. */
export async function readThreadSiblings(sys: string): Promise<number[][]> {
  const root = join(sys, 'devices/system/cpu')
  const cpus = (await names(root)).filter(name => /^cpu\d+$/.test(name))
  const lists = await Promise.all(cpus.map(name => readText(join(root, name, 'topology/thread_siblings_list'))))
  const cores = [...new Set(lists)].map(parseCpuList).filter(core => core.length > 0)
  return cores.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
}
