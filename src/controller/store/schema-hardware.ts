/** Tables of hardware that instances have by name or number: a part of schema.ts. */
import type { Generated } from 'kysely'

export interface HostHardwareTable {
  host_id: string
  parts: unknown
}

export interface HardwareClaimTable {
  instance_id: string
  host_id: string
  dedicated_vcpus: number
  pinned_cpus: number
  huge_mib: number
  assigned: unknown
}

export interface HostCpuClaimTable {
  host_id: string
  cpu: number
  instance_id: string
}

export interface HostPciClaimTable {
  host_id: string
  address: string
  instance_id: string
}

export interface PciAliasTable {
  id: string
  name: string
  vendor: string | null
  device: string | null
  class: string | null
  is_nic: Generated<boolean>
  description: Generated<string>
  created_at: Generated<Date>
}
