/**
 * Calls that change or ask about a domain's hardware: devices, disks, memory, processors. Each is one of libvirt's API,
 * and fails as Rpc.call does. `flags` is `affect` (flags.ts) unless said otherwise.
 */
import { nothing } from './domains.ts'
import { type Procedure, remote } from './procedures.ts'
import { type DomainTarget, writeDomain } from './refs.ts'
import type { Rpc } from './rpc.ts'
import { type TypedParam, writeTypedParams } from './typed-params.ts'
import type { XdrWriter } from './xdr.ts'

/** In bytes. */
export interface BlockInfo {
  capacity_bytes: number
  /** Storage in use. */
  allocation_bytes: number
  /** The size of the file or device that holds it. */
  physical_bytes: number
}

/** Tags of virDomainMemoryStatTags, by number. */
const memoryStatNames = [
  'swap_in_kib',
  'swap_out_kib',
  'major_fault',
  'minor_fault',
  'unused_kib',
  'available_kib',
  'actual_balloon_kib',
  'rss_kib',
  'usable_kib',
  'last_update_s',
  'disk_caches_kib',
  'hugetlb_pgalloc',
  'hugetlb_pgfail',
] as const

export class DeviceCalls {
  readonly #rpc: Rpc

  constructor(rpc: Rpc) {
    this.#rpc = rpc
  }

  /** virDomainAttachDeviceFlags. */
  attach(domain: DomainTarget, xml: string, flags = 0): Promise<void> {
    return this.#withText(remote.domain_attach_device_flags, domain, xml, flags)
  }

  /** virDomainDetachDeviceFlags. On a running domain it is a request to the guest: device_removed says that it is gone. */
  detach(domain: DomainTarget, xml: string, flags = 0): Promise<void> {
    return this.#withText(remote.domain_detach_device_flags, domain, xml, flags)
  }

  /** virDomainDetachDeviceAlias: as `detach`, by the device's alias; returns at once. */
  detachByAlias(domain: DomainTarget, alias: string, flags = 0): Promise<void> {
    return this.#withText(remote.domain_detach_device_alias, domain, alias, flags)
  }

  /** virDomainUpdateDeviceFlags (deviceFlag). */
  update(domain: DomainTarget, xml: string, flags = 0): Promise<void> {
    return this.#withText(remote.domain_update_device_flags, domain, xml, flags)
  }

  /** virDomainGetBlockInfo. `disk`: target name (vda) or path. */
  blockInfo(domain: DomainTarget, disk: string): Promise<BlockInfo> {
    return this.#rpc.call(
      remote.domain_get_block_info,
      writer => {
        writeDomain(writer, domain)
        writer.string(disk).u32(0)
      },
      body => ({
        allocation_bytes: body.u64Number(),
        capacity_bytes: body.u64Number(),
        physical_bytes: body.u64Number(),
      }),
    )
  }

  /** virDomainBlockResize of a running domain's disk. */
  blockResize(domain: DomainTarget, disk: string, size_bytes: number): Promise<void> {
    const BYTES = 1
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.string(disk).u64(size_bytes).u32(BYTES)
    }
    return this.#rpc.call(remote.domain_block_resize, encode, nothing)
  }

  /** virDomainSetBlockIoTune: limits by libvirt's names, such as total_iops_sec. */
  setBlockIoTune(domain: DomainTarget, disk: string, params: readonly TypedParam[], flags = 0): Promise<void> {
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.string(disk)
      writeTypedParams(writer, params)
      writer.u32(flags)
    }
    return this.#rpc.call(remote.domain_set_block_io_tune, encode, nothing)
  }

  /** virDomainSetMemoryFlags (memoryFlag). */
  setMemory(domain: DomainTarget, memory_kib: number, flags = 0): Promise<void> {
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.u64(memory_kib).u32(flags)
    }
    return this.#rpc.call(remote.domain_set_memory_flags, encode, nothing)
  }

  /** virDomainSetMemoryStatsPeriod: how often the guest's balloon driver reports; 0 stops it. */
  setMemoryStatsPeriod(domain: DomainTarget, period_s: number, flags = 0): Promise<void> {
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.i32(period_s).u32(flags)
    }
    return this.#rpc.call(remote.domain_set_memory_stats_period, encode, nothing)
  }

  /** virDomainMemoryStats: what the balloon driver last reported, and what the process uses. */
  memoryStats(domain: DomainTarget): Promise<Partial<Record<(typeof memoryStatNames)[number], number>>> {
    return this.#rpc.call(
      remote.domain_memory_stats,
      writer => {
        writeDomain(writer, domain)
        writer.u32(memoryStatNames.length).u32(0)
      },
      body => {
        const stats: Partial<Record<(typeof memoryStatNames)[number], number>> = {}
        body.array(1024, () => {
          const name = memoryStatNames[body.i32()]
          const value = Number(body.u64())
          if (name) stats[name] = value
        })
        return stats
      },
    )
  }

  /** virDomainSetVcpusFlags (vcpuFlag). */
  setVcpus(domain: DomainTarget, count: number, flags = 0): Promise<void> {
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.u32(count).u32(flags)
    }
    return this.#rpc.call(remote.domain_set_vcpus_flags, encode, nothing)
  }

  /** virDomainPinVcpuFlags: where one vCPU may run. `cpus`: numbers of the host's. */
  pinVcpu(domain: DomainTarget, vcpu: number, cpus: readonly number[], flags = 0): Promise<void> {
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.u32(vcpu).opaque(cpuMap(cpus)).u32(flags)
    }
    return this.#rpc.call(remote.domain_pin_vcpu_flags, encode, nothing)
  }

  /** virDomainPinEmulator: where QEMU's own threads may run. */
  pinEmulator(domain: DomainTarget, cpus: readonly number[], flags = 0): Promise<void> {
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.opaque(cpuMap(cpus)).u32(flags)
    }
    return this.#rpc.call(remote.domain_pin_emulator, encode, nothing)
  }

  #withText(procedure: Procedure, domain: DomainTarget, text: string, flags: number): Promise<void> {
    const encode = (writer: XdrWriter) => {
      writeDomain(writer, domain)
      writer.string(text).u32(flags)
    }
    return this.#rpc.call(procedure, encode, nothing)
  }
}

/** A bit for each CPU, the lowest first (VIR_USE_CPU). */
function cpuMap(cpus: readonly number[]): Uint8Array {
  const map = new Uint8Array(Math.floor(Math.max(0, ...cpus) / 8) + 1)
  for (const cpu of cpus) map[cpu >> 3] = (map[cpu >> 3] ?? 0) | (1 << (cpu & 7))
  return map
}
