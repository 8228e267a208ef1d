/**
 * Picks PCI devices for what is asked by alias. Pure. A device may answer to several aliases, so it is a matching of requests and devices,
 * found with augmenting paths (Kuhn's algorithm).
 */
import type { AssignedHardware, PciRequest } from '../../model/hardware.ts'
import type { HostDevice, HostHardware } from './hardware-fit.ts'

/** Devices that nobody has, nor shares a group with one that somebody has. */
export function freeDevices({ devices, taken }: Pick<HostHardware, 'devices' | 'taken'>): HostDevice[] {
  const gone = new Set(taken.devices)
  const groups = new Set(devices.flatMap(one => (gone.has(one.address) && one.group !== null ? one.group : [])))
  return devices.filter(one => !gone.has(one.address) && (one.group === null || !groups.has(one.group)))
}

/** Null when there are not enough. Those on `nodes` first; with `only_near`, no others. */
export function pickDevices(
  host: Pick<HostHardware, 'devices' | 'taken'>,
  asked: readonly PciRequest[],
  nodes: ReadonlySet<number> | null,
  only_near = false,
): AssignedHardware['pci'] | null {
  const slots = asked.flatMap(({ alias, count }) => Array.from({ length: count }, () => alias))
  if (slots.length === 0) return []
  const isNear = (one: HostDevice) => nodes === null || one.node === null || nodes.has(one.node)
  const free = freeDevices(host).filter(one => !only_near || isNear(one))
  const candidates = [...free.filter(isNear), ...free.filter(one => !isNear(one))]
  const holder = new Map<string, number>()
  const seat = (slot: number, seen: Set<string>): boolean => {
    for (const { address, aliases } of candidates) {
      if (seen.has(address) || !aliases.includes(slots[slot] ?? '')) continue
      seen.add(address)
      const other = holder.get(address)
      if (other !== undefined && !seat(other, seen)) continue
      holder.set(address, slot)
      return true
    }
    return false
  }
  for (const slot of slots.keys()) if (!seat(slot, new Set())) return null
  const bySlot = [...holder].sort(([, a], [, b]) => a - b)
  return bySlot.map(([address, slot]) => ({ alias: slots[slot] ?? '', address }))
}
