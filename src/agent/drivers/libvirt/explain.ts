/**
 * A guest of this host, or of another that has the pool, writes the disk. QEMU says so where the file system passes its own
 * locks on (it opens disks first, the guest paused), virtlockd wherever the folder of its locks is shared.
 */
const disk_is_locked =
  /Lockspace resource '[^']*' is locked|Failed to get "write" lock|Failed to get shared "write" lock/

/** libvirt's sentences are good; its machinery at the end is for the log. */
export function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  if (disk_is_locked.test(text)) {
    return (
      'one of its disks is being written by another guest, on this host or on another that shares the pool, so it is not ' +
      'started: two writers would destroy the disk. See where the guest runs (virsh list on the hosts of the pool), and stop it there.'
    )
  }
  return text.replace(/ \(libvirt \w+, error [^)]*\)+$/, '').slice(0, 1500)
}
