/** What the scheduler decides on: hosts as they were at one moment, and what is asked. Plain values, nothing else. */
export interface HostSnapshot {
  readonly id: string
  readonly name: string
  readonly zone_id: string
  readonly cluster_id: string
  readonly answers: boolean
  readonly schedulable: boolean
  readonly arch: string
  readonly cpu_flags: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly vcpus_limit: number
  readonly memory_limit_mib: number
  readonly disk_limit_gib: number
  readonly vcpus_claimed: number
  readonly memory_claimed_mib: number
  readonly disk_claimed_gib: number
  /** Hosts of one pool share its room, which is what is said of disk; null or absent: a pool of its own. */
  readonly pool_id?: string | null
  /** Other hosts have it, too. */
  readonly pool_shared?: boolean
}

export interface PlacementAsked {
  readonly vcpus: number
  readonly memory_mib: number
  readonly disk_gib: number
  /** Null: any. */
  readonly zone_id: string | null
  readonly host_id: string | null
  /** Where the volume is that it starts from; absent: it may be anywhere. */
  readonly volume_host_id?: string
  /** And the pool that it is in: any host that has it will do. */
  readonly volume_pool_id?: string
  /** Its disks must be within other hosts' reach. */
  readonly shared_pool?: boolean
  readonly arch: string | null
  readonly cpu_flags: readonly string[]
  /** Labels that the host must carry with these values. */
  readonly labels: Readonly<Record<string, string>>
}

/** How much of a host is promised, as it grows while a batch is being placed. */
export interface Claims {
  vcpus: number
  memory_mib: number
  disk_gib: number
}
