/** What a simulated host says of itself. */
import type { HostFacts } from '../src/protocol/host-facts.ts'

export interface HostSize {
  cpus?: number
  memory_mib?: number
  pool_gib?: number
  /** Whatever else it says. */
  facts?: Partial<HostFacts>
  /** Hosts that say the same share it. */
  pool_id?: string
}

export function factsOf(name: string, size: HostSize = {}): HostFacts {
  return {
    hostname: name,
    agent_version: '0.0.0',
    boot_id: `boot-${name}`,
    machine_id: `machine-${name}`,
    kernel: '6.1',
    os: 'simulated',
    arch: 'x86_64',
    cpu_model: 'simulated',
    cpu_flags: ['sse4_2'],
    cpus: size.cpus ?? 8,
    cores: size.cpus ?? 8,
    sockets: 1,
    memory_mib: size.memory_mib ?? 17_408,
    huge_pages: [],
    numa: [],
    disks: [],
    nics: [],
    pci: [],
    virtualisation: 'tcg',
    pool_total_gib: size.pool_gib ?? 500,
    pool_free_gib: size.pool_gib ?? 500,
    libvirt_version: '9.0.0',
    qemu_version: '7.2',
    ovs_version: '3.1',
    ovn_version: '23.03',
    datapath: 'netdev',
    tunnel_address: '127.0.0.1',
    ...(size.pool_id !== undefined && { pool_id: size.pool_id }),
    ...size.facts,
  }
}
