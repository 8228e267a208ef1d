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
    tunnel_address: tunnelAddressOf(name),
    ...(size.pool_id !== undefined && poolOf(size.pool_id)),
    ...size.facts,
  }
}

/** What a host says that reads the directory of this pool. */
export const poolOf = (pool_id: string) => ({ pool_id, pool_secret: `what lies in the directory of ${pool_id}` })

/** One of a network for tests (RFC 2544), nearly always another one for another name. */
function tunnelAddressOf(name: string): string {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) % 65_025
  return `198.18.${1 + Math.floor(hash / 255)}.${1 + (hash % 255)}`
}
