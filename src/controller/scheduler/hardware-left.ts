/** How much a host has left of each thing that instances have by name or number, as the reserve for lost hosts counts it (model/reserve-size.ts). */
import { addTo, devicesName, pagesName, type Things } from '../../model/reserve-size.ts'
import { freePages, type HostHardware } from './hardware-fit.ts'

export function hardwareLeft(host: HostHardware): Things {
  const left = new Map<string, number>()
  for (const node of host.nodes) {
    for (const { size_kib } of node.pages) {
      const free = Math.max(0, freePages(host, node, size_kib))
      addTo(left, pagesName(size_kib), Math.floor((free * size_kib) / 1024))
    }
  }
  const taken = new Set(host.taken.devices)
  for (const { address, aliases } of host.devices) {
    // One of several aliases counts as each of them: it is one's or the other's, as is asked first.
    for (const alias of aliases) addTo(left, devicesName(alias), taken.has(address) ? 0 : 1)
  }
  return left
}
