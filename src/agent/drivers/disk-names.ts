/**
 * Under which name the guest sees each of its disks: said in the domain's XML and in the guest's metadata alike. Pure. The names
 * are libvirt's; a Linux guest calls its disks so as long as it finds them in their order, which it does.
 */
import type { WantedDisk } from '../../protocol/wanted.ts'

export type Bus = 'virtio' | 'scsi' | 'sata'

/** q35 has no IDE; a guest that knows only IDE finds SATA in its AHCI mode or not at all. */
export function busOf(disk: Pick<WantedDisk, 'bus'>): Bus {
  return disk.bus === 'ide' ? 'sata' : disk.bus
}

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

/** The disks, without CD-ROMs, each with its name. */
export function namedDisks(disks: readonly WantedDisk[]): { disk: WantedDisk; name: string; bus: Bus }[] {
  const nameOf = diskNames()
  return disks
    .map(disk => ({ disk, name: nameOf(busOf(disk)), bus: busOf(disk) }))
    .filter(({ disk }) => disk.role !== 'cdrom')
}
