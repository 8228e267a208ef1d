/** The disks of a guest under the names by which it sees them: said in the domain's XML and in the guest's metadata alike. Pure. */
import { type Bus, diskNames } from '../../model/disk-names.ts'
import type { WantedDisk } from '../../protocol/wanted.ts'

/** q35 has no IDE; a guest that knows only IDE finds SATA in its AHCI mode or not at all. */
export function busOf(disk: Pick<WantedDisk, 'bus'>): Bus {
  return disk.bus === 'ide' ? 'sata' : disk.bus
}

/** The disks, without CD-ROMs, each with its name. */
export function namedDisks(disks: readonly WantedDisk[]): { disk: WantedDisk; name: string; bus: Bus }[] {
  const nameOf = diskNames()
  return disks
    .map(disk => ({ disk, name: nameOf(busOf(disk)), bus: busOf(disk) }))
    .filter(({ disk }) => disk.role !== 'cdrom')
}
