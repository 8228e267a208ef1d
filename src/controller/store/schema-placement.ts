/** Tables of placement: a part of schema.ts. */
import type { Generated } from 'kysely'
import type { GroupPolicy } from '../../model/instance-group.ts'

export interface PoolTable {
  id: string
  total_gib: Generated<number>
  free_gib: Generated<number>
  claimed_gib: Generated<number>
  created_at: Generated<Date>
  changes: Generated<number>
  changed_xid: Generated<string>
  secret_sha256: Buffer | null
}

export interface HostClaimTable {
  host_id: string
  pool_id: string | null
  vcpus: Generated<number>
  memory_mib: Generated<number>
  disk_gib: Generated<number>
  /** Of vcpus and memory_mib, what is not shared; CPUs that it takes. By a trigger: migrations/0014. */
  dedicated_vcpus: Generated<number>
  pinned_cpus: Generated<number>
  huge_mib: Generated<number>
  changes: Generated<number>
  changed_xid: Generated<string>
  /** Changes that its host has heard of beyond these: they went with a newer database. */
  passed: Generated<number>
}

export interface InstanceGroupTable {
  id: string
  project_id: string
  name: string
  policy: GroupPolicy
  description: Generated<string>
  version: Generated<number>
  created_at: Generated<Date>
}

export interface PlacementTable {
  id: string
  project_id: string
  instance_id: string | null
  request_id: string | null
  host_id: string | null
  decision: unknown
  created_at: Generated<Date>
}
