/** Calls about the host and the hypervisor on it. Each is one of libvirt's API, and fails as Rpc.call does. */
import { cpuComparisons, nameOf } from './names.ts'
import { remote } from './procedures.ts'
import type { CallOptions, Rpc } from './rpc.ts'

export interface NodeInfo {
  /** CPU architecture, such as x86_64. */
  model: string
  memory_kib: number
  cpus: number
  mhz: number
  numa_nodes: number
  sockets: number
  cores: number
  threads: number
}

/** What a question about capabilities is for; null or absent: libvirt's choice. */
export interface Target {
  emulator?: string | null
  arch?: string | null
  machine?: string | null
  virt_type?: 'kvm' | 'qemu' | null
}

export class HostCalls {
  readonly #rpc: Rpc

  constructor(rpc: Rpc) {
    this.#rpc = rpc
  }

  /** virConnectGetVersion: the hypervisor's version, such as '7.2.22'. */
  hypervisorVersion(): Promise<string> {
    return this.#rpc.call(remote.connect_get_version, null, body => version(body.u64Number()))
  }

  /** virConnectGetLibVersion: the daemon's version, such as '9.0.0'. */
  libvirtVersion(): Promise<string> {
    return this.#rpc.call(remote.connect_get_lib_version, null, body => version(body.u64Number()))
  }

  /** virConnectGetHostname. */
  hostname(options?: CallOptions): Promise<string> {
    return this.#rpc.call(remote.connect_get_hostname, null, body => body.string(), options)
  }

  /** virConnectGetURI. */
  uri(): Promise<string> {
    return this.#rpc.call(remote.connect_get_uri, null, body => body.string())
  }

  /** virConnectGetType: the driver's name, such as 'QEMU'. */
  driver(): Promise<string> {
    return this.#rpc.call(remote.connect_get_type, null, body => body.string())
  }

  /** virConnectGetCapabilities: XML. The first call makes libvirtd ask every emulator, which takes a second or more. */
  capabilities(): Promise<string> {
    return this.#rpc.call(remote.connect_get_capabilities, null, body => body.string())
  }

  /** virConnectGetDomainCapabilities: XML. */
  domainCapabilities(target: Target = {}): Promise<string> {
    const { emulator, arch, machine, virt_type } = target
    return this.#rpc.call(
      remote.connect_get_domain_capabilities,
      writer =>
        writer.optionalString(emulator).optionalString(arch).optionalString(machine).optionalString(virt_type).u32(0),
      body => body.string(),
    )
  }

  /** virNodeGetInfo. */
  nodeInfo(): Promise<NodeInfo> {
    return this.#rpc.call(remote.node_get_info, null, body => {
      // A char[32] in XDR is 32 words.
      const letters = Array.from({ length: 32 }, () => body.i32())
      const end = letters.indexOf(0)
      return {
        model: String.fromCharCode(...(end < 0 ? letters : letters.slice(0, end)).map(letter => letter & 0x7f)),
        memory_kib: body.u64Number(),
        cpus: body.i32(),
        mhz: body.i32(),
        numa_nodes: body.i32(),
        sockets: body.i32(),
        cores: body.i32(),
        threads: body.i32(),
      }
    })
  }

  /** virNodeGetFreeMemory. */
  freeMemory_bytes(): Promise<number> {
    return this.#rpc.call(remote.node_get_free_memory, null, body => body.u64Number())
  }

  /** virNodeGetMemoryStats of the whole host, in KiB by libvirt's names (total, free, buffers, cached). */
  async memoryStats_kib(): Promise<Record<string, number>> {
    const ALL_CELLS = -1
    const ask = (count: number) =>
      this.#rpc.call(
        remote.node_get_memory_stats,
        writer => writer.i32(count).i32(ALL_CELLS).u32(0),
        body => ({ pairs: body.array(16, () => [body.string(), body.u64Number()] as const), count: body.i32() }),
      )
    // libvirt gives them only to those who know how many there are, and says that to those who ask for none.
    const { count } = await ask(0)
    return Object.fromEntries((await ask(count)).pairs)
  }

  /** virConnectBaselineCPU: the CPU model that all the given hosts' CPUs can run (host CPU XML each). baselineFlag. */
  baselineCpu(cpus: readonly string[], flags = 0): Promise<string> {
    return this.#rpc.call(
      remote.connect_baseline_cpu,
      writer => writer.array(cpus, cpu => writer.string(cpu)).u32(flags),
      body => body.string(),
    )
  }

  /** virConnectBaselineHypervisorCPU: the same, of what the hypervisor can give a guest. */
  baselineHypervisorCpu(cpus: readonly string[], target: Target = {}, flags = 0): Promise<string> {
    const { emulator, arch, machine, virt_type } = target
    return this.#rpc.call(
      remote.connect_baseline_hypervisor_cpu,
      writer => {
        writer.optionalString(emulator).optionalString(arch).optionalString(machine).optionalString(virt_type)
        writer.array(cpus, cpu => writer.string(cpu)).u32(flags)
      },
      body => body.string(),
    )
  }

  /**
   * virConnectCompareHypervisorCPU: whether the hypervisor can give a guest this CPU (a <cpu> element). With
   * compareFlag.fail_incompatible it fails with cpu_incompatible and names what is missing.
   */
  compareHypervisorCpu(
    cpu: string,
    target: Target = {},
    flags = 0,
  ): Promise<'incompatible' | 'identical' | 'superset' | 'unknown'> {
    const { emulator, arch, machine, virt_type } = target
    return this.#rpc.call(
      remote.connect_compare_hypervisor_cpu,
      writer => {
        writer.optionalString(emulator).optionalString(arch).optionalString(machine).optionalString(virt_type)
        writer.string(cpu).u32(flags)
      },
      body => nameOf(cpuComparisons, body.i32()),
    )
  }
}

/** libvirt packs a version into one number: major × 1,000,000 + minor × 1,000 + release. */
function version(number: number): string {
  return `${Math.floor(number / 1_000_000)}.${Math.floor(number / 1_000) % 1_000}.${number % 1_000}`
}
