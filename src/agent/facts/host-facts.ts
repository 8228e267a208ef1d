/** What this host is: gathered from /proc and /sys and from the drivers, for the scheduler and for people. Judges nothing. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { arch, hostname, release } from 'node:os'
import { join } from 'node:path'
import type { HostCpu } from '../../protocol/host-cpu.ts'
import type { HostFacts } from '../../protocol/host-facts.ts'
import { readDisks, readHugePages, readNics, readNuma, readThreadSiblings } from './devices.ts'
import { parseCpuinfo, parseMemTotal_mib, parseOsRelease } from './parse.ts'
import { readPci } from './pci.ts'
import { readText } from './text.ts'

export interface HostFactsOptions {
  readonly agent_version: string
  readonly machine_id: string
  readonly virtualisation: 'kvm' | 'tcg'
  readonly pool_id?: string
  /** That of the pool, as its directory has it now. */
  poolSecret?(): Promise<string>
  room(): Promise<{ total_gib: number; free_gib: number }>
  hypervisorVersions(): Promise<{ libvirt: string; qemu: string }>
  /** That guests can have here. */
  cpuModels?(): Promise<string[]>
  /** What their machines can have. */
  machineFeatures?(): Promise<string[]>
  hostCpu?(): Promise<HostCpu | null>
  network(): Promise<{ ovs_version: string; ovn_version: string; datapath: string; tunnel_address: string }>
  /** For tests: another root of /proc and /sys. */
  readonly root?: string
}

const answerWithin_ms = 2000
const unknownNetwork = { ovs_version: '', ovn_version: '', datapath: '', tunnel_address: '' }

/** What drivers said last. */
interface LastSaid {
  host_cpu?: HostCpu | null
  cpu_models?: string[]
  machine_features?: string[]
  versions?: { libvirt: string; qemu: string }
  network?: { ovs_version: string; ovn_version: string; datapath: string; tunnel_address: string }
}

/** Reads anew each time; what a driver does not answer now is as it said last. */
export function factReader(options: HostFactsOptions): { read(): Promise<HostFacts> } {
  const last: LastSaid = {}
  return { read: () => readHostFacts(options, last) }
}

/** A driver that does not answer now, nor has before, leaves its part out, or empty: what is empty in a list was said to be so. */
export async function readHostFacts(options: HostFactsOptions, last: LastSaid = {}): Promise<HostFacts> {
  const root = options.root ?? '/'
  const proc = join(root, 'proc')
  const sys = join(root, 'sys')
  const cpu = parseCpuinfo(await readText(join(proc, 'cpuinfo')))
  const [host_cpu, cpu_models, machine_features, versions, network, room, pool_secret] = await Promise.all([
    latest(last, 'host_cpu', options.hostCpu?.()),
    latest(last, 'cpu_models', options.cpuModels?.()),
    latest(last, 'machine_features', options.machineFeatures?.()),
    latest(last, 'versions', options.hypervisorVersions()),
    latest(last, 'network', options.network()),
    options.room(),
    // Not as it was: a pool whose directory is not there now has none.
    soon(options.poolSecret?.() ?? Promise.resolve(null), () => null),
  ])
  return {
    // The machine's own, which may be another than it had as it joined; what it is called in the cloud is the cloud's matter.
    hostname: hostname(),
    agent_version: options.agent_version,
    boot_id: await readBootId(root),
    machine_id: options.machine_id,
    kernel: release(),
    os: parseOsRelease(await readText(join(root, 'etc/os-release'))),
    arch: libvirtArch(),
    cpu_model: cpu.model,
    ...(host_cpu && { host_cpu }),
    cpu_flags: cpu.flags,
    cpus: cpu.cpus,
    cores: cpu.cores,
    sockets: cpu.sockets,
    memory_mib: parseMemTotal_mib(await readText(join(proc, 'meminfo'))) ?? 0,
    huge_pages: await readHugePages(sys),
    numa: await readNuma(sys),
    disks: await readDisks(sys),
    nics: await readNics(sys),
    pci: await readPci(root),
    thread_siblings: await readThreadSiblings(sys),
    ...(cpu_models && { cpu_models }),
    ...(machine_features && { machine_features }),
    virtualisation: options.virtualisation,
    pool_total_gib: room.total_gib,
    pool_free_gib: room.free_gib,
    libvirt_version: versions?.libvirt ?? '',
    qemu_version: versions?.qemu ?? '',
    ...(network ?? unknownNetwork),
    ...(options.pool_id !== undefined && { pool_id: options.pool_id }),
    ...(pool_secret !== null && { pool_secret }),
  }
}

/** An answer that is late for this reading is there for the next. Undefined: there is none. */
function latest<K extends keyof LastSaid>(
  last: LastSaid,
  key: K,
  asked: Promise<LastSaid[K]> | undefined,
): Promise<LastSaid[K]> {
  if (!asked) return Promise.resolve(undefined)
  const noted = asked.then(said => (last[key] = said))
  return soon(noted, () => last[key])
}

/** A daemon that is down must not keep the host from saying hello. */
async function soon<T>(asked: Promise<T>, otherwise: () => T): Promise<T> {
  const late = Promise.withResolvers<null>()
  const timer = setTimeout(() => late.resolve(null), answerWithin_ms)
  try {
    return await Promise.race([asked, late.promise.then(otherwise)])
  } catch {
    return otherwise()
  } finally {
    clearTimeout(timer)
  }
}

/** What a guest sees of the processor that is shown it as it is. */
export async function readHostCpu(root = '/'): Promise<{ model: string; flags: string[] }> {
  const { model, flags } = parseCpuinfo(await readText(join(root, 'proc/cpuinfo')))
  return { model: model.slice(0, 512), flags: [...flags].sort().slice(0, 4096) }
}

export function readBootId(root = '/'): Promise<string> {
  return readText(join(root, 'proc/sys/kernel/random/boot_id'))
}

/**
 * KVM only when the CPU says that it can and the device opens: a /dev/kvm without the CPU's flag (a guest on a cloud that
 * hides it) makes guests hang.
 */
export async function chooseVirtualisation(root = '/'): Promise<'kvm' | 'tcg'> {
  const { flags } = parseCpuinfo(await readText(join(root, 'proc/cpuinfo')))
  const capable = arch() === 'arm64' || flags.includes('vmx') || flags.includes('svm')
  if (!capable) return 'tcg'
  try {
    await (await open(join(root, 'dev/kvm'), constants.O_RDWR)).close()
    return 'kvm'
  } catch {
    return 'tcg'
  }
}

/** Node's name of the architecture in libvirt's words. */
export function libvirtArch(): string {
  const node = arch()
  return node === 'x64' ? 'x86_64' : node === 'arm64' ? 'aarch64' : node
}
