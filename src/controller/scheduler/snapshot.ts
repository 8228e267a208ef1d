/**
 * What the scheduler decides on: hosts as they were at one moment, and what is asked. Plain values, nothing else; arrays and
 * objects may be shared between hosts. What is read of a host where is in store/host-snapshot.ts.
 */
import { type Capable, fitOnce, type HostHardware, withTaken } from './hardware-fit.ts'
import { claimsHardware, type Hardware } from '../../model/hardware.ts'
import type { GroupPolicy } from '../../model/instance-group.ts'
import { type CpusOfHost, nothing, plus, type ReserveSize, sizeOn } from '../../model/reserve-size.ts'

export interface HostSnapshot {
  readonly id: string
  readonly name: string
  readonly zone_id: string
  readonly cluster_id: string
  readonly answers: boolean
  readonly schedulable: boolean
  /** It is being emptied, or was. */
  readonly maintenance: boolean
  readonly arch: string
  readonly virtualisation: string
  /** The pool for disks that it shares with others of the same id; null: none that is known. */
  readonly pool_id: string | null
  readonly cpu_flags: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly aggregates: readonly AggregateSnapshot[]
  /** What the host lacks of the CPU that its cluster's instances have; null or absent: nothing, as far as is known. */
  readonly cpu_missing?: readonly string[] | null
  /** The CPU that the cluster's instances have, unless something else is asked for. */
  readonly cpu_baseline?: CpuNames | null
  /** CPU models that guests can have there; null or absent: it has not told. */
  readonly cpu_models?: readonly string[] | null
  /** The CPU that a guest can have there at most; null or absent: it has not told. */
  readonly host_cpu?: CpuNames | null
  /** What it has said of CPUs that its cluster has or had, by their keys (cpu-fit.ts). */
  readonly cpu_known?:
    | readonly { readonly key: string; readonly fits: boolean; readonly missing: readonly string[] }[]
    | null
  /** That it has; absent: as many as it may promise. */
  readonly cpus?: number
  readonly vcpus_limit: number
  readonly memory_limit_mib: number
  readonly disk_limit_gib: number
  readonly vcpus_claimed: number
  readonly memory_claimed_mib: number
  readonly disk_claimed_gib: number
  /** Other hosts have its pool, too: what is said of disk is of them all. */
  readonly pool_shared?: boolean
}

/** A CPU by libvirt's names. */
export interface CpuNames {
  readonly model: string
  readonly require: readonly string[]
  readonly disable: readonly string[]
}

