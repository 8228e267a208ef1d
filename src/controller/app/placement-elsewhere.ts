/** What is asked for an instance that there is already and that is to go elsewhere. Not its job: to place it (placement.ts). */
import type { Hardware } from '../../model/hardware.ts'
import type { Cloud } from '../cloud.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import type { Tx } from '../store/database.ts'
import { instanceGroup } from '../store/instance-group.ts'
import { placement } from '../store/placement.ts'
import type { Caller } from './caller.ts'
import { asked as cpuAsked, isOfCluster, type KeptCpu } from './instance-cpu.ts'
import { type Leaves, lookAround } from './placement-around.ts'

/** What of an instance's row placing it anew needs; the row is locked by who asks. */
export interface ExistingInstance extends KeptCpu {
  id: string
  project_id: string
  /** Where it is, and does not go. */
  host_id: string
  zone_id: string
  vcpus: number
  memory_mib: number
  group_id: string | null
  /** Null: as when it was placed. */
  same_as: readonly string[] | null
  different_from: readonly string[] | null
  /** What it was made with of a machine; counts where nothing is known of the rest, as after a restore. */
  hardware?: unknown
}

export interface Elsewhere {
  /** Hosts beside its own that it shall not go to, each with why, as words that follow its name: 'has refused it'. */
  exclude: ReadonlyMap<string, string>
  /** Hosts that take it only later, each with why not now. When nothing else is in the way of one, that is told by the filter `busy`. */
  busy?: ReadonlyMap<string, string> | undefined
  /** To this host and no other. */
  host_id?: string | undefined
  /** Room that its disks need there, GiB. */
  disk_gib: number
  /** The pool that they are in and are counted in: hosts that reach it need no room for them. */
  disks_pool_id?: string | null
  /** Only hosts of this pool. */
  pool_id?: string | undefined
  /** Another zone than its own; null: any. */
  zone_id?: string | null
  /** It has never run, and so no cluster is its own yet, nor the CPU that one has given it. */
  any_cluster?: boolean | undefined
  /** The host that it leaves holds others to it no longer. */
  leaves?: Leaves
  /** It may take what its cluster keeps free for lost hosts: that is what it is kept for. */
  uses_reserve?: boolean | undefined
  /** What its CPU must have beside what was asked for when it was made: all that a guest may have seen that goes on running. */
  cpu_flags?: readonly string[]
  /** Who asks, which is told as much as they may know; without it Croft itself. */
  caller?: Caller | undefined
}

function unknownWish({ hardware }: ExistingInstance): PlacementAsked {
  const size = { vcpus: 0, memory_mib: 0, disk_gib: 0, zone_id: null, host_id: null }
  const kept = hardware ? { hardware: hardware as Hardware } : {}
  return { ...size, arch: null, cpu_flags: [], labels: {}, ...kept }
}

/** What it was made with, as far as that still counts. */
export async function askedOf(
  cloud: Cloud,
  tx: Tx,
  instance: ExistingInstance,
  { exclude, busy, host_id, disk_gib, disks_pool_id, pool_id, zone_id, any_cluster, leaves, cpu_flags = [] }: Elsewhere,
  hold: boolean,
): Promise<PlacementAsked> {
  const made = await placement.askedOf(tx, instance.id)
  const { volume_host_id: _, group: __, pool_id: ___, cpu: ____, ...known } = made ?? unknownWish(instance)
  const { same_as, different_from, ...kept } = known
  const cpu = any_cluster && isOfCluster(instance) ? null : cpuAsked(instance)
  const beside = instance.same_as ?? same_as ?? []
  const apart = instance.different_from ?? different_from ?? []
  const group = instance.group_id === null ? null : await instanceGroup.find(tx, instance.group_id)
  const asked: PlacementAsked = {
    ...kept,
    project_id: instance.project_id,
    vcpus: instance.vcpus,
    memory_mib: instance.memory_mib,
    disk_gib,
    zone_id: zone_id === undefined ? instance.zone_id : zone_id,
    host_id: host_id ?? null,
    cpu_flags: [...new Set([...kept.cpu_flags, ...cpu_flags])],
    ...(cpu && { cpu }),
    ...(pool_id !== undefined && { pool_id }),
    ...(beside.length > 0 && { same_as: beside }),
    ...(apart.length > 0 && { different_from: apart }),
    ...(group && { group: { id: group.id, name: group.name, policy: group.policy } }),
    around: {
      own_host_id: instance.host_id,
      ...(!any_cluster && { near_host_id: instance.host_id }),
      excluded: exclude,
      ...(busy && { busy }),
      ...(disks_pool_id && { disks_pool_id }),
    },
  }
  return await lookAround(cloud, tx, asked, { hold, moving: instance.id, leaves })
}
