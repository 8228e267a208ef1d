/** What people call the disks and NICs of an instance that are measured by their place: vda, nic0. Pure. */
import type { Instance } from '../../api/instance.ts'
import type { Volume } from '../../api/volume.ts'
import { diskNames } from '../../model/disk-names.ts'
import { volumeRoles } from '../../model/volume.ts'
import { words as volumeWords } from '../volume/text.ts'

/**
 * A disk by its role, one of data by its name; a NIC by its network and address. Null for what it is not known of. NICs in hardware
 * are not measured, and NICs without an address are not in `addresses`: where the numbers differ, none is called what it may not be.
 */
export function deviceNames(
  { addresses }: Pick<Instance, 'addresses'>,
  volumes: readonly Pick<Volume, 'id' | 'role' | 'name' | 'bus'>[],
): (device: string, all: readonly string[]) => string | null {
  const nics = [...Map.groupBy(addresses, one => one.port_id).values()].flatMap(([first]) => first ?? [])
  const nicNames = new Map(nics.map((one, n) => [`nic${n}`, `${one.network} (${one.address})`]))
  const disks = diskNamesOf(volumes)
  return (device, all) => disks.get(device) ?? (all.length === nicNames.size ? nicNames.get(device) : undefined) ?? null
}

/** In the order in which the guest is given them: the root disk first, those of a role by id. */
function diskNamesOf(volumes: readonly Pick<Volume, 'id' | 'role' | 'name' | 'bus'>[]): Map<string, string> {
  const nameOf = diskNames()
  const rank = (one: Pick<Volume, 'role'>) => volumeRoles.indexOf(one.role)
  const inOrder = volumes.toSorted((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
  return new Map(
    inOrder.map(one => {
      const device = nameOf(one.bus === 'virtio' ? 'virtio' : 'sata')
      const what = (one.role === 'data' && one.name) || volumeWords(`role.${one.role}`)
      return [device, `${what} (${device})`]
    }),
  )
}
