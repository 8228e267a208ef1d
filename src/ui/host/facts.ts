/** A host's facts as its agent told them. The contract leaves them open, so that agents may tell more: what is not there is not shown. */
import type { Host } from '../../api/host.ts'

export interface Facts {
  hostname?: string
  agent_version?: string
  kernel?: string
  os?: string
  arch?: string
  cpu_model?: string
  machine_id?: string
  cpu_flags?: readonly string[]
  cpus?: number
  cores?: number
  sockets?: number
  memory_mib?: number
  huge_pages?: readonly { size_kib: number; total: number }[]
  numa?: readonly { node: number; cpus: readonly number[]; memory_mib: number }[]
  disks?: readonly { name: string; size_bytes: number; model: string; rotational: boolean }[]
  nics?: readonly {
    name: string
    mac: string
    mtu: number
    speed_mbps: number | null
    driver: string
    sriov_vfs: number
  }[]
  pci?: readonly { address: string; vendor: string; device: string; class: string }[]
  virtualisation?: 'kvm' | 'tcg'
  pool_total_gib?: number
  pool_free_gib?: number
  libvirt_version?: string
  qemu_version?: string
  ovs_version?: string
  ovn_version?: string
  tunnel_address?: string
}

export function factsOf({ facts }: Host): Facts {
  return typeof facts === 'object' && facts !== null ? facts : {}
}

export interface ForeignDomain {
  uuid: string
  name: string
  state: string
}

export function foreignOf({ foreign_domains }: Host): readonly ForeignDomain[] {
  return Array.isArray(foreign_domains) ? (foreign_domains as ForeignDomain[]) : []
}