/** An aggregate that the host is in. What its metadata may say to the scheduler: filters/aggregate-*.ts. */
export interface AggregateSnapshot {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface PlacementAsked {
  readonly vcpus: number
  readonly memory_mib: number
  readonly disk_gib: number
  /** Whose it is; absent where that does not matter. */
  readonly project_id?: string
  /** Null: any. */
  readonly zone_id: string | null
  readonly host_id: string | null
  /** Where the volume is that it starts from; absent: it may be anywhere. */
  readonly volume_host_id?: string
  /** And the pool that it is in: any host that has it will do. */
  readonly volume_pool_id?: string
  /** Its disks must be within other hosts' reach. */
  readonly shared_pool?: boolean
  /** The pool that its disks are in, to be placed where it is reached. */
  readonly pool_id?: string
  readonly arch: string | null
  readonly virtualisation?: string
  readonly cpu_flags: readonly string[]
  /** The CPU that its guest has, where that is of a model that neither the host nor its flavor chooses. */
  readonly cpu?: CpuNames
  /** Labels that the host must carry with these values. */
  readonly labels: Readonly<Record<string, string>>
  /** What the metadata of aggregates that the host is in must say. */
  readonly aggregates?: Readonly<Record<string, string>>
  readonly image_id?: string
  readonly group?: { readonly id: string; readonly name: string; readonly policy: GroupPolicy }
  /** Instances with none of which, and with all of which, it shall share its host. */
  readonly different_from?: readonly string[]
  readonly same_as?: readonly string[]
  /** What of other things the above comes to, at the moment of the snapshot. It names hosts, so it is kept with no explanation. */
  readonly around?: Around
  /** What of hosts' hardware it asks for by name or number; absent: nothing. */
  readonly hardware?: Hardware
}

export interface Around {
  /** How many other members of the group each host has. */
  readonly group_hosts?: ReadonlyMap<string, number>
  readonly different_hosts?: ReadonlySet<string>
  readonly same_hosts?: ReadonlySet<string>
  /** Where it is, of one that is to go elsewhere. */
  readonly own_host_id?: string
  /** Whose cluster is its own, of one that stays there if it can; without it any cluster will do. */
  readonly near_host_id?: string
  /** That cluster (near.ts). */
  readonly own_cluster_id?: string
  /** Hosts that are out of the question, each with why, as words that follow its name. */
  readonly excluded?: ReadonlyMap<string, string>
  /** Hosts that could take it later, each with why not now, as such words. */
  readonly busy?: ReadonlyMap<string, string>
  /** The pool that its disks are in already, and are counted in: where that is reached they need no room. */
  readonly disks_pool_id?: string
  /** Hosts that have the image already. */
  readonly image_hosts?: ReadonlySet<string>
  /** What hosts have of hardware, and what of that is taken; of those that may be placed on. Only where hardware is asked for. */
  readonly hardware?: ReadonlyMap<string, HostHardware & Capable>
  /** How much more may be promised in a cluster before its reserve for lost hosts is touched; absent: anything. */
  readonly cluster_room?: ReadonlyMap<string, ReserveSize>
}

/** How much of a host is promised, as it grows while a batch is being placed; and what the batch has come to so far. */
export interface Claims {
  vcpus: number
  memory_mib: number
  disk_gib: number
  /** Members of the group asked for. */
  members: number
  /** Where hardware is asked for: the host's, with what of it this batch has taken. */
  hardware?: HostHardware | undefined
  readonly round: Round
}

/** What placing a batch has come to so far, on all hosts together. */
export interface Round {
  /** How many hosts have members of the group. */
  group_hosts: number
  /** What was promised in each cluster in this round. */
  readonly clusters: Map<string, ReserveSize>
  /** Disk promised in each pool that hosts share. */
  readonly pools: Map<string, number>
}

export function roundOf(asked: PlacementAsked): Round {
  return { group_hosts: asked.around?.group_hosts?.size ?? 0, clusters: new Map(), pools: new Map() }
}

export function claimsOf(host: HostSnapshot, asked: PlacementAsked, round: Round): Claims {
  return {
    vcpus: host.vcpus_claimed,
    memory_mib: host.memory_claimed_mib,
    disk_gib: host.disk_claimed_gib,
    members: asked.around?.group_hosts?.get(host.id) ?? 0,
    ...(asked.hardware && { hardware: asked.around?.hardware?.get(host.id) }),
    round,
  }
}

/** What it takes of usual memory: huge pages are set aside already. Pages of 'any' size may turn out to be usual ones. */
export function smallMemoryMib({ memory_mib, hardware }: PlacementAsked): number {
  const size = hardware?.page_size ?? 'small'
  return size === 'small' || size === 'any' ? memory_mib : 0
}

/** What it takes of what the host and its cluster may still promise; null: the host has not the hardware. */
export function sizeThere(host: HostSnapshot, claims: Claims, asked: PlacementAsked): ReserveSize | null {
  const { hardware, vcpus, memory_mib } = asked
  if (!hardware || !claimsHardware(hardware)) return { vcpus, memory_mib }
  const fit = claims.hardware && fitOnce(claims.hardware, hardware)
  return fit?.assigned ? sizeOn(cpusOf(host), asked, fit.assigned, claims.hardware?.taken.cpus.length) : null
}

export function cpusOf({ vcpus_limit, cpus = vcpus_limit }: HostSnapshot): CpusOfHost {
  return { vcpus_limit, cpus }
}

/** vCPUs that it takes of what the host may promise: CPUs of its own take as many as might have shared them. */
export function vcpusNeeded(host: HostSnapshot, claims: Claims, asked: PlacementAsked): number {
  if (asked.hardware?.cpu_policy !== 'dedicated') return asked.vcpus
  // Where it lacks them, that is for another filter to say.
  return sizeThere(host, claims, asked)?.vcpus ?? asked.vcpus
}

/** Whether pages of 'any' size turn out to be huge ones there. Costs a fit: to be asked only where it matters. */
export function getsHugePages({ hardware }: Claims, { hardware: asked }: PlacementAsked): boolean {
  if (asked?.page_size !== 'any' || !hardware) return false
  const fit = fitOnce(hardware, asked)
  return fit.why === undefined && fit.assigned.page_size_kib !== null
}

function takeHardware(claims: Claims, { hardware: asked }: PlacementAsked): void {
  if (!asked || !claims.hardware || !claimsHardware(asked)) return
  const fit = fitOnce(claims.hardware, asked)
  if (fit.why !== undefined) return
  claims.hardware = { ...claims.hardware, taken: withTaken(claims.hardware.taken, fit.assigned) }
}

/** GiB that its disks need there. */
export function diskNeeded({ pool_id }: Pick<HostSnapshot, 'pool_id'>, { disk_gib, around }: PlacementAsked): number {
  return pool_id !== null && pool_id === around?.disks_pool_id ? 0 : disk_gib
}

/** Of a pool that hosts share, what was placed on any of them. */
export function diskClaimed(host: HostSnapshot, claims: Claims): number {
  if (host.pool_shared !== true || host.pool_id === null) return claims.disk_gib
  return host.disk_claimed_gib + (claims.round.pools.get(host.pool_id) ?? 0)
}

/** Promises one instance on the host. Returns which other hosts have to be looked at anew: those of its cluster, or all. */
export function take(host: HostSnapshot, claims: Claims, asked: PlacementAsked): 'none' | 'cluster' | 'all' {
  const { vcpus, memory_mib } = asked
  const size = sizeThere(host, claims, asked) ?? { vcpus, memory_mib }
  claims.vcpus += size.vcpus
  claims.memory_mib += getsHugePages(claims, asked) ? 0 : smallMemoryMib(asked)
  const disk_gib = diskNeeded(host, asked)
  claims.disk_gib += disk_gib
  const { round } = claims
  let again: 'none' | 'cluster' | 'all' = 'none'
  if (asked.around?.cluster_room?.has(host.cluster_id)) {
    round.clusters.set(host.cluster_id, plus(round.clusters.get(host.cluster_id) ?? nothing, size))
    again = 'cluster'
  }
  takeHardware(claims, asked)
  if (host.pool_shared === true && host.pool_id !== null && disk_gib > 0) {
    round.pools.set(host.pool_id, (round.pools.get(host.pool_id) ?? 0) + disk_gib)
    again = 'all'
  }
  if (asked.group) {
    claims.members += 1
    if (claims.members === 1 && (round.group_hosts += 1) === 1) again = 'all'
  }
  return again
}
