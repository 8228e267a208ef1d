/** What a volume is for, and the state that every API shows of it. Pure. */

/** In the order in which the guest sees them: its first disk is its root. */
export const volumeRoles = ['root', 'ephemeral', 'swap', 'data'] as const
export type VolumeRole = (typeof volumeRoles)[number]

/** 'in-use': of an instance, also of a deleted one until that is purged. 'deleting': until its host has removed it. */
export const volumeStates = ['available', 'in-use', 'deleting'] as const
export type VolumeState = (typeof volumeStates)[number]

export function volumeState(volume: { instance_id: string | null; deleted: boolean }): VolumeState {
  if (volume.deleted) return 'deleting'
  return volume.instance_id === null ? 'available' : 'in-use'
}

/** What an instance can start from. */
export const bootSources = ['image', 'volume', 'iso', 'network'] as const
export type BootSource = (typeof bootSources)[number]

/** What quota and hosts reckon with: whole GiB. */
export function gibOf(size_mib: number): number {
  return Math.ceil(size_mib / 1024)
}
