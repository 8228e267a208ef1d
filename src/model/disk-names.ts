/**
 * What libvirt, and with it a guest's metadata and its metrics, call each of a guest's disks. Pure. A Linux guest calls its disks so
 * as long as it finds them in their order, which it does.
 */

/** How a guest sees a disk. */
export type Bus = 'virtio' | 'scsi' | 'sata'

/** vda, vdb, … per bus; SCSI and SATA share sd. To be called once for each disk, in their order. */
export function diskNames(): (bus: Bus) => string {
  const used = { vd: 0, sd: 0 }
  return bus => {
    const prefix = bus === 'virtio' ? 'vd' : 'sd'
    return prefix + letters(used[prefix]++)
  }
}

function letters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26))
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last
}
